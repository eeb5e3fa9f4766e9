//! Starting, using and stopping a hub.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::access::Access;
use crate::fault::{Fault, FaultTarget, Times};
use crate::fixture::{ModelFixture, PublishedModel};
use crate::git::Git;
use crate::log::{Recorder, RequestLog};
use crate::models::Models;
use crate::server::{Limits, Settings, Shared, Signing, Sockets, serve};

/// A hub on loopback, and its data host on another port, until it is dropped.
///
/// It runs on threads of its own, so that plain tests, tests in any async runtime and other processes can use it
/// alike, and any number of hubs at once. Its repositories and files are in a temporary folder that goes with it.
#[derive(Debug)]
pub struct LocalHub {
    shared: Arc<Shared>,
    // The order matters: the threads end before the folder goes.
    running: Option<Running>,
    folder: TempDir,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl LocalHub {
    /// A hub without models.
    ///
    /// # Panics
    ///
    /// It cannot be started; [`LocalHubBuilder::try_start`] says why in an error.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A hub with other than the usual properties.
    pub fn builder() -> LocalHubBuilder {
        LocalHubBuilder::default()
    }

    /// What `HF_ENDPOINT` would be: `http://127.0.0.1:PORT` and the path prefix, if it has one.
    pub fn endpoint(&self) -> String {
        self.shared.endpoint()
    }

    /// Scheme, host and port of the data host.
    pub fn data_origin(&self) -> String {
        self.shared.data_origin.clone()
    }

    /// Serves the fixture. When the model is there already, this is a new commit on top of the branch; the earlier
    /// commits can still be resolved.
    ///
    /// # Panics
    ///
    /// See [`LocalHub::try_publish`].
    pub fn publish(&self, fixture: &ModelFixture) -> PublishedModel {
        or_panic(self.try_publish(fixture))
    }

    /// [`LocalHub::publish`] that tells what went wrong.
    ///
    /// # Errors
    ///
    /// The fixture makes no sense (its name is not `user/repo`, its real manifest is none), or git or the disk
    /// refused.
    pub fn try_publish(&self, fixture: &ModelFixture) -> Result<PublishedModel> {
        self.shared.models.publish(fixture, false)
    }

    /// Like [`LocalHub::publish`], but the commit has no parents and the branch is moved to it by force.
    ///
    /// # Panics
    ///
    /// See [`LocalHub::try_publish`].
    pub fn replace(&self, fixture: &ModelFixture) -> PublishedModel {
        or_panic(self.shared.models.publish(fixture, true))
    }

    /// Renames a model: requests for the old name are redirected (307) to the new one.
    pub fn rename(&self, old: &str, new: &str) {
        self.shared.models.rename(old, new);
    }

    /// Changes who may read a model.
    pub fn set_access(&self, id: &str, access: Access) {
        self.shared.models.set_access(id, access);
    }

    /// All requests so far and to come.
    pub fn log(&self) -> RequestLog {
        RequestLog::new(Arc::clone(&self.shared.recorder))
    }

    /// From now on something goes wrong. Faults that fit the same request are applied one at a time, in the order
    /// in which they were given.
    pub fn fault(&self, target: impl Into<FaultTarget>, fault: Fault, times: Times) {
        self.shared.faults.add(target.into(), fault, times);
    }

    /// How many applications of faults are still to come; one that is for ever counts as one.
    pub fn faults_left(&self) -> usize {
        self.shared.faults.left()
    }

    /// Forgets all faults that are still to come.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// All signed URLs that were handed out expire at once: the data host answers 403.
    pub fn expire_signed_urls(&self) {
        self.shared.signing.expire_all();
    }

    /// The bare repository of a model, for looking into it or changing it with [`LocalHub::git`].
    pub fn repository(&self, id: &str) -> Option<PathBuf> {
        self.shared.models.repository_folder(id)
    }

    /// The git that the hub uses, cut off from the user's settings.
    pub fn git(&self) -> Git {
        self.shared.models.git().clone()
    }

    /// The hub's temporary folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Drop for LocalHub {
    fn drop(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            drop(stop);
            // A thread that panicked has said so, and there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

/// Properties of a [`LocalHub`].
#[derive(Clone, Debug)]
pub struct LocalHubBuilder {
    settings: Settings,
    url_lifetime: Duration,
    quota: Option<(u64, Duration)>,
    parent: Option<PathBuf>,
}

impl Default for LocalHubBuilder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            url_lifetime: Duration::from_secs(3600),
            quota: None,
            parent: None,
        }
    }
}

