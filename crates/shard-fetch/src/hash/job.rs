//! A file to hash.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use url_parse::DiskError;

use super::fresh::{Fresh, Memory, MemoryBlock};
use super::lanes::{Engine, Stream};
use super::read::BLOCK_BYTES;
use super::read::read_exact_at;
use crate::{Digests, Error, Expected, KeepAlive, StreamHasher};

/// A file to hash.
pub(crate) struct HashJob {
    /// The file's name in messages.
    pub(crate) path: PathBuf,
    /// The file, open for reading. It may be written at the same time.
    pub(crate) file: Arc<File>,
    /// Its size, and the digests to compute.
    pub(crate) expected: Expected,
    /// Released, after `file` is closed, before the result is delivered; after a cancellation, soon.
    #[expect(dead_code, reason = "never read: it is to be dropped last")]
    pub(crate) keep_alive: KeepAlive,
}

/// If hashing lags further behind, bytes are not kept in memory but read back.
const SOON: u64 = 1 << 20;

/// The progress of a file, shared by its writer and its hashing thread.
pub(super) struct Progress {
    /// Every byte before this position is written.
    available: AtomicU64,
    /// Every byte before this position is hashed.
    hashed: AtomicU64,
    cancelled: AtomicBool,
    /// Written bytes that are still in memory.
    fresh: Fresh,
}

impl Progress {
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            available: AtomicU64::new(0),
            hashed: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            fresh: Fresh::new(memory),
        }
    }

    pub(super) fn raise_available(&self, end: u64) {
        self.available.fetch_max(end, Ordering::Relaxed);
    }

    /// `bytes` are about to become available at `at`, contiguous with everything before. They are kept
    /// in memory if they will be hashed soon.
    pub(super) fn append(&self, at: u64, bytes: &[u8]) {
        if at <= self.hashed.load(Ordering::Relaxed) + SOON {
            self.fresh.offer(at, bytes);
        }
    }

    #[cfg(test)]
    pub(super) fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// Delivers the result of a job.
pub(super) type Deliver = Box<dyn FnOnce(Result<Digests, Error>) + Send>;

/// A file that is being hashed.
pub(super) struct Task {
    job: HashJob,
    progress: Arc<Progress>,
    hasher: StreamHasher,
    /// Computes digests instead of `hasher`.
    lane: Option<Stream>,
    /// Wrong digests computed in a lane. Only `md-5` and `sha2` can confirm them.
    doubted: Option<Digests>,
    deliver: Deliver,
}

/// The outcome of a turn.
pub(super) enum Turn {
    /// More of the file must be hashed.
    GoOn,
    /// The job ended with this result.
    Ended(Result<Digests, Error>),
    /// The result is no longer wanted.
    Cancelled,
}

impl Task {
    pub(super) fn new(
        job: HashJob,
        progress: Arc<Progress>,
        engine: Option<Engine>,
        deliver: Deliver,
    ) -> Self {
        // A file smaller than a block never shares a turn.
        let small = job.expected.size < BLOCK_BYTES as u64;
        let lane = engine.filter(|_| !small).and_then(|engine| engine.new_stream(&job.expected));
        let rest = lane.as_ref().map_or(job.expected, |lane| lane.rest_of(job.expected));
        let hasher = StreamHasher::for_expected(&rest);
        Self { job, progress, hasher, lane, doubted: None, deliver }
    }

    /// How many available bytes are not hashed yet.
    pub(super) fn backlog(&self) -> u64 {
        self.available().saturating_sub(self.hasher.size())
    }

    /// Whether a turn would make progress: there is a whole block, or the end of the file.
    pub(super) fn is_ready(&self) -> bool {
        self.is_cancelled() || self.next_bytes() > 0 || self.is_at_end()
    }

    /// Whether there is no reason to wait for more of this file.
    pub(super) fn is_complete(&self) -> bool {
        self.is_cancelled() || self.available() == self.job.expected.size
    }

