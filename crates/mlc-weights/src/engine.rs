//! What a download needs and a hit does not.

use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use facade::Error;
use tokio::runtime::Runtime;

use crate::exit::Failure;
use crate::interrupts::Interrupts;
use crate::progress::{Display, Progress};

/// How long an interrupted program waits for blocking work to end, so that with everything else it is over
/// within a second. Whatever then still runs is cut off, as a crash would do, which the cache is made for.
const GRACE: Duration = Duration::from_millis(700);

/// More threads than this no network keeps busy. The hashing of what comes has threads of its own.
const MOST_NETWORK_THREADS: usize = 4;

/// A runtime, and an ear for interruptions.
pub(crate) struct Engine {
    runtime: Runtime,
    interrupts: Interrupts,
}

impl Engine {
    pub(crate) fn start() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(network_threads(thread::available_parallelism().map_or(1, NonZeroUsize::get)))
            .enable_all()
            .build()
            .map_err(Failure::Runtime)?;
        Ok(Self { runtime, interrupts: Interrupts::listen() })
    }

    /// The engine, which is started if it is not running yet.
    pub(crate) fn started(engine: &mut Option<Self>) -> Result<&Self, Failure> {
        let running = match engine.take() {
            Some(running) => running,
            None => Self::start()?,
        };
        Ok(engine.insert(running))
    }

    /// Carries out some work, unless it is interrupted first. A publication that has begun by then is waited for.
    pub(crate) fn run<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        progress: &Progress,
    ) -> Result<T, Failure> {
        self.runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            tokio::select! {
                outcome = &mut work => return outcome.map_err(Failure::from),
                () = self.interrupts.first() => {}
            }
            if progress.tells_of_finishing() {
                // However it ends, no more was wanted.
                let _ = work.await;
            }
            Err(Failure::Interrupted { kept: None, has_begun: true })
        })
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupts.is_heard()
    }

    /// Ends what interrupted work has left running. Tells when that is held up: the system lets no process go whose
    /// data it is writing.
    pub(crate) fn stop(self, display: Display) {
        let began = Instant::now();
        self.runtime.shutdown_timeout(GRACE);
        if began.elapsed() >= GRACE {
            display.finishing("waiting for the disk to save what was downloaded");
        }
    }
}

/// How many threads read from the network on so many cores. Each has its own part of the heap, which what it reads
/// leaves holes in, so that few of them take less memory; on two cores one is as fast as two.
fn network_threads(cores: usize) -> usize {
    (cores / 2).clamp(1, MOST_NETWORK_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_cores_read_from_the_network_but_never_many() {
        let threads = [1, 2, 3, 4, 8, 9, 64].map(network_threads);
        assert_eq!(threads, [1, 1, 1, 2, 4, 4, 4]);
    }
}