impl LocalHubBuilder {
    /// The endpoint has a path, as a mirror's may (`/hf`).
    #[must_use]
    pub fn path_prefix(mut self, prefix: &str) -> Self {
        let path = prefix.trim_matches('/');
        self.settings.prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        self
    }

    /// Every answer of hub and data host comes this much later.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.settings.latency = latency;
        self
    }

    /// Tokens that are valid. A hub that knows none (here or from [`Access`]) takes any token; otherwise unknown
    /// ones are refused.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.settings.tokens.push(token.to_owned());
        self
    }

    /// How long signed URLs are good (an hour).
    #[must_use]
    pub fn url_lifetime(mut self, lifetime: Duration) -> Self {
        self.url_lifetime = lifetime;
        self
    }

    /// Enforces a rate limit: `quota` requests to `/resolve/`, and as many for git, per window. Without it the
    /// limits of the real hub are announced but not enforced.
    #[must_use]
    pub fn rate_limit(mut self, quota: u64, window: Duration) -> Self {
        self.quota = Some((quota, window));
        self
    }

    /// The data host refuses (400) requests without `Range` for files above this size.
    #[must_use]
    pub fn whole_file_limit(mut self, bytes: u64) -> Self {
        self.settings.whole_file_limit = Some(bytes);
        self
    }

    /// Keeps the hub's files in a temporary folder below `parent` instead of the system's.
    #[must_use]
    pub fn files_in(mut self, parent: impl Into<PathBuf>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// See [`LocalHubBuilder::try_start`].
    pub fn start(self) -> LocalHub {
        or_panic(self.try_start())
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// git is missing or has no `git http-backend`, or there is no port, folder or thread to be had.
    pub fn try_start(self) -> Result<LocalHub> {
        let folder = self.make_folder().context("make a temporary folder for the local hub")?;
        let sockets = Sockets::bind()?;
        let (hub_origin, data_origin) = sockets.origins()?;
        let shared = Arc::new(Shared {
            models: Models::new(folder.path().to_owned())?,
            settings: self.settings,
            faults: crate::fault::FaultQueue::default(),
            recorder: Arc::new(Recorder::new()),
            signing: Signing::new(self.url_lifetime),
            limits: match self.quota {
                Some((quota, window)) => Limits::enforced(quota, window),
                None => Limits::announced(),
            },
            hub_origin,
            data_origin,
        });
        let running = run(sockets, Arc::clone(&shared))?;
        Ok(LocalHub { shared, running: Some(running), folder })
    }

    fn make_folder(&self) -> std::io::Result<TempDir> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("local-hub-");
        match &self.parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        }
    }
}

/// Serves on a thread of its own until the sender is dropped.
fn run(sockets: Sockets, shared: Arc<Shared>) -> Result<Running> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("local-hub")
        .enable_all()
        .build()
        .context("start the local hub's runtime")?;
    let (stop, stopped) = oneshot::channel();
    let serving = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = stopped => {}
                _ = serve(sockets, shared) => {}
            }
        });
        // Connections, and the git programs of those, end with their tasks.
        runtime.shutdown_timeout(Duration::from_secs(5));
    };
    let thread =
        std::thread::Builder::new().name("local-hub".to_owned()).spawn(serving).context("start a thread")?;
    Ok(Running { stop, thread })
}

#[track_caller]
#[expect(clippy::panic, reason = "a test that cannot have its hub or its model has failed")]
fn or_panic<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("local hub: {error:#}"),
    }
}
