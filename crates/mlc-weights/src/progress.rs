//! How a download shows that it moves.
//!
//! Events only move counters ([`tally`]); a ticker looks at them now and then ([`view`]) and shows what it sees
//! on one of the faces: a bar, lines, or JSON. So a screen moves, or says why it does not, also while there are
//! no events, and a fast download is not slowed down by being watched.

mod bar;
mod block;
mod face;
mod json;
mod plain;
mod rate;
mod rows;
mod screen;
mod summary;
mod tally;
mod text;
mod ticker;
mod view;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use facade::{Event, Model, ModelRef};

use self::face::{Ending, Face};
pub(crate) use self::screen::{Display, Screen};
pub(crate) use self::summary::Summary;
use self::tally::Tally;
use self::ticker::Ticker;
use self::view::Watch;
use crate::exit::Failure;

/// The progress of one model.
pub(crate) struct Progress {
    tally: Arc<Tally>,
    watch: Arc<Mutex<Watch>>,
    face: Arc<dyn Face>,
    ticker: Mutex<Option<Ticker>>,
    /// Nothing is told any more: what an interrupted download leaves running may still hear of something.
    ended: Mutex<bool>,
}

impl Progress {
    pub(crate) fn new(display: Display, model: &ModelRef) -> Arc<Self> {
        let tally = Arc::new(Tally::default());
        let watch = Watch::new(Arc::clone(&tally), Instant::now());
        Arc::new(Self {
            tally,
            watch: Arc::new(Mutex::new(watch)),
            face: face::of(display, model),
            ticker: Mutex::new(None),
            ended: Mutex::new(false),
        })
    }

    /// Begins to show how it goes, until the end. A hit does not need this.
    pub(crate) fn watch(&self) {
        let Some(period) = self.face.period() else { return };
        let (watch, face) = (Arc::clone(&self.watch), Arc::clone(&self.face));
        let ticker = Ticker::start(period, move || face.show(&look(&watch)));
        *self.ticker.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticker);
    }

    /// Takes note of a step.
    pub(crate) fn on_event(&self, event: &Event<'_>) {
        if self.tally.note(event, Instant::now) {
            let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            if !*ended {
                self.face.tell(event);
            }
        }
    }

    /// Clears what was only for the moment, and says nothing about how it ended.
    pub(crate) fn clear(&self) {
        self.stop();
        self.face.end(&Ending { outcome: None, view: &look(&self.watch) });
    }

    fn stop(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        drop(self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Clears what was only for the moment, and says how it ended, unless that is an error: errors are
    /// reported elsewhere.
    pub(crate) fn finish(&self, outcome: &Result<Model, Failure>) {
        self.stop();
        self.face.end(&Ending { outcome: outcome.as_ref().ok(), view: &look(&self.watch) });
    }
}

fn look(watch: &Mutex<Watch>) -> view::View {
    watch.lock().unwrap_or_else(PoisonError::into_inner).look(Instant::now())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::face::Ending;
    use super::view::View;
    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Face for Counting {
        fn period(&self) -> Option<Duration> {
            None
        }
        fn show(&self, _: &View) {}
        fn tell(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn end(&self, _: &Ending<'_>) {}
    }

    #[test]
    fn nothing_is_told_after_the_end() {
        let counting = Arc::new(Counting::default());
        let tally = Arc::new(Tally::default());
        let watch = Mutex::new(Watch::new(Arc::clone(&tally), Instant::now()));
        let face: Arc<dyn Face> = Arc::<Counting>::clone(&counting);
        let (ticker, ended) = (Mutex::new(None), Mutex::new(false));
        let progress = Progress { tally, watch: Arc::new(watch), face, ticker, ended };
        progress.on_event(&Event::WaitingForLock { holder: None });
        progress.clear();
        progress.on_event(&Event::WaitingForLock { holder: None });
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
    }
}
