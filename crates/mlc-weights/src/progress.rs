//! How a download shows that it moves.
//!
//! Events only move counters ([`facade::Progress`], [`course`]); a ticker looks at them now and then ([`view`]) and
//! shows what it sees on one of the faces: a bar, lines, or JSON. So a screen moves, or says why it does not, also
//! while there are no events, and a fast download is not slowed down by being watched.

mod bar;
mod block;
mod course;
mod face;
mod json;
mod plain;
mod rows;
#[cfg(test)]
mod sample;
mod screen;
mod summary;
mod text;
mod troubles;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use facade::{Event, Model, ModelRef, Observer, Request};
use parking_lot::{Condvar, Mutex};

use self::bar::Bar;
use self::course::{Course, METADATA, PUBLISHING, Step};
use self::face::{Ending, Face, Ticker};
use self::json::Json;
use self::plain::Plain;
pub(crate) use self::screen::{Display, Screen};
pub(crate) use self::summary::{BytesBySource, Summary};
use self::view::{View, Watch};
use crate::exit::Failure;

/// The progress of one model.
pub(crate) struct Progress {
    sums: facade::Progress,
    course: Arc<Course>,
    watch: Arc<Mutex<Watch>>,
    face: Arc<dyn Face>,
    ticker: Mutex<Option<Ticker>>,
    /// Nothing is shown any more. What an interrupted download leaves running may still have events.
    ended: Mutex<bool>,
    /// How many bytes the next run need not ask for; this comes after the end.
    kept: Mutex<Option<u64>>,
    is_kept: Condvar,
}

/// How long an interrupted program waits to learn what it has kept.
const LAST_WORD: Duration = Duration::from_millis(200);

impl Progress {
    /// The progress of a request, and the request, which reports to it.
    pub(crate) fn of(request: Request, display: Display) -> (Arc<Self>, Request) {
        Self::of_several(request, display, (1, 1))
    }

    /// The same for one of several: its number, counted from 1, and how many there are.
    pub(crate) fn of_several(
        request: Request,
        display: Display,
        (number, models): (usize, usize),
    ) -> (Arc<Self>, Request) {
        let label =
            if models < 2 { String::new() } else { format!("{} ({number} of {models})", request.model()) };
        let (progress, observer) = Self::about(Some(request.model()), display, label);
        (progress, request.observer(observer))
    }

    /// The progress of work on a store, and the observer that reports to it.
    pub(crate) fn of_store(display: Display) -> (Arc<Self>, Arc<dyn Observer>) {
        let (progress, observer) = Self::about(None, display, String::new());
        let words = "reading the store's contents".to_owned();
        progress.course.go_to(Step::Doing { name: METADATA, words, since: Instant::now() });
        (progress, observer)
    }

    fn about(model: Option<&ModelRef>, display: Display, label: String) -> (Arc<Self>, Arc<dyn Observer>) {
        let progress = Arc::new(Self::shown_by(face(display, model, label)));
        let observer = Arc::clone(&progress);
        (progress, Arc::new(move |event: &Event<'_>| observer.on_event(event)))
    }

    /// For work whose progress is shown in another way.
    pub(crate) fn unseen() -> Self {
        Self::shown_by(Arc::new(Nothing))
    }

    fn shown_by(face: Arc<dyn Face>) -> Self {
        let (sums, course) = (facade::Progress::new(), Arc::new(Course::default()));
        let watch = Watch::new(sums.clone(), Arc::clone(&course), Instant::now());
        Self {
            sums,
            course,
            watch: Arc::new(Mutex::new(watch)),
            face,
            ticker: Mutex::new(None),
            ended: Mutex::new(false),
            kept: Mutex::new(None),
            is_kept: Condvar::new(),
        }
    }

    /// Begins to show how it goes, until the end. A hit does not need this.
    pub(crate) fn watch(&self) {
        let Some(period) = self.face.period() else { return };
        let (watch, face) = (Arc::clone(&self.watch), Arc::clone(&self.face));
        let ticker = Ticker::start(period, move || face.show(&look(&watch)));
        *self.ticker.lock() = Some(ticker);
    }

    /// How many bytes of files each source has sent so far.
    pub(crate) fn bytes(&self) -> BytesBySource {
        BytesBySource::of(&self.sums.snapshot())
    }

    /// Whether it is known which files there are to fetch.
    pub(crate) fn has_begun(&self) -> bool {
        self.sums.snapshot().files > 0
    }

    /// How many bytes an interrupted download has kept, if it was working on files. Waits, but not for long, until the
    /// last thread that writes to them has said so.
    pub(crate) fn kept(&self) -> Option<u64> {
        let mut kept = self.kept.lock();
        if self.has_begun() {
            self.is_kept.wait_while_for(&mut kept, |kept| kept.is_none(), LAST_WORD);
        }
        *kept
    }

    /// Takes note of a step.
    fn on_event(&self, event: &Event<'_>) {
        if let Event::Kept { bytes, .. } = event {
            *self.kept.lock() = Some(*bytes);
            self.is_kept.notify_all();
            return;
        }
        self.sums.on_event(event);
        if self.course.note(event, Instant::now) {
            let ended = self.ended.lock();
            if !*ended {
                self.face.tell(event);
            }
        }
    }

    /// If the step has begun that an interruption does not end, says so.
    pub(crate) fn tells_of_finishing(&self) -> bool {
        let is_publishing = matches!(self.course.step(), Step::Doing { name: PUBLISHING, .. });
        if is_publishing {
            self.face.finishing("putting the model in place; press Ctrl-C again to stop at once");
        }
        is_publishing
    }

    /// Clears what was temporary, and does not say how it ended.
    pub(crate) fn clear(&self) {
        self.stop();
        self.face.end(&Ending { outcome: None, view: &look(&self.watch) });
    }

    fn stop(&self) {
        *self.ended.lock() = true;
        drop(self.ticker.lock().take());
    }

    /// Clears what was temporary, and says how it ended, unless that is an error: errors are reported
    /// elsewhere.
    pub(crate) fn finish(&self, outcome: &Result<Model, Failure>) {
        self.stop();
        self.face.end(&Ending { outcome: outcome.as_ref().ok(), view: &look(&self.watch) });
    }
}

fn face(display: Display, model: Option<&ModelRef>, label: String) -> Arc<dyn Face> {
    match (display, model) {
        (Display::Bar { color }, _) => Arc::new(Bar::on_stderr(color, label)),
        (Display::Plain, _) => Arc::new(Plain::new(label)),
        (Display::Json, Some(model)) => Arc::new(Json::new(model)),
        (Display::Json, None) | (Display::None, _) => Arc::new(Nothing),
    }
}

struct Nothing;

impl Face for Nothing {
    fn period(&self) -> Option<Duration> {
        None
    }
    fn show(&self, _: &View) {}
    fn tell(&self, _: &Event<'_>) {}
    fn finishing(&self, _: &str) {}
    fn end(&self, _: &Ending<'_>) {}
}

fn look(watch: &Mutex<Watch>) -> View {
    watch.lock().look(Instant::now())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        fn finishing(&self, _: &str) {}
        fn end(&self, _: &Ending<'_>) {}
    }

    #[test]
    fn nothing_is_shown_after_the_end() {
        let counting = Arc::new(Counting::default());
        let progress = Progress::shown_by(Arc::<Counting>::clone(&counting));
        sample::seen(move |event| {
            progress.on_event(event);
            progress.clear();
        });
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
    }
}
