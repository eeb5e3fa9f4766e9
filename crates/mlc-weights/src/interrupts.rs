//! Ctrl-C, and what else asks a program to end: a signal on Unix, Ctrl-Break and a closed window on Windows.

use std::sync::atomic::{AtomicI32, Ordering};

use tokio::sync::watch;

/// 128 and the number of SIGINT.
const INTERRUPTED: i32 = 128 + 2;

/// The exit status of an interrupted program: 128 and the number of the first signal.
static STATUS: AtomicI32 = AtomicI32::new(INTERRUPTED);

/// What a program that was interrupted ends with.
pub(crate) fn status() -> i32 {
    STATUS.load(Ordering::Relaxed)
}

/// Hears of the first interruption. The second ends the process at once, whatever it is doing: as safe as a
/// crash, which the cache is made for.
pub(crate) struct Interrupts {
    heard: watch::Receiver<bool>,
}

impl Interrupts {
    /// Begins to listen, on a thread of its own: the second interruption must be heard also while the
    /// download's runtime is being shut down.
    pub(crate) fn listen() -> Self {
        let (sender, heard) = watch::channel(false);
        std::thread::spawn(move || listen(&sender));
        Self { heard }
    }

    /// Whether there was one.
    pub(crate) fn is_heard(&self) -> bool {
        *self.heard.borrow()
    }

    /// Completes at the first interruption, also when that is long ago.
    pub(crate) async fn first(&self) {
        let mut heard = self.heard.clone();
        if heard.wait_for(|heard| *heard).await.is_err() {
            // Nobody listens: then the system ends the process at the signal, which is as safe.
            std::future::pending::<()>().await;
        }
    }
}

fn listen(sender: &watch::Sender<bool>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::new() else { return };
        STATUS.store(signals.next().await, Ordering::Relaxed);
        sender.send_replace(true);
        signals.next().await;
        leave();
    });
}

#[expect(clippy::exit, reason = "a second interrupt asks for no more waiting")]
fn leave() -> ! {
    std::process::exit(status())
}

/// 128 and the number of SIGTERM.
#[cfg(unix)]
const TERMINATED: i32 = 128 + 15;

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

    async fn next(&mut self) -> i32 {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
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
        INTERRUPTED
    }
}
