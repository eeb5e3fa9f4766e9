//! What a download needs and a hit does not: a runtime, and a listener for Ctrl-C and everything else that asks a
//! program to end: a signal on Unix, Ctrl-Break and a closed window on Windows.

use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use facade::Error;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::exit::{self, Failure};
use crate::progress::{Display, Progress};

/// How long an interrupted program waits for blocking work to end, so that with everything else it is over
/// within a second. What still runs then is cut off, as in a crash, which the cache is made for.
const GRACE: Duration = Duration::from_millis(700);

/// No network keeps more threads busy. Hashing has threads of its own.
const MOST_NETWORK_THREADS: usize = 4;

/// A runtime, and a listener for interruptions.
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

    /// Does some work, unless it is interrupted first. Waits for a publication that has begun by then.
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
                // Its outcome does not matter: the user has asked to end.
                let _ = work.await;
            }
            Err(Failure::Interrupted { kept: None, has_begun: true })
        })
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupts.is_heard()
    }

    /// Ends what interrupted work has left running. Says so if that takes long: the system does not let a process end
    /// while it writes its data.
    pub(crate) fn stop(self, display: Display) {
        let began = Instant::now();
        self.runtime.shutdown_timeout(GRACE);
        if began.elapsed() >= GRACE {
            display.finishing("waiting for the disk to write what was downloaded");
        }
    }
}

/// How many threads read from the network, for a number of cores. Each has its own part of the heap, which its buffers
/// fragment, so fewer threads take less memory; on two cores one is as fast as two.
fn network_threads(cores: usize) -> usize {
    (cores / 2).clamp(1, MOST_NETWORK_THREADS)
}

/// Reports the first interruption. The second ends the process at once, whatever it is doing: as safe as a
/// crash, which the cache is made for.
struct Interrupts {
    heard: watch::Receiver<bool>,
}

impl Interrupts {
    /// Listens from now on, on a thread of its own: the second interruption must be noticed even while the
    /// download's runtime shuts down.
    fn listen() -> Self {
        let (sender, heard) = watch::channel(false);
        let (starting, listens) = mpsc::channel::<()>();
        thread::spawn(move || listen(&sender, starting));
        // Nothing is sent: it ends when the other end is dropped.
        let _ = listens.recv();
        Self { heard }
    }

    /// Whether there was one.
    fn is_heard(&self) -> bool {
        *self.heard.borrow()
    }

    /// Completes at the first interruption, even if that was long ago.
    async fn first(&self) {
        let mut heard = self.heard.clone();
        if heard.wait_for(|heard| *heard).await.is_err() {
            // Without a listener the system ends the process at the signal, which is as safe.
            std::future::pending::<()>().await;
        }
    }
}

/// Drops `starting` as soon as a signal no longer ends the process.
fn listen(sender: &watch::Sender<bool>, starting: mpsc::Sender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::new() else { return };
        drop(starting);
        exit::interrupted_by(signals.next().await);
        sender.send_replace(true);
        signals.next().await;
        leave();
    });
}

#[expect(clippy::exit, reason = "a second interrupt asks for no more waiting")]
fn leave() -> ! {
    std::process::exit(exit::Status::Interrupted.number())
}

/// The number of SIGINT.
const INTERRUPT: i32 = 2;

/// The number of SIGTERM.
#[cfg(unix)]
const TERMINATE: i32 = 15;

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => TERMINATE,
        }
    }
}

/// Ctrl-C, Ctrl-Break, and the closing of the console's window.
#[cfg(windows)]
struct Signals {
    c: tokio::signal::windows::CtrlC,
    r#break: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
}

#[cfg(windows)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        Ok(Self { c: ctrl_c()?, r#break: ctrl_break()?, close: ctrl_close()? })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.c.recv() => {}
            _ = self.r#break.recv() => {}
            _ = self.close.recv() => {}
        }
        INTERRUPT
    }
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
