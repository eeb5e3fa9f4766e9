//! Records the events of a download and checks their order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use facade::{Downloader, Error, Event, FetchEvent, Model, Observer, Request};

use crate::world::PATIENCE;

/// An owned event. Warnings and throttling, which may occur at any time, are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    WaitingForLock,
    Metadata,
    RetryingMetadata,
    Commit(String),
    Checking { files: usize, bytes: u64 },
    Reused { files: usize, bytes: u64 },
    Planned { files: usize, bytes: u64 },
    File(String, Step),
    Publishing(PathBuf),
    Unknown(String),
}

/// An event of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Started(u64),
    Resumed(u64),
    Received(u64),
    Discarded(u64),
    Retrying,
    Verified(u64),
    Failed,
    Cancelled,
}

impl Told {
    fn of(event: &Event<'_>) -> Option<Self> {
        Some(match event {
            // The last one may arrive after the download has returned.
            Event::Warning(_)
            | Event::Throttled(_)
            | Event::Fetch(FetchEvent::Throttled { .. })
            | Event::Kept { .. } => return None,
            Event::WaitingForLock { .. } => Self::WaitingForLock,
            Event::Metadata { .. } => Self::Metadata,
            Event::RetryingMetadata { .. } => Self::RetryingMetadata,
            Event::Commit { commit, .. } => Self::Commit(commit.to_string()),
            Event::Checking { files, bytes, .. } => Self::Checking { files: *files, bytes: *bytes },
            Event::Reused { files, bytes, .. } => Self::Reused { files: *files, bytes: *bytes },
            Event::Publishing { path, .. } => Self::Publishing((*path).to_owned()),
            Event::Fetch(event) => Self::of_fetch(event),
            other => Self::Unknown(format!("{other:?}")),
        })
    }

    fn of_fetch(event: &FetchEvent<'_>) -> Self {
        let (file, step) = match event {
            FetchEvent::Planned { files, bytes, .. } => {
                return Self::Planned { files: *files, bytes: *bytes };
            }
            FetchEvent::Started { file, size, .. } => (file, Step::Started(*size)),
            FetchEvent::Resumed { file, bytes, .. } => (file, Step::Resumed(*bytes)),
            FetchEvent::Received { file, bytes, .. } => (file, Step::Received(*bytes)),
            FetchEvent::Discarded { file, bytes, .. } => (file, Step::Discarded(*bytes)),
            FetchEvent::Retrying { file, .. } => (file, Step::Retrying),
            FetchEvent::Verified { file, size, .. } => (file, Step::Verified(*size)),
            FetchEvent::Failed { file, .. } => (file, Step::Failed),
            FetchEvent::Cancelled { file, .. } => (file, Step::Cancelled),
            other => return Self::Unknown(format!("{other:?}")),
        };
        Self::File(file.to_string(), step)
    }
}

/// Waits for a condition that no log shows.
pub(super) async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it did not come to pass");
        tokio::task::yield_now().await;
    }
}

/// The events so far.
#[derive(Clone)]
pub(super) struct Watch {
    told: Arc<Mutex<Vec<Told>>>,
    watcher: Weak<()>,
}

struct Watcher {
    told: Arc<Mutex<Vec<Told>>>,
    _lives: Arc<()>,
}

impl Observer for Watcher {
    fn on_event(&self, event: &Event<'_>) {
        self.told.lock().unwrap().extend(Told::of(event));
    }
}

impl Watch {
    /// The same request, observed.
    pub(super) fn over(asked: Request) -> (Self, Request) {
        let (told, lives) = (Arc::default(), Arc::new(()));
        let watch = Self { told: Arc::clone(&told), watcher: Arc::downgrade(&lives) };
        (watch, asked.observer(Watcher { told, _lives: lives }))
    }

    pub(super) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    pub(super) async fn until(&self, condition: impl Fn(&[Told]) -> bool) {
        until(|| condition(&self.told.lock().unwrap())).await;
    }

