//! What has happened so far, as counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use facade::{Event, FetchEvent, RepoPath};
use parking_lot::{Mutex, RwLock};

use super::step::{self, Step};

/// A pause that ends so much later than one that was told of is another one.
const SAME_PAUSE: Duration = Duration::from_millis(500);

/// The place, in events, that is no store's.
const HUB: usize = 0;

/// Counters that many threads move, and one looks at.
///
/// Bytes that come, of which there may be very many events, take two additions and a look through the few files
/// in flight.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: AtomicUsize,
    pub(super) files_done: AtomicUsize,
    /// Of all files, also those that were there before.
    pub(super) bytes: AtomicU64,
    pub(super) bytes_done: AtomicU64,
    /// Over the network, also those thrown away since.
    pub(super) received: AtomicU64,
    /// Of files, from the hub, and from stores. What came twice counts once.
    pub(super) from_hub: AtomicU64,
    pub(super) from_store: AtomicU64,
    /// Of all files, what was there before and is right, as far as that is known.
    pub(super) reused: AtomicU64,
    in_flight: RwLock<Vec<Arc<InFlight>>>,
    /// Files that are there already and being hashed, and their bytes.
    checking: Mutex<(usize, u64)>,
    step: Mutex<Step>,
    told: Mutex<Option<Instant>>,
}

/// A file that is being fetched.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) file: RepoPath,
    pub(super) size: u64,
    pub(super) held: AtomicU64,
    /// Of these, what an earlier run has left.
    resumed: AtomicU64,
    is_pausing: AtomicBool,
    pause: Mutex<Option<Pause>>,
}

/// A pause of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) until: Instant,
    /// A server asked for it; otherwise it is one before another attempt.
    pub(super) is_asked_for: bool,
}

impl Tally {
    /// Takes note of an event. Whether it is worth telling: not when it was told a moment ago, on behalf of
    /// another connection.
    pub(super) fn note(&self, event: &Event<'_>, now: impl Fn() -> Instant) -> bool {
        match event {
            Event::Fetch(event) => return self.note_fetch(event, now),
            Event::RetryingMetadata { pause, .. } => self.go_to(Step::Pausing { until: now() + *pause }),
            // What the files that wait for it tell later is no news then.
            Event::Throttled(throttled) if !throttled.is_spread => {
                return self.is_news(Pause { until: now() + throttled.pause, is_asked_for: true });
            }
            Event::Checking { files, bytes, .. } => self.check(*files, *bytes),
            Event::Reused { files, bytes, .. } => self.reuse(*files, *bytes),
            Event::StoreWork { files, bytes, .. } => self.plan(*files, *bytes),
            Event::StoreBytes { bytes, .. } => {
                self.received.fetch_add(*bytes, Relaxed);
                self.bytes_done.fetch_add(*bytes, Relaxed);
                return false;
            }
            Event::StoreFileDone => {
                self.files_done.fetch_add(1, Relaxed);
                return false;
            }
            _ => {
                if let Some((name, words)) = step::begun_by(event) {
                    self.go_to(Step::Doing { name, words, since: now() });
                }
            }
        }
        true
    }

    fn note_fetch(&self, event: &FetchEvent<'_>, now: impl Fn() -> Instant) -> bool {
        match event {
            FetchEvent::Received { file, bytes, place, .. } => {
                let source = if *place == HUB { &self.from_hub } else { &self.from_store };
                source.fetch_add(*bytes, Relaxed);
                self.receive(file, *bytes);
                return false;
            }
            FetchEvent::Planned { files, bytes, .. } => self.plan(*files, *bytes),
            FetchEvent::Started { file, size, .. } => self.begin(file, *size),
            FetchEvent::Resumed { file, bytes, .. } => self.resume(file, *bytes),
            FetchEvent::Duplicated { bytes, .. } => {
                self.received.fetch_add(*bytes, Relaxed);
            }
            FetchEvent::Discarded { file, bytes, .. } => self.subtract(file, *bytes),
            FetchEvent::Retrying { file, pause, .. } => {
                return self.pause(file, Pause { until: now() + *pause, is_asked_for: false });
            }
            FetchEvent::Throttled { file, pause, .. } => {
                let pause = Pause { until: now() + *pause, is_asked_for: true };
                self.pause(file, pause);
                return self.is_news(pause);
            }
            FetchEvent::Verified { file, .. } => self.complete(file),
            FetchEvent::Failed { file, .. } | FetchEvent::Cancelled { file, .. } => self.end(file),
            _ => {}
        }
        true
    }

    pub(super) fn in_flight(&self) -> Vec<Arc<InFlight>> {
        self.in_flight.read().clone()
    }

    pub(super) fn step(&self) -> Step {
        self.step.lock().clone()
    }

