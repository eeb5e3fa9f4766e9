//! What every way to show progress can do, and the thread that has it do so.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use facade::{Event, Model};

use super::view::View;

/// A way to show progress.
pub(super) trait Face: Send + Sync {
    /// How often it wants to be shown how things are; `None`: never.
    fn period(&self) -> Option<Duration>;
    /// Shows how things are.
    fn show(&self, view: &View);
    /// Tells of something that has just happened.
    fn tell(&self, event: &Event<'_>);
    /// Tells what an interrupted program still waits for.
    fn finishing(&self, words: &str);
    /// Shows how it ended; nothing follows.
    fn end(&self, ending: &Ending<'_>);
}

/// How getting a model ended.
pub(super) struct Ending<'a> {
    /// The model, when there is one.
    pub(super) outcome: Option<&'a Model>,
    pub(super) view: &'a View,
}

/// Something that is done again and again, on a thread of its own. When dropped, it waits for what it is doing.
pub(super) struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Does it once in every period. If the system refuses a thread, it is left undone.
    pub(super) fn start(period: Duration, mut tick: impl FnMut() + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
        });
        Self { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A tick that panicked has said so already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_goes_on_until_it_is_dropped() {
        let (ticked, ticks) = mpsc::channel();
        let ticker = Ticker::start(Duration::from_millis(1), move || {
            let _ = ticked.send(());
        });
        ticks.recv().unwrap();
        ticks.recv().unwrap();
        drop(ticker);
        // Its end of the channel is gone, too.
        assert!(ticks.into_iter().count() < 1_000_000);
    }
}
