//! What a download owns while it works: the slot's lock and a run's folder.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use cache_layout::{Run, SlotLock};

use crate::Error;

/// How often a run shows that it is alive. Others take it for abandoned only after many missed beats.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// The lock and the run, shared by every blocking job of a download.
///
/// A dropped future leaves jobs behind that write for a moment longer. Each of them holds the lease, so that
/// neither the run's folder is removed nor the lock given up before the last one has ended.
pub(crate) struct Lease {
    /// Declared before the lock, and so dropped before it. `None` once the run has been published.
    run: RwLock<Option<Run>>,
    _lock: Option<SlotLock>,
}

impl Lease {
    pub(crate) fn new(run: Run, lock: SlotLock) -> Arc<Self> {
        Arc::new(Self { run: RwLock::new(Some(run)), _lock: Some(lock) })
    }

    /// For work that makes nothing visible.
    pub(crate) fn without_lock(run: Run) -> Arc<Self> {
        Arc::new(Self { run: RwLock::new(Some(run)), _lock: None })
    }

    /// Uses the run, unless it has been published already.
    pub(crate) fn with_run<T>(&self, use_it: impl FnOnce(&Run) -> Result<T, Error>) -> Result<T, Error> {
        let run = self.run.read().unwrap_or_else(PoisonError::into_inner);
        run.as_ref().map_or(Err(Error::Cancelled), use_it)
    }

    /// Takes the run for publishing; the lock stays.
    pub(crate) fn take_run(&self) -> Option<Run> {
        self.run.write().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Runs a blocking job that holds the lease until it has ended.
pub(crate) async fn with_lease<T: Send + 'static>(
    lease: &Arc<Lease>,
    job: impl FnOnce(&Lease) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let lease = Arc::clone(lease);
    blocking(move || job(&lease)).await
}

/// Runs a blocking job on a thread for such jobs. A panic in it goes on in the caller.
pub(crate) async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // What the job tells belongs to what the task is doing.
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(job)).await {
        Ok(outcome) => outcome,
        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
        Err(_) => Err(Error::Cancelled),
    }
}

/// Shows that the run is alive, for as long as this future is polled; it never completes.
pub(crate) async fn beat(lease: &Arc<Lease>) -> Infallible {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let beat = with_lease(lease, |lease| {
            lease.with_run(|run| {
                run.beat();
                Ok(())
            })
        });
        // A published run has nothing to show any more.
        let _ = beat.await;
    }
}