    pub(super) fn go_to(&self, step: Step) {
        *self.step.lock() = step;
    }

    /// A download may plan twice: files that describe the model first, then all others.
    pub(super) fn plan(&self, files: usize, bytes: u64) {
        self.files.fetch_add(files, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.go_to(Step::Fetching);
    }

    fn check(&self, files: usize, bytes: u64) {
        self.plan(files, bytes);
        *self.checking.lock() = (files, bytes);
    }

    /// What is not right is planned once more, to be fetched.
    fn reuse(&self, files: usize, bytes: u64) {
        let (files_checked, bytes_checked) = std::mem::take(&mut *self.checking.lock());
        self.files.fetch_sub(files_checked.saturating_sub(files), Relaxed);
        self.bytes.fetch_sub(bytes_checked.saturating_sub(bytes), Relaxed);
        self.files_done.fetch_add(files, Relaxed);
        self.bytes_done.fetch_add(bytes, Relaxed);
        self.reused.fetch_add(bytes, Relaxed);
    }

    /// How many files that are there already are being hashed.
    pub(super) fn checking(&self) -> usize {
        self.checking.lock().0
    }

    pub(super) fn begin(&self, file: &RepoPath, size: u64) {
        let begun = InFlight {
            file: file.clone(),
            size,
            held: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            is_pausing: AtomicBool::new(false),
            pause: Mutex::new(None),
        };
        self.in_flight.write().push(Arc::new(begun));
    }

    pub(super) fn complete(&self, file: &RepoPath) {
        self.files_done.fetch_add(1, Relaxed);
        self.end(file);
    }

    fn end(&self, file: &RepoPath) {
        self.in_flight.write().retain(|known| known.file != *file);
    }

    pub(super) fn receive(&self, file: &RepoPath, bytes: u64) {
        self.received.fetch_add(bytes, Relaxed);
        self.add(file, bytes);
    }

    fn add(&self, file: &RepoPath, bytes: u64) {
        self.bytes_done.fetch_add(bytes, Relaxed);
        self.with(file, |known| {
            known.held.fetch_add(bytes, Relaxed);
            known.go_on();
        });
    }

    fn resume(&self, file: &RepoPath, bytes: u64) {
        self.reused.fetch_add(bytes, Relaxed);
        self.add(file, bytes);
        self.with(file, |known| {
            known.resumed.fetch_add(bytes, Relaxed);
        });
    }

    /// What an earlier run has left is of no use then either.
    fn subtract(&self, file: &RepoPath, bytes: u64) {
        self.bytes_done.fetch_sub(bytes, Relaxed);
        self.with(file, |known| {
            known.held.fetch_sub(bytes, Relaxed);
            self.reused.fetch_sub(known.resumed.swap(0, Relaxed), Relaxed);
        });
    }

    /// Whether it is another pause than the one that the file has already.
    pub(super) fn pause(&self, file: &RepoPath, pause: Pause) -> bool {
        let mut is_new = true;
        self.with(file, |known| is_new = known.stop(pause));
        is_new
    }

    /// Whether nobody was told yet that servers want to be left alone so long.
    pub(super) fn is_news(&self, pause: Pause) -> bool {
        let mut told = self.told.lock();
        let is_news = told.is_none_or(|told| pause.until > told + SAME_PAUSE);
        if is_news {
            *told = Some(pause.until);
        }
        is_news
    }

    /// How long servers still want to be left alone, when they do.
    pub(super) fn left_alone(&self, now: Instant) -> Option<Duration> {
        let told = (*self.told.lock())?;
        told.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    fn with(&self, file: &RepoPath, act: impl FnOnce(&InFlight)) {
        let known = self.in_flight.read();
        if let Some(known) = known.iter().find(|known| known.file == *file) {
            act(known);
        }
    }
}

impl InFlight {
    fn stop(&self, pause: Pause) -> bool {
        let mut current = self.pause.lock();
        let is_new = current.is_none_or(|current| {
            current.is_asked_for != pause.is_asked_for || pause.until > current.until + SAME_PAUSE
        });
        *current = Some(pause);
        self.is_pausing.store(true, Relaxed);
        is_new
    }

    /// Bytes come: it does not pause any more.
    fn go_on(&self) {
        if self.is_pausing.load(Relaxed) {
            self.is_pausing.store(false, Relaxed);
            *self.pause.lock() = None;
        }
    }

    /// How long it still pauses, when it does.
    pub(super) fn pausing(&self, now: Instant) -> Option<(Duration, Pause)> {
        let pause = (*self.pause.lock())?;
        let left = pause.until.checked_duration_since(now)?;
        (!left.is_zero()).then_some((left, pause))
    }
}
