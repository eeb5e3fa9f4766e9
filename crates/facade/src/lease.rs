//! What a download owns while it works: the slot's lock and a run's folder.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_layout::{CacheLayout, ContentName, Purpose, Run, Slot, SlotLock};
use parking_lot::{Mutex, RwLock};
use shard_fetch::{Expected, resumable_bytes};

use crate::plan::RemoteFile;
use crate::threads::blocking;
use crate::{Error, Event, Observer};

/// The interval of a run's heartbeats. Other processes treat it as abandoned only after many missed
/// ones.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// The lock and the run, shared by every blocking job of a download.
///
/// A dropped future leaves jobs that continue writing for a moment. Each of them holds the lease, so
/// that the run's folder is removed and the lock released only after the last one has ended.
pub(crate) struct Lease {
    pub(crate) layout: CacheLayout,
    pub(crate) slot: Slot,
    pub(crate) purpose: Purpose,
    /// Declared before the lock, so that it is dropped first. `None` once it was taken for publishing.
    run: RwLock<Option<Run>>,
    /// The work is no longer wanted.
    is_given_up: AtomicBool,
    /// `None` for work that publishes nothing.
    lock: Option<SlotLock>,
    /// The files to be fetched.
    wanted: Mutex<Vec<RemoteFile>>,
    watcher: Arc<dyn Observer>,
}

impl Lease {
    /// Begins a run. Blocks.
    pub(crate) fn begin(
        layout: &CacheLayout,
        slot: &Slot,
        purpose: Purpose,
        lock: Option<SlotLock>,
        watcher: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let run = RwLock::new(Some(layout.begin_run(slot, purpose)?));
        let (is_given_up, wanted) = (AtomicBool::new(false), Mutex::default());
        let (layout, slot) = (layout.clone(), slot.clone());
        Ok(Self { layout, slot, purpose, run, is_given_up, lock, wanted, watcher })
    }

    /// Records files to be fetched.
    pub(crate) fn want(&self, files: &[RemoteFile]) {
        self.wanted.lock().extend_from_slice(files);
    }

    /// Fails if the download was dropped: for long jobs, which call it regularly.
    pub(crate) fn go_on(&self) -> Result<(), Error> {
        if self.is_given_up.load(Ordering::Relaxed) { Err(net::Error::Cancelled.into()) } else { Ok(()) }
    }

    /// Whether this is a real download rather than a dry run.
    pub(crate) fn may_publish(&self) -> bool {
        self.lock.is_some()
    }

    /// The slot's directory in the writable tier, if a run could replace it.
    pub(crate) fn existing_entry(&self) -> Option<PathBuf> {
        self.layout.existing_entry(&self.slot)
    }

    /// Runs a job on a thread for blocking work. The job holds the lease until it ends, even if this
    /// future is dropped.
    pub(crate) async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Self, &Run) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let lease = Arc::clone(self);
        blocking(move || {
            // It may have waited for a thread.
            lease.go_on()?;
            let run = lease.run.read();
            let run = run.as_ref().ok_or(net::Error::Cancelled)?;
            run.check()?;
            job(&lease, run)
        })
        .await
    }

    /// Runs the last job, which takes the run to publish it. The lock stays.
    pub(crate) async fn publish<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Self, Run) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let lease = Arc::clone(self);
        blocking(move || {
            let run = lease.run.write().take();
            job(&lease, run.ok_or(net::Error::Cancelled)?)
        })
        .await
    }

    /// Replaces internal paths in an error by those that the user knows.
    pub(crate) fn shown(&self, mut error: Error) -> Error {
        if let Some(path) = error.local_path_mut()
            && let Some(shown) = self.run.read().as_ref().and_then(|run| run.shown(path))
        {
            *path = shown;
        }
        error
    }

    /// Sends the run's heartbeats while this future is polled; it never completes.
    pub(crate) async fn beat(self: &Arc<Self>) -> Infallible {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let beat = self.on_disk(|_, run| {
                run.beat();
                Ok(())
            });
            // A published run no longer needs heartbeats.
            let _ = beat.await;
        }
    }
}

/// The last job has ended. What exists now is what the next run finds, unless this one was published.
impl Drop for Lease {
    fn drop(&mut self) {
        let (may_publish, wanted) = (self.may_publish(), std::mem::take(self.wanted.get_mut()));
        if let Some(run) = self.run.get_mut()
            && may_publish
            && !wanted.is_empty()
        {
            self.watcher.on_event(&Event::Kept { bytes: kept_bytes(run, &wanted) });
        }
    }
}

/// How many bytes of these files the next run need not request.
fn kept_bytes(run: &Run, files: &[RemoteFile]) -> u64 {
    // A repository may have the same content under two names.
    let contents: HashMap<_, _> = files.iter().map(|file| (&file.content, &file.expected)).collect();
    let kept = |(content, expected): (&ContentName, &Expected)| match run.pooled(content) {
        Some(size) if size == expected.size => size,
        _ => resumable_bytes(&run.part(content), expected),
    };
    contents.into_iter().map(kept).sum()
}

/// Marks the work as no longer wanted when dropped, so that remaining jobs stop.
pub(crate) struct GiveUpOnDrop(pub(crate) Arc<Lease>);

impl Drop for GiveUpOnDrop {
    fn drop(&mut self) {
        self.0.is_given_up.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use cache_layout::{CacheConfig, LockAttempt};
    use tokio::sync::oneshot;
    use url_parse::ModelUrl;

    use super::*;

    #[tokio::test]
    async fn a_job_that_is_left_behind_keeps_the_run_and_the_lock() {
        #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
        let folder = tempfile::tempdir().unwrap();
        let layout = CacheLayout::new(CacheConfig::new(folder.path())).unwrap();
        let slot = layout.slot("HF://a/b".parse::<ModelUrl>().unwrap().model());
        let LockAttempt::Acquired(lock) = layout.try_lock(&slot).unwrap() else { panic!("the lock is held") };
        let watcher = Arc::new(|_: &Event<'_>| ());
        let lease = Arc::new(Lease::begin(&layout, &slot, Purpose::Fresh, Some(lock), watcher).unwrap());

        let (began, has_begun) = oneshot::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let tree = tokio::select! {
            tree = has_begun => tree.unwrap(),
            _ = lease.on_disk(move |_, run| {
                began.send(run.tree().to_owned()).unwrap();
                may_end.recv().unwrap();
                assert!(run.tree().is_dir());
                Ok(())
            }) => panic!("the job has ended"),
        };
        lease.go_on().unwrap();
        drop(GiveUpOnDrop(Arc::clone(&lease)));
        assert_eq!(lease.go_on().unwrap_err().kind(), crate::ErrorKind::Cancelled);
        assert_eq!(lease.on_disk(|_, _| Ok(())).await.unwrap_err().kind(), crate::ErrorKind::Cancelled);
        drop(lease);
        assert!(matches!(layout.try_lock(&slot).unwrap(), LockAttempt::HeldBy(_)));
        end.send(()).unwrap();
        while let LockAttempt::HeldBy(_) = layout.try_lock(&slot).unwrap() {
            tokio::task::yield_now().await;
        }
        assert!(!tree.exists());
    }
}
