//! Starting, using and stopping a hub.

mod builder;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::sync::oneshot;

pub use builder::LocalHubBuilder;

use crate::access::Access;
use crate::fault::{Fault, FaultTarget, Times};
use crate::fixture::{ModelFixture, PublishedModel};
use crate::git::Git;
use crate::log::RequestLog;
use crate::server::{Shared, Sockets, Tls, serve};
use crate::trouble::Trouble;

/// A hub on loopback, and its data host on another port, until it is dropped.
///
/// It runs on threads of its own, so that plain tests, tests in any async runtime and other processes can use it
/// alike, and any number of hubs at once. Where tokens go is watched: see [`LocalHub::take_violations`]. Its
/// repositories and files are in a temporary folder that goes with it.
#[derive(Debug)]
pub struct LocalHub {
    shared: Arc<Shared>,
    running: Option<Running>,
    /// Goes after the threads have ended.
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

    /// What `HF_ENDPOINT` would be: `http://127.0.0.1:PORT` (with TLS, `https`) and the path prefix, if it has one.
    pub fn endpoint(&self) -> String {
        self.shared.endpoint()
    }

    /// Scheme, host and port of the data host.
    pub fn data_origin(&self) -> String {
        self.shared.data_origin.clone()
    }

    /// The certificate of the authority that vouches for a hub with TLS, in PEM.
    ///
    /// # Panics
    ///
    /// The hub has no TLS.
    #[expect(clippy::expect_used, reason = "a test that asks for it has a hub with TLS")]
    pub fn ca_certificate(&self) -> &str {
        self.tls().expect("a hub with TLS").ca_certificate()
    }

    /// How many connections ended while TLS was being agreed on: as a rule because the client did not trust the
    /// certificate.
    pub fn failed_handshakes(&self) -> usize {
        self.tls().map_or(0, Tls::failures)
    }

    fn tls(&self) -> Option<&Tls> {
        self.shared.tls.as_ref()
    }

    /// Serves the fixture. When the model is there already, this is a new commit on top of the branch; the earlier
    /// commits can still be resolved. `HEAD` and access become those of this fixture.
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
    /// The fixture makes no sense (its name is not `user/repo`, its real manifest is not a manifest), or git or the disk
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

    /// Loses a commit that no reference leads to any more, as a hub does that cleans up after
    /// [`LocalHub::replace`]: git does not have it, and with `api_remembers` only the API and `/resolve/` still do.
    ///
    /// # Errors
    ///
    /// There is no such model, or git refused.
    pub fn forget(&self, id: &str, commit: &str, api_remembers: bool) -> Result<()> {
        self.shared.models.forget(id, commit, api_remembers)
    }

    /// Changes who may read a model.
    pub fn set_access(&self, id: &str, access: Access) {
        self.shared.models.set_access(id, access);
    }

    /// All requests so far and to come.
    pub fn log(&self) -> RequestLog {
        RequestLog::new(Arc::clone(&self.shared.recorder))
    }

    /// From now on a token that comes here is one too many: this hub is another than the one whose token it is.
    pub fn take_no_token(&self) {
        self.shared.recorder.take_no_token();
    }

    /// Where the clients under test (they name themselves `mlc-weights/…`) have sent a token that they had to keep to
    /// themselves, or kept one back; it is forgotten then. A hub that is dropped with one of these panics: tests need
    /// not ask.
    pub fn take_violations(&self) -> Vec<String> {
        self.shared.recorder.take_violations()
    }

    /// How many TCP connections to the data host are open at this moment, whether they carry something or not.
    pub fn open_data_connections(&self) -> usize {
        self.shared.data_connections.count()
    }

    /// The same for the hub itself.
    pub fn open_hub_connections(&self) -> usize {
        self.shared.hub_connections.count()
    }

    /// From now on something goes wrong. Faults that fit the same request are applied one at a time, in the order
    /// in which they were given.
    pub fn fault(&self, target: impl Into<FaultTarget>, fault: Fault, times: Times) {
        self.shared.faults.add(target.into(), fault, times);
    }

    /// From now on the line is like this, and all counts start at zero.
    pub fn set_trouble(&self, trouble: Trouble) {
        self.shared.line.set(trouble);
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
    pub fn folder(&self) -> &Path {
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
        let violations = self.take_violations();
        // A test that fails already says what is wrong.
        assert!(violations.is_empty() || std::thread::panicking(), "tokens: {violations:#?}");
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
