//! Progress as lines, for logs and pipes.

use std::time::{Duration, Instant};

use facade::Event;
use parking_lot::Mutex;

use super::face::{Ending, Face};
use super::text::{self, labelled};
use super::troubles::Troubles;
use super::view::{View, countdown, percent};
use crate::output::say;
use crate::words::{self, files, of_size, size};

/// How often it is asked whether a line is due.
const PERIOD: Duration = Duration::from_secs(1);
/// How far apart lines are in the first minute, and later: a log of an hour should be short all the same.
const SOON: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Plain {
    last: Mutex<Duration>,
    /// The last line that was told.
    told: Mutex<String>,
    troubles: Mutex<Troubles>,
    /// Why the last request for the metadata failed, as it was told.
    metadata_trouble: Mutex<String>,
    /// Which of several models it is; empty for a single one.
    label: String,
}

impl Plain {
    pub(super) fn new(label: String) -> Self {
        Self { label, ..Self::default() }
    }

    fn say_troubles(&self, is_end: bool) {
        let lines = self.troubles.lock().due(Instant::now(), is_end);
        if !lines.is_empty() {
            say(&lines.iter().map(|line| labelled(&self.label, line)).collect::<Vec<_>>());
        }
    }

    /// A line, when the last one was long enough ago.
    fn line_if_due(&self, view: &View) -> Option<String> {
        let mut last = self.last.lock();
        let interval = if view.elapsed < Duration::from_secs(60) { SOON } else { LATER };
        if view.elapsed.saturating_sub(*last) < interval {
            return None;
        }
        *last = view.elapsed;
        Some(line(view))
    }
}

fn line(view: &View) -> String {
    let Some(totals) = &view.totals else {
        return view.reason.clone().unwrap_or_else(|| "searching the cache".to_owned());
    };
    let parts = [
        Some(format!("{} %", percent(totals.bytes_done, totals.bytes))),
        Some(of_size(totals.bytes_done, totals.bytes)),
        view.pace().map(|(rate, left)| format!("{}/s, {} left", size(rate), countdown(left))),
        Some(format!("{} of {}", totals.files_done, files(totals.files))),
    ];
    let line = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    match &view.reason {
        Some(reason) => format!("{line}; {reason}"),
        None => line,
    }
}

impl Face for Plain {
    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn show(&self, view: &View) {
        self.say_troubles(false);
        if let Some(line) = self.line_if_due(view) {
            say(&[labelled(&self.label, &line)]);
        }
    }

    fn tell(&self, event: &Event<'_>) {
        if let Event::Fetch(event) = event
            && let Some(line) = words::event(&Event::Fetch(event))
            && self.troubles.lock().note(event, &line, Instant::now())
        {
            return;
        }
        if matches!(event, Event::Publishing { .. }) {
            // "Trying again" would be wrong below it.
            self.say_troubles(true);
        }
        let Some(line) = text::line(event, &self.label) else { return };
        if let Event::RetryingMetadata { cause, .. } = event {
            let cause = words::attempt(*cause);
            let is_told = *self.metadata_trouble.lock() == cause;
            *self.metadata_trouble.lock() = cause;
            if is_told {
                return;
            }
        }
        // After a pause it is known that the hub is asked once more.
        let is_again = matches!(event, Event::Metadata { .. }) && *self.told.lock() == line;
        if !is_again {
            say(&[&line]);
        }
        if !matches!(event, Event::RetryingMetadata { .. }) {
            *self.told.lock() = line;
        }
    }

    fn finishing(&self, words: &str) {
        say(&[labelled(&self.label, &text::finishing(words))]);
    }

    fn end(&self, ending: &Ending<'_>) {
        self.say_troubles(true);
        if let Some(line) = text::closing(ending) {
            say(&[labelled(&self.label, &line)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::totals;
    use super::*;

    fn view(seconds: u64) -> View {
        View {
            elapsed: Duration::from_secs(seconds),
            step: "fetching",
            reason: None,
            totals: Some(totals((1, 3), (1_000, 4_000), Some(1_000))),
            in_flight: Vec::new(),
        }
    }

    #[test]
    fn lines_come_when_they_are_due_and_not_before() {
        let plain = Plain::default();
        let due: Vec<u64> = (0..200).filter(|second| plain.line_if_due(&view(*second)).is_some()).collect();
        let expected: Vec<u64> =
            (1..12).map(|line| line * 5).chain((1..4).map(|line| 55 + line * 30)).collect();
        assert_eq!(due[..expected.len()], expected);
    }

    #[test]
    fn a_line_says_all_numbers_and_why_nothing_comes() {
        assert_eq!(line(&view(1)), "25 %, 1.0 of 4.0 kB, 1.00 kB/s, 3 s left, 1 of 3 files");
        let mut stalled = view(1);
        stalled.reason = Some("no data for 4 s".to_owned());
        assert_eq!(line(&stalled), "25 %, 1.0 of 4.0 kB, 1 of 3 files; no data for 4 s");
        stalled.totals = None;
        assert_eq!(line(&stalled), "no data for 4 s");
    }
}
