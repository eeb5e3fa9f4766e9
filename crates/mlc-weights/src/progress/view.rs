//! How things are at one moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use facade::{FileProgress, ProgressSnapshot};

use super::course::{Course, METADATA, Step};
use crate::words::{elapsed, files};

/// After so long without data, that is said.
const STALL: Duration = Duration::from_secs(2);

/// How things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// Since the beginning.
    pub(super) elapsed: Duration,
    /// `waiting`, `metadata`, `fetching`, …
    pub(super) step: &'static str,
    /// Why no bytes arrive, when none do.
    pub(super) reason: Option<String>,
    /// None before it is known what there is to fetch. The files in flight are below.
    pub(super) totals: Option<ProgressSnapshot>,
    pub(super) in_flight: Vec<FileView>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileView {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) held: u64,
    pub(super) state: FileState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    /// Nothing of it was received yet. Perhaps it still waits for a connection.
    Pending,
    Fetching,
    /// All bytes are here, and are being verified.
    Checking,
    /// There will be another attempt.
    Retrying(Duration),
    /// A server asked for a pause.
    Waiting(Duration),
}

impl View {
    /// How fast bytes arrive, and how long the rest takes. `None` while none arrive: then the reason matters.
    pub(super) fn pace(&self) -> Option<(u64, Duration)> {
        let totals = self.totals.as_ref().filter(|_| self.reason.is_none())?;
        Some((totals.bytes_per_second?, totals.time_left()?))
    }
}

/// A share in percent. Nothing is complete.
pub(super) fn percent(done: u64, all: u64) -> u64 {
    done.saturating_mul(100).checked_div(all).unwrap_or(100).min(100)
}

/// Looks now and then at how far it is.
#[derive(Debug)]
pub(super) struct Watch {
    sums: facade::Progress,
    course: Arc<Course>,
    began: Instant,
    /// When more bytes were last seen to have been received, and how many in all.
    moved: (Instant, u64),
}

impl Watch {
    pub(super) fn new(sums: facade::Progress, course: Arc<Course>, now: Instant) -> Self {
        Self { sums, course, began: now, moved: (now, 0) }
    }

    pub(super) fn look(&mut self, now: Instant) -> View {
        let mut totals = self.sums.snapshot();
        let in_flight = std::mem::take(&mut totals.in_flight).iter().map(FileView::of).collect();
        self.view(now, totals, in_flight)
    }

    fn view(&mut self, now: Instant, totals: ProgressSnapshot, in_flight: Vec<FileView>) -> View {
        if totals.bytes_received != self.moved.1 || totals.files == 0 {
            self.moved = (now, totals.bytes_received);
        }
        let totals = (totals.files > 0).then_some(totals);
        let (step, reason) = match self.course.step() {
            Step::Beginning => ("beginning", None),
            Step::Doing { name, words, since } => {
                let words = with_time(words, now.duration_since(since));
                let wait = self.course.wait(now).filter(|_| name == METADATA);
                let wait = wait.map(|left| format!("; {}", asked_to_wait("the hub", left)));
                (name, Some(words + &wait.unwrap_or_default()))
            }
            Step::Pausing { until } => {
                (METADATA, Some(format!("asking the hub again in {}", countdown(until - now))))
            }
            Step::Fetching => (
                "fetching",
                totals.as_ref().and_then(|totals| self.why_nothing_comes(&in_flight, totals, now)),
            ),
        };
        View { elapsed: now.duration_since(self.began), step, reason, totals, in_flight }
    }

    fn why_nothing_comes(
        &self,
        in_flight: &[FileView],
        totals: &ProgressSnapshot,
        now: Instant,
    ) -> Option<String> {
        if totals.files_done == totals.files {
            return Some("putting the files together".to_owned());
        }
        let checking = totals.files_checking + in_flight.len();
        if checking > 0 && in_flight.iter().all(|file| file.state == FileState::Checking) {
            return Some(format!("checking {}", files(checking)));
        }
        let pauses = in_flight.iter().map(|file| match file.state {
            FileState::Waiting(left) => Some((left, asked_to_wait("the server", left))),
            FileState::Retrying(left) => Some((left, format!("trying again in {}", countdown(left)))),
            FileState::Pending | FileState::Fetching | FileState::Checking => None,
        });
        let pauses: Option<Vec<_>> = pauses.collect();
        if let Some((_, words)) = pauses.and_then(|pauses| pauses.into_iter().min()) {
            return Some(words);
        }
        let silence = now.duration_since(self.moved.0);
        (silence >= STALL).then(|| match self.course.wait(now) {
            Some(left) => asked_to_wait("the server", left),
            None => format!("no data for {}", countdown(silence)),
        })
    }
}

impl FileView {
    fn of(file: &FileProgress) -> Self {
        let pause = file.pause.map(|pause| (pause.left, pause.is_asked_for));
        Self {
            name: file.path.as_str().to_owned(),
            size: file.size,
            held: file.bytes_done.min(file.size),
            state: FileState::of(file.size, file.bytes_done, pause),
        }
    }
}

impl FileState {
    /// The state of a file of this size, of which `held` bytes are there; the pause says how long it still is, and
    /// whether a server asked for it.
    fn of(size: u64, held: u64, pause: Option<(Duration, bool)>) -> Self {
        match pause {
            Some((left, true)) => Self::Waiting(left),
            Some((left, false)) => Self::Retrying(left),
            None if held >= size => Self::Checking,
            None if held == 0 => Self::Pending,
            None => Self::Fetching,
        }
    }
}

/// Why nothing is asked of a server.
fn asked_to_wait(server: &str, left: Duration) -> String {
    format!("{server} asks us to wait another {}", countdown(left))
}

/// A step that takes long says how long, so that it is seen to be alive.
fn with_time(words: String, took: Duration) -> String {
    if took < STALL { words } else { format!("{words} ({})", countdown(took)) }
}

/// Whole seconds, of which the last one counts.
pub(super) fn countdown(left: Duration) -> String {
    elapsed(Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)))
}

/// Files and bytes, each first how many are done and then how many there are; bytes per second.
#[cfg(test)]
pub(super) fn totals(files: (usize, usize), bytes: (u64, u64), rate: Option<u64>) -> ProgressSnapshot {
    let mut totals = ProgressSnapshot::default();
    (totals.files_done, totals.files) = files;
    (totals.bytes_done, totals.bytes) = bytes;
    totals.bytes_per_second = rate;
    totals
}

#[cfg(test)]
mod tests;
