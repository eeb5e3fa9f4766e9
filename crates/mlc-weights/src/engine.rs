//! What a download needs and a hit does not.

use std::time::Duration;

use facade::Error;
use tokio::runtime::Runtime;

use crate::exit::Failure;
use crate::interrupts::Interrupts;

/// How long an interrupted program waits for blocking work to end, so that with everything else it is over
/// within a second. Whatever then still runs is cut off, as a crash would do, which the cache is made for.
const GRACE: Duration = Duration::from_millis(700);

/// A runtime, and an ear for interruptions.
pub(crate) struct Engine {
    runtime: Runtime,
    interrupts: Interrupts,
}

impl Engine {
    pub(crate) fn start() -> Result<Self, Failure> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
        Ok(Self { runtime, interrupts: Interrupts::listen() })
    }

    /// Carries out some work, unless it is interrupted first.
    pub(crate) fn run<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        self.runtime.block_on(async {
            tokio::select! {
                outcome = work => outcome.map_err(Failure::from),
                () = self.interrupts.first() => Err(Failure::Interrupted),
            }
        })
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupts.is_heard()
    }

    /// Ends what interrupted work has left running.
    pub(crate) fn stop(self) {
        self.runtime.shutdown_timeout(GRACE);
    }
}