    /// Whether the next turn is the file's last, and hashes no whole block.
    pub(super) fn is_at_last_block(&self) -> bool {
        self.is_cancelled() || self.is_complete() && !self.has_whole_block()
    }

    /// Whether this file's next block can be hashed together with other files'.
    pub(super) fn fills_a_lane(&self) -> bool {
        self.lane.is_some() && self.has_whole_block() && !self.is_cancelled()
    }

    pub(super) fn has_whole_block(&self) -> bool {
        self.next_bytes() == BLOCK_BYTES
    }

    /// Hashes at most this many available blocks. `buffer` has the size of a block.
    pub(super) fn turn(&mut self, blocks: usize, buffer: &mut [u8]) -> Turn {
        for _ in 0..blocks {
            let block = buffer.get_mut(..self.next_bytes()).unwrap_or_default();
            if block.is_empty() || self.is_cancelled() {
                break;
            }
            let here = match self.read(block) {
                Ok(here) => here,
                Err(error) => return Turn::Ended(Err(error)),
            };
            if let Some(lane) = &mut self.lane {
                lane.update(here.as_deref().and_then(|here| here.get(..block.len())).unwrap_or(block));
            }
        }
        self.after_turn()
    }

    /// Gets the file's next bytes, at most `block`'s size, and hashes them, except for digests that
    /// [`lane`](Self::lane) computes afterwards. Returns them if they were in memory; otherwise they
    /// are in `block`.
    pub(super) fn read(&mut self, block: &mut [u8]) -> Result<Option<MemoryBlock>, Error> {
        let (at, length) = (self.hasher.size(), block.len());
        let in_memory = self.progress.fresh.take(at, length);
        if in_memory.is_none() {
            read_exact_at(&self.job.file, block, at)
                .map_err(|error| DiskError::new("read", &self.job.path, error))?;
        }
        self.hasher.update(in_memory.as_deref().and_then(|bytes| bytes.get(..length)).unwrap_or(block));
        Ok(in_memory)
    }

    pub(super) fn lane(&mut self) -> Option<&mut Stream> {
        self.lane.as_mut()
    }

    /// The outcome after a turn, or a block of it.
    pub(super) fn after_turn(&mut self) -> Turn {
        self.progress.hashed.fetch_max(self.hasher.size(), Ordering::Relaxed);
        if self.is_cancelled() {
            return Turn::Cancelled;
        }
        if !self.is_at_end() {
            return Turn::GoOn;
        }
        let mut digests = self.hasher.clone().finish();
        if let Some(lane) = self.lane.take() {
            lane.finish(&mut digests);
            if self.job.expected.check(&digests).is_err() {
                self.doubted = Some(digests);
                self.hasher = StreamHasher::for_expected(&self.job.expected);
                return Turn::GoOn;
            }
        } else if self.doubted.is_some_and(|doubted| doubted != digests) {
            let file = url_parse::shown(&self.job.path);
            tracing::warn!(%file, "a digest computed in lanes is not that of md-5 and sha2, which is right");
        }
        Turn::Ended(Ok(digests))
    }

    /// Releases the file, then delivers the result.
    pub(super) fn end(self, result: Result<Digests, Error>) {
        let Self { job, deliver, .. } = self;
        drop(job);
        deliver(result);
    }

    fn is_cancelled(&self) -> bool {
        self.progress.cancelled.load(Ordering::Relaxed)
    }

    fn is_at_end(&self) -> bool {
        self.hasher.size() >= self.job.expected.size
    }

    fn available(&self) -> u64 {
        self.progress.available.load(Ordering::Relaxed).min(self.job.expected.size)
    }

    /// How many bytes can be hashed at once: a block, fewer at the file's end, or none yet.
    fn next_bytes(&self) -> usize {
        match usize::try_from(self.backlog()) {
            Ok(ready) if ready >= BLOCK_BYTES => BLOCK_BYTES,
            Ok(ready) if self.available() == self.job.expected.size => ready,
            Ok(_) => 0,
            Err(_) => BLOCK_BYTES,
        }
    }
}
