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

use crate::fault::{Fault, FaultTarget, Times};
use crate::fixture::{Access, ModelFixture, PublishedModel};
use crate::git::Git;
use crate::log::RequestLog;
use crate::server::{Shared, Sockets, Tls, serve};
use crate::trouble::Trouble;

/// A hub on loopback, with its data host on another port, until it is dropped.
///
/// It runs on its own threads, so plain tests, tests in any async runtime and other processes can use
/// it, and any number of hubs at once. It checks where tokens are sent: see
/// [`LocalHub::take_violations`]. Its repositories and files are in a temporary folder that is removed
/// with it.
#[derive(Debug)]
pub struct LocalHub {
    shared: Arc<Shared>,
    running: Option<Running>,
    /// Removed after the threads have ended.
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
    /// If it cannot be started; [`LocalHubBuilder::try_start`] returns the error instead.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A hub with other properties.
    pub fn builder() -> LocalHubBuilder {
        LocalHubBuilder::default()
    }

    /// The value for `HF_ENDPOINT`: `http://127.0.0.1:PORT` (with TLS, `https`) and the path prefix, if
    /// it has one.
    pub fn endpoint(&self) -> String {
        self.shared.endpoint()
    }

    /// Scheme, host and port of the data host.
    pub fn data_origin(&self) -> String {
        self.shared.data_origin.clone()
    }

    /// The certificate, in PEM, of the authority of a hub with TLS.
    ///
    /// # Panics
    ///
    /// If the hub has no TLS.
    #[expect(clippy::expect_used, reason = "a test that asks for it has a hub with TLS")]
    pub fn ca_certificate(&self) -> &str {
        self.tls().expect("a hub with TLS").ca_certificate()
    }

    /// How many connections ended during the TLS handshake, usually because the client did not trust
    /// the certificate.
    pub fn failed_handshakes(&self) -> usize {
        self.tls().map_or(0, Tls::failures)
    }

    fn tls(&self) -> Option<&Tls> {
        self.shared.tls.as_ref()
    }

    /// Serves the fixture. If the model exists already, this adds a new commit to the branch; earlier
    /// commits can still be resolved. `HEAD` and access become those of this fixture.
    ///
    /// # Panics
    ///
    /// See [`LocalHub::try_publish`].
    pub fn publish(&self, fixture: &ModelFixture) -> PublishedModel {
        or_panic(self.try_publish(fixture))
    }

    /// Like [`LocalHub::publish`], but returns an error.
    ///
    /// # Errors
    ///
    /// If the fixture is invalid (its name is not `user/repo`, its real manifest is not a manifest), or
    /// git or the disk failed.
    pub fn try_publish(&self, fixture: &ModelFixture) -> Result<PublishedModel> {
        self.shared.models.publish(fixture, false)
    }

    /// Like [`LocalHub::publish`], but the commit has no parents and the branch is moved to it by
    /// force.
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

    /// Deletes a commit that no reference leads to any more, as a hub does that cleans up after
    /// [`LocalHub::replace`]: git no longer has it; with `api_remembers`, only the API and `/resolve/`
    /// still do.
    ///
    /// # Errors
    ///
    /// If there is no such model, or git failed.
    pub fn forget(&self, id: &str, commit: &str, api_remembers: bool) -> Result<()> {
        self.shared.models.forget(id, commit, api_remembers)
    }

    /// Changes who may read a model.
    pub fn set_access(&self, id: &str, access: Access) {
        self.shared.models.set_access(id, access);
    }

    /// All requests so far and in the future.
    pub fn log(&self) -> RequestLog {
        RequestLog::new(Arc::clone(&self.shared.recorder))
    }

    /// From now on any token sent here is a violation: this hub is not the one that the token is for.
    pub fn take_no_token(&self) {
        self.shared.recorder.take_no_token();
    }

    /// Violations by the clients under test (those named `mlc-weights/…`): a token sent where it must
    /// not be, or missing where it should be. Clears the list. A hub that is dropped with violations
    /// panics, so tests need not check.
    pub fn take_violations(&self) -> Vec<String> {
        self.shared.recorder.take_violations()
    }

    /// The number of open TCP connections to the data host, active or idle.
    pub fn open_data_connections(&self) -> usize {
        self.shared.data_connections.count()
    }

    /// The same for the hub itself.
    pub fn open_hub_connections(&self) -> usize {
        self.shared.hub_connections.count()
    }

    /// Adds a fault. Faults that match the same request are applied one at a time, in the order in
    /// which they were given.
    pub fn fault(&self, target: impl Into<FaultTarget>, fault: Fault, times: Times) {
        self.shared.faults.add(target.into(), fault, times);
    }

    /// Sets the trouble of the line and resets all counts to zero.
    pub fn set_trouble(&self, trouble: Trouble) {
        self.shared.line.set(trouble);
    }

    /// How many uses of faults are left; an unlimited one counts as one.
    pub fn faults_left(&self) -> usize {
        self.shared.faults.left()
    }

    /// Removes all remaining faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// All signed URLs issued so far expire at once: the data host answers 403.
    pub fn expire_signed_urls(&self) {
        self.shared.signing.expire_all();
    }

    /// The bare repository of a model, for inspecting or changing it with [`LocalHub::git`].
    pub fn repository(&self, id: &str) -> Option<PathBuf> {
        self.shared.models.repository_folder(id)
    }

    /// The hub's git, isolated from the user's settings.
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
            // A thread that panicked has reported it, and there is nothing left to stop.
            let _ = thread.join();
        }
        let violations = self.take_violations();
        // A failing test already reports its reason.
        assert!(violations.is_empty() || std::thread::panicking(), "tokens: {violations:#?}");
    }
}

/// Serves on a separate thread until the sender is dropped.
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
        // Connections, and their git programs, end with their tasks.
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