    /// All events, once no further one can arrive.
    pub(super) async fn until_the_end(self) -> Vec<Told> {
        until(|| self.watcher.strong_count() == 0).await;
        let told = self.told();
        check_contract(&told);
        told
    }

    /// Runs a download, and checks that no event follows its end.
    pub(super) async fn carry_out(
        self,
        downloader: &Downloader,
        asked: Request,
    ) -> (Result<Model, Error>, Vec<Told>) {
        let outcome = downloader.download(asked).await;
        let in_time = self.told().len();
        let told = self.until_the_end().await;
        assert_eq!(told.len(), in_time, "{told:?}");
        (outcome, told)
    }
}

/// The events of the download as a whole, without files, and without the end of hashing existing files,
/// which may occur at any time.
pub(super) fn steps(told: &[Told]) -> Vec<Told> {
    told.iter().filter(|told| !matches!(told, Told::File(..) | Told::Reused { .. })).cloned().collect()
}

/// The events of one file.
pub(super) fn of_file(told: &[Told], path: &str) -> Vec<Step> {
    let of_this = |told: &Told| match told {
        Told::File(file, step) if file == path => Some(*step),
        _ => None,
    };
    told.iter().filter_map(of_this).collect()
}

/// Checks what the documentation of `Observer` promises for every file: its events are between the plan
/// and the next step, they add up, and a file that was started has exactly one end.
fn check_contract(told: &[Told]) {
    let mut fetch: Option<Fetch> = None;
    for event in told {
        match (event, &mut fetch) {
            (Told::File(file, step), Some(fetch)) => fetch.take(file, *step),
            (Told::Reused { .. }, _) => {}
            (Told::File(..), None) => assert!(fetch.is_some(), "{event:?} before the plan"),
            (step, known) => {
                known.take().iter().for_each(Fetch::check_end);
                if let Told::Planned { files, bytes } = *step {
                    fetch = Some(Fetch { planned: (files, bytes), files: BTreeMap::new() });
                }
            }
        }
    }
    fetch.iter().for_each(Fetch::check_end);
}

struct Fetch {
    planned: (usize, u64),
    files: BTreeMap<String, FileSoFar>,
}

struct FileSoFar {
    size: u64,
    held: u64,
    /// Something was received over the network, or tried.
    is_under_way: bool,
    end: Option<Step>,
}

impl Fetch {
    fn take(&mut self, path: &str, step: Step) {
        if let Step::Started(size) = step {
            let file = FileSoFar { size, held: 0, is_under_way: false, end: None };
            assert!(self.files.insert(path.to_owned(), file).is_none(), "{path} begins twice");
            return;
        }
        let file = self.files.get_mut(path);
        assert!(file.as_ref().is_some_and(|file| file.end.is_none()), "{path}: {step:?} before or after all");
        let Some(file) = file else { return };
        match step {
            Step::Resumed(bytes) => {
                assert!(!file.is_under_way, "{path} is resumed late");
                file.held += bytes;
            }
            Step::Received(bytes) => file.held += bytes,
            Step::Discarded(bytes) => {
                assert_eq!(bytes, file.held, "{path}: all that there was");
                file.held = 0;
            }
            Step::Started(_) | Step::Retrying => {}
            Step::Verified(size) => {
                assert_eq!((size, file.held), (file.size, file.size), "{path}");
                file.end = Some(step);
            }
            Step::Failed | Step::Cancelled => file.end = Some(step),
        }
        file.is_under_way = true;
    }

    fn check_end(&self) {
        let endless: Vec<_> = self.files.iter().filter(|(_, file)| file.end.is_none()).collect();
        assert!(endless.is_empty(), "{:?}", endless.iter().map(|(path, _)| path).collect::<Vec<_>>());
        let (files, bytes) = (self.files.len(), self.files.values().map(|file| file.size).sum::<u64>());
        if self.files.values().all(|file| matches!(file.end, Some(Step::Verified(_)))) {
            assert_eq!((files, bytes), self.planned);
        }
        assert!(files <= self.planned.0 && bytes <= self.planned.1);
    }
}
