//! The scheduler: which files are being fetched, and what the first failure does to the others.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use net_policy::{Gate, RetryPolicy};
use tokio::task::{JoinSet, spawn_blocking};

use super::get::Network;
use super::part::ended;
use super::{FileRequest, KeepAlive, space, transfer};
use crate::{Error, FetchEvent, Locator, Observer};

/// What all files of one fetch share.
pub(super) struct Shared {
    pub(super) network: Network,
    pub(super) retry: RetryPolicy,
    pub(super) durable: bool,
    pub(super) locator: Arc<dyn Locator>,
    /// Held when the locator's server asks for it.
    pub(super) locator_gate: Gate,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) outstanding: Outstanding,
    #[expect(dead_code, reason = "never read: it is to be dropped last")]
    pub(super) keep_alive: KeepAlive,
}

/// How many bytes of all files are still to come.
pub(super) struct Outstanding(AtomicU64);

impl Outstanding {
    pub(super) fn new(files: &[FileRequest]) -> Self {
        Self(AtomicU64::new(total(files)))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn subtract(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Fetches all `files`, at most `limit` at a time. Dropping the future drops the tasks.
pub(super) async fn run(
    shared: Arc<Shared>,
    files: Vec<FileRequest>,
    limit: NonZeroUsize,
) -> Result<(), Error> {
    refuse_shared_files(&files)?;
    shared.observer.on_event(FetchEvent::Planned { files: files.len(), bytes: total(&files) });
    let files = prepare(&shared, files).await?;

    let mut waiting = files.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < limit.get()
            && let Some(file) = waiting.next()
        {
            running.spawn(transfer::fetch(Arc::clone(&shared), file));
        }
        let Some(joined) = running.join_next().await else { return Ok(()) };
        if let Err(error) = ended(joined) {
            running.shutdown().await;
            return Err(error);
        }
    }
}

async fn prepare(shared: &Arc<Shared>, files: Vec<FileRequest>) -> Result<Vec<FileRequest>, Error> {
    let shared = Arc::clone(shared);
    let job = spawn_blocking(move || {
        let prepared = space::prepare(&files).map(|()| files);
        drop(shared);
        prepared
    });
    ended(job.await)
}

fn refuse_shared_files(files: &[FileRequest]) -> Result<(), Error> {
    let mut seen: HashSet<&Path> = HashSet::with_capacity(2 * files.len());
    let paths = files.iter().flat_map(|file| [&file.part, &file.destination]);
    match paths.into_iter().find(|path| !seen.insert(path)) {
        Some(path) => Err(Error::SameLocalFile { path: path.clone() }),
        None => Ok(()),
    }
}

fn total(files: &[FileRequest]) -> u64 {
    files.iter().fold(0, |sum, file| sum.saturating_add(file.expected.size))
}
