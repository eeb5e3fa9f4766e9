//! How things are at one moment.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::rate::Rate;
use super::step::{METADATA, Step};
use super::tally::{InFlight, Tally};
use crate::words::{elapsed, files};

/// When there was no data for so long, that is said.
const STALL: Duration = Duration::from_secs(2);

/// How things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// Since the beginning.
    pub(super) elapsed: Duration,
    /// `waiting`, `metadata`, `fetching`, …
    pub(super) step: &'static str,
    /// Why no bytes come, when none do.
    pub(super) reason: Option<String>,
    /// None before it is known what there is to fetch.
    pub(super) totals: Option<Totals>,
    pub(super) in_flight: Vec<FileView>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) files: usize,
    pub(super) files_done: usize,
    pub(super) bytes: u64,
    pub(super) bytes_done: u64,
    /// Of them, those that came over the network now.
    pub(super) received: u64,
    /// Bytes a second, of late.
    pub(super) rate: Option<u64>,
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
    /// Nothing of it was received yet; perhaps nothing was asked for, and it waits for a connection.
    Pending,
    Fetching,
    /// All bytes are here.
    Checking,
    /// There will be another attempt.
    Retrying(Duration),
    /// A server wants to be left alone.
    Waiting(Duration),
}

impl View {
    /// How fast bytes come and how long the rest takes. While none come, that is of no interest: the reason is.
    pub(super) fn pace(&self) -> Option<(u64, Duration)> {
        let totals = self.totals.filter(|_| self.reason.is_none())?;
        Some((totals.rate.filter(|rate| *rate > 0)?, totals.left()?))
    }
}

impl Totals {
    pub(super) fn percent(&self) -> u64 {
        self.bytes_done.saturating_mul(100).checked_div(self.bytes).unwrap_or(100).min(100)
    }

    /// How long the rest takes at this rate.
    pub(super) fn left(&self) -> Option<Duration> {
        let rest = self.bytes.saturating_sub(self.bytes_done);
        let rate = self.rate.filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(rest.div_ceil(rate)))
    }
}

/// Looks at a tally now and then.
#[derive(Debug)]
pub(super) struct Watch {
    tally: Arc<Tally>,
    began: Instant,
    rate: Rate,
    /// When bytes were last seen to have come.
    moved: (Instant, u64),
}

impl Watch {
    pub(super) fn new(tally: Arc<Tally>, now: Instant) -> Self {
        Self { tally, began: now, rate: Rate::default(), moved: (now, 0) }
    }

    pub(super) fn look(&mut self, now: Instant) -> View {
        let in_flight: Vec<FileView> =
            self.tally.in_flight().iter().map(|file| file_view(file, now)).collect();
        let totals = self.totals(now);
        let (step, reason) = match self.tally.step() {
            Step::Beginning => ("beginning", None),
            Step::Doing { name, words, since } => {
                let words = with_time(words, now.duration_since(since));
                let wait = self.tally.left_alone(now).filter(|_| name == METADATA);
                (
                    name,
                    Some(match wait.map(|left| left_alone("the hub", left)) {
                        Some(wait) => format!("{words}; {wait}"),
                        None => words,
                    }),
                )
            }
            Step::Pausing { until } => {
                (METADATA, Some(format!("asking the hub again in {}", countdown(until - now))))
            }
            Step::Fetching => ("fetching", self.why_nothing_comes(&in_flight, totals, now)),
        };
        View { elapsed: now.duration_since(self.began), step, reason, totals, in_flight }
    }

    fn totals(&mut self, now: Instant) -> Option<Totals> {
        let tally = &self.tally;
        let (files, received) = (tally.files.load(Relaxed), tally.received.load(Relaxed));
        if received != self.moved.1 || files == 0 {
            self.moved = (now, received);
        }
        if files == 0 {
            return None;
        }
        self.rate.sample(now, received);
        Some(Totals {
            files,
            files_done: tally.files_done.load(Relaxed),
            bytes: tally.bytes.load(Relaxed),
            bytes_done: tally.bytes_done.load(Relaxed),
            received,
            rate: self.rate.per_second(),
        })
    }

    fn why_nothing_comes(
        &self,
        in_flight: &[FileView],
        totals: Option<Totals>,
        now: Instant,
    ) -> Option<String> {
        if totals.is_some_and(|totals| totals.files_done == totals.files) {
            return Some("putting the files together".to_owned());
        }
        let checking = self.tally.checking() + in_flight.len();
        if checking > 0 && in_flight.iter().all(|file| file.state == FileState::Checking) {
            return Some(format!("checking {}", files(checking)));
        }
        let pauses = in_flight.iter().map(|file| match file.state {
            FileState::Waiting(left) => Some((left, left_alone("the server", left))),
            FileState::Retrying(left) => Some((left, format!("trying again in {}", countdown(left)))),
            FileState::Pending | FileState::Fetching | FileState::Checking => None,
        });
        let pauses: Option<Vec<_>> = pauses.collect();
        if let Some((_, words)) = pauses.and_then(|pauses| pauses.into_iter().min()) {
            return Some(words);
        }
        let silence = now.duration_since(self.moved.0);
        (silence >= STALL).then(|| match self.tally.left_alone(now) {
            Some(left) => left_alone("the server", left),
            None => format!("no data for {}", countdown(silence)),
        })
    }
}

fn file_view(file: &InFlight, now: Instant) -> FileView {
    let held = file.held.load(Relaxed);
    let state = match file.pausing(now) {
        Some((left, pause)) if pause.is_asked_for => FileState::Waiting(left),
        Some((left, _)) => FileState::Retrying(left),
        None if held >= file.size => FileState::Checking,
        None if held == 0 => FileState::Pending,
        None => FileState::Fetching,
    };
    FileView { name: file.file.as_str().to_owned(), size: file.size, held: held.min(file.size), state }
}

/// Why nothing is asked of a server.
fn left_alone(server: &str, left: Duration) -> String {
    format!("{server} asks us to wait another {}", countdown(left))
}

/// A step that takes long says how long, so that it is seen to be alive.
fn with_time(words: String, took: Duration) -> String {
    if took < STALL { words } else { format!("{words} ({})", countdown(took)) }
}

/// Whole seconds, of which the last one counts.
pub(super) fn countdown(left: Duration) -> String {
    let whole = Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
    if whole.as_secs() < 60 { format!("{} s", whole.as_secs()) } else { elapsed(whole) }
}

#[cfg(test)]
mod tests;
