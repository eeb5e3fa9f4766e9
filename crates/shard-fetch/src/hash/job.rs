//! One file to hash.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::BLOCK_BYTES;
use super::read::read_exact_at;
use crate::{Digests, Error, Expected, KeepAlive, StreamHasher};

/// A file to hash.
pub(crate) struct HashJob {
    /// What messages call the file.
    pub(crate) path: PathBuf,
    /// The file, open for reading. Somebody may be writing to it at the same time.
    pub(crate) file: Arc<File>,
    /// How many bytes it will have, and which digests are wanted.
    pub(crate) expected: Expected,
    /// Released, and `file` closed, before the result is out; after cancellation, soon.
    #[expect(dead_code, reason = "never read: it is to be dropped last")]
    pub(crate) keep_alive: KeepAlive,
}

/// How far a file is; seen by who writes it and by who hashes it.
#[derive(Default)]
pub(super) struct Progress {
    /// Every byte before this one is written.
    available: AtomicU64,
    /// Every byte before this one is hashed.
    hashed: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    pub(super) fn raise_available(&self, end: u64) {
        self.available.fetch_max(end, Ordering::Relaxed);
    }

    pub(super) fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Takes the result of a job.
pub(super) type Deliver = Box<dyn FnOnce(Result<Digests, Error>) + Send>;

/// A file that is being hashed.
pub(super) struct Task {
    job: HashJob,
    progress: Arc<Progress>,
    hasher: StreamHasher,
    deliver: Deliver,
}

/// What comes after a turn.
pub(super) enum Turn {
    /// More of the file is to be hashed.
    GoOn,
    /// The end, good or bad.
    Ended(Result<Digests, Error>),
    /// Nobody waits for this file any more.
    Cancelled,
}

impl Task {
    pub(super) fn new(job: HashJob, progress: Arc<Progress>, deliver: Deliver) -> Self {
        let hasher = StreamHasher::for_expected(&job.expected);
        Self { job, progress, hasher, deliver }
    }

    /// Whether a turn would get on: there is a whole block, or the file's end.
    pub(super) fn is_ready(&self) -> bool {
        self.is_cancelled() || self.next_bytes() > 0 || self.hasher.size() >= self.job.expected.size
    }

    /// Hashes at most `turn` bytes of what is there. `buffer` has a block's size.
    pub(super) fn turn(&mut self, turn: u64, buffer: &mut [u8]) -> Turn {
        let stop = self.hasher.size() + turn;
        while self.hasher.size() < stop {
            if self.is_cancelled() {
                return Turn::Cancelled;
            }
            let Some(block) = buffer.get_mut(..self.next_bytes()).filter(|block| !block.is_empty()) else {
                break;
            };
            if let Err(error) = read_exact_at(&self.job.file, block, self.hasher.size()) {
                return Turn::Ended(Err(Error::disk("read", &self.job.path, error)));
            }
            self.hasher.update(block);
            self.progress.hashed.store(self.hasher.size(), Ordering::Relaxed);
        }
        if self.hasher.size() < self.job.expected.size {
            return Turn::GoOn;
        }
        Turn::Ended(Ok(self.hasher.clone().finish()))
    }

    /// Lets go of the file, then hands over the result.
    pub(super) fn end(self, result: Result<Digests, Error>) {
        let Self { job, deliver, .. } = self;
        drop(job);
        deliver(result);
    }

    fn is_cancelled(&self) -> bool {
        self.progress.cancelled.load(Ordering::Relaxed)
    }

    /// How many bytes can be hashed at once: a block, less at the file's end, or none yet.
    fn next_bytes(&self) -> usize {
        let size = self.job.expected.size;
        let available = self.progress.available.load(Ordering::Relaxed).min(size);
        let ready = available.saturating_sub(self.hasher.size());
        match usize::try_from(ready) {
            Ok(ready) if ready < BLOCK_BYTES && available < size => 0,
            Ok(ready) => ready.min(BLOCK_BYTES),
            Err(_) => BLOCK_BYTES,
        }
    }
}
