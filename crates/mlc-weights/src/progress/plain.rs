//! Progress as lines, for logs and pipes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use facade::{Event, FetchEvent, Model};

use super::{Progress, say, text};
use crate::exit::Failure;
use crate::words;

/// How often a line tells of nothing but more bytes.
const INTERVAL: Duration = Duration::from_secs(5);

pub(super) struct Plain {
    began: Instant,
    counters: Mutex<Counters>,
}

#[derive(Default)]
struct Counters {
    files: usize,
    files_done: usize,
    bytes: u64,
    bytes_done: u64,
    last_line: Option<Instant>,
}

impl Plain {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), counters: Mutex::default() }
    }

    fn count(&self, event: &FetchEvent<'_>) -> Option<String> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            FetchEvent::Planned { files, bytes, .. } => {
                counters.files += files;
                counters.bytes += bytes;
            }
            FetchEvent::Resumed { bytes, .. } | FetchEvent::Received { bytes, .. } => {
                counters.bytes_done += bytes;
            }
            FetchEvent::Discarded { bytes, .. } => {
                counters.bytes_done = counters.bytes_done.saturating_sub(*bytes);
            }
            FetchEvent::Verified { .. } => counters.files_done += 1,
            _ => {}
        }
        counters.line_if_due(Instant::now())
    }
}

impl Counters {
    /// A line, when the last one was long enough ago.
    fn line_if_due(&mut self, now: Instant) -> Option<String> {
        let last = *self.last_line.get_or_insert(now);
        if now.duration_since(last) < INTERVAL {
            return None;
        }
        self.last_line = Some(now);
        let Self { files, files_done, bytes, bytes_done, .. } = *self;
        let percent = (bytes_done * 100).checked_div(bytes).unwrap_or(100);
        let (done, all) = (words::size(bytes_done), words::size(bytes));
        Some(format!("{percent} %, {done} of {all}, {files_done} of {}", words::files(files)))
    }
}

impl Progress for Plain {
    fn on_event(&self, event: &Event<'_>) {
        let counted = match event {
            Event::Fetch(event) => self.count(event),
            _ => None,
        };
        for line in text::line(event).into_iter().chain(counted) {
            say(&line);
        }
    }

    fn finish(&self, outcome: &Result<Model, Failure>) {
        if let Ok(model) = outcome
            && let Some(line) = text::closing(model, self.began.elapsed())
        {
            say(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_when_it_is_due_and_not_before() {
        let mut counters =
            Counters { files: 3, files_done: 1, bytes: 4000, bytes_done: 1000, last_line: None };
        let begin = Instant::now();
        assert_eq!(counters.line_if_due(begin), None);
        assert_eq!(counters.line_if_due(begin + INTERVAL / 2), None);
        let line = counters.line_if_due(begin + INTERVAL).unwrap();
        assert_eq!(line, "25 %, 1.00 kB of 4.00 kB, 1 of 3 files");
        assert_eq!(counters.line_if_due(begin + INTERVAL + INTERVAL / 2), None);
    }

    #[test]
    fn nothing_to_fetch_is_no_division_by_zero() {
        let mut counters = Counters { last_line: Some(Instant::now()), ..Counters::default() };
        let line = counters.line_if_due(Instant::now() + INTERVAL).unwrap();
        assert!(line.starts_with("100 %"), "{line}");
    }
}
