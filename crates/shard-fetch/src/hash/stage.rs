//! The hashing threads and the handles to them.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::batch;
use super::fresh::Memory;
use super::job::{Deliver, HashJob, Progress, Task};
use super::lanes::{Engine, MAX_LANES};
use super::queue::{Queue, Sharing};
use crate::{Digests, Error};

/// No network keeps more threads busy.
const MAX_FETCH_THREADS: usize = 4;

/// How many bytes hashing may lag behind a download to fill its lanes, divided by the number of cores. With
/// few cores, hashing and the network compete for them; with many, only the end of the download counts.
const FETCH_LAG: u64 = 512 << 20;

/// A few threads that hash files while they are written. Dropping it ends them after their current
/// blocks and cancels unfinished jobs.
pub(crate) struct HashStage {
    queue: Arc<Queue>,
    engine: Option<Engine>,
    threads: Vec<JoinHandle<()>>,
    memory: Memory,
}

impl HashStage {
    /// Starts as many threads as the machine has cores, but no more than a download can keep busy.
    ///
    /// # Errors
    ///
    /// The system cannot start a thread.
    pub(crate) fn start() -> Result<Self, Error> {
        let cores = all_cores().get();
        Self::new(cores.min(MAX_FETCH_THREADS), FETCH_LAG / cores as u64, Engine::detect())
    }

    /// Starts this many threads, at least one. For `lag` see [`Sharing`].
    pub(super) fn new(threads: usize, lag: u64, engine: Option<Engine>) -> Result<Self, Error> {
        let threads = threads.max(1);
        // Without lanes there is nothing to wait for.
        let (lanes, lag) = if engine.is_some() { (MAX_LANES, lag) } else { (1, 0) };
        let queue = Arc::new(Queue::new(Sharing { threads, lanes, lag }));
        let memory = Memory::default();
        let mut stage = Self { queue, engine, threads: Vec::with_capacity(threads), memory };
        for _ in 0..threads {
            match stage.spawn() {
                Ok(thread) => stage.threads.push(thread),
                // One thread is enough.
                Err(_) if !stage.threads.is_empty() => break,
                Err(source) => return Err(Error::Thread { source }),
            }
        }
        Ok(stage)
    }

    /// Accepts a file that has no bytes yet.
    pub(crate) fn begin(&self, job: HashJob) -> HashHandle {
        let (sender, result) = oneshot::channel();
        // The result may no longer be wanted.
        let progress = self.submit(job, 0, Box::new(move |ended| drop(sender.send(ended))));
        HashHandle { queue: Arc::clone(&self.queue), progress, result }
    }

    /// Accepts a file with `available` bytes.
    pub(super) fn submit(&self, job: HashJob, available: u64, deliver: Deliver) -> Arc<Progress> {
        let progress = Arc::new(Progress::new(self.memory.clone()));
        progress.raise_available(available);
        self.queue.add(Task::new(job, Arc::clone(&progress), self.engine, deliver));
        progress
    }

    /// Ends the threads and waits for them, for the time of a block.
    pub(super) fn stop(mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }

    fn spawn(&self) -> io::Result<JoinHandle<()>> {
        let (queue, engine) = (Arc::clone(&self.queue), self.engine);
        let run = move || batch::work(&queue, engine);
        thread::Builder::new().name("shard-fetch-hash".to_owned()).spawn(run)
    }
}

impl Drop for HashStage {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The number of threads that this machine runs at once.
pub(super) fn all_cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A file that is being hashed. Dropping it cancels the job: after its current block, a thread drops
/// the file and what it keeps alive.
pub(crate) struct HashHandle {
    queue: Arc<Queue>,
    progress: Arc<Progress>,
    result: oneshot::Receiver<Result<Digests, Error>>,
}

impl HashHandle {
    /// Keeps bytes that are written in order in memory until they are hashed, if there is space.
    pub(crate) fn append(&self, at: u64, bytes: &[u8]) {
        self.progress.append(at, bytes);
    }

    /// Reports that everything before `contiguous_end` is written. Never lowers an earlier value, and
    /// never blocks.
    pub(crate) fn available_to(&self, contiguous_end: u64) {
        self.queue.update(|| self.progress.raise_available(contiguous_end));
    }

    /// The position up to which the file is hashed.
    #[cfg(test)]
    pub(crate) fn hashed_to(&self) -> u64 {
        self.progress.hashed()
    }

    /// Waits for the digests, which are ready once the whole file is available.
    ///
    /// # Errors
    ///
    /// [`Error::Disk`] if the file cannot be read, [`net::Error::Cancelled`] if the stage has ended.
    ///
    /// # Cancellation
    /// Dropping the future cancels the job.
    pub(crate) async fn finished(mut self) -> Result<Digests, Error> {
        (&mut self.result).await.unwrap_or(Err(net::Error::Cancelled.into()))
    }
}

impl Drop for HashHandle {
    fn drop(&mut self) {
        self.queue.update(|| self.progress.cancel());
    }
}
