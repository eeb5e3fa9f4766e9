//! Progress on a terminal, redrawn as it goes.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use console::Term;
use facade::words::printable;
use facade::{Event, FetchEvent};
use parking_lot::Mutex;

use super::block::Block;
use super::course::begun_by;
use super::face::{Ending, Face};
use super::rows::{Place, rows};
use super::text::{self, labelled};
use super::troubles::Troubles;
use super::view::View;
use crate::output::painted;
use crate::words;

/// Often enough for a spinner, rarely enough for a slow terminal.
const PERIOD: Duration = Duration::from_millis(100);

pub(super) struct Bar {
    terminal: Term,
    color: bool,
    drawn: Mutex<Drawn>,
    troubles: Mutex<Troubles>,
    /// Which of several models it is; empty for a single one.
    label: String,
}

#[derive(Default)]
struct Drawn {
    block: Block,
    rows: Vec<String>,
    turn: usize,
}

impl Bar {
    pub(super) fn on_stderr(color: bool, label: String) -> Self {
        let terminal = Term::stderr();
        // On Windows this also makes the console understand escape sequences.
        let color = color && terminal.features().colors_supported();
        Self { terminal, color, drawn: Mutex::default(), troubles: Mutex::default(), label }
    }

    fn draw(&self, lines: &[&str], rows: impl FnOnce(usize, Place) -> Option<Vec<String>>) {
        let (height, width) = self.terminal.size();
        let place = Place { columns: width.into(), rows: height.into(), color: self.color };
        let mut drawn = self.drawn.lock();
        drawn.draw(lines, rows, place);
    }
}

impl Bar {
    fn troubles(&self, is_end: bool) -> Vec<String> {
        let lines = self.troubles.lock().due(Instant::now(), is_end);
        lines.iter().map(|line| labelled(&self.label, line)).collect()
    }

    /// The rows, below one for the model where there are several.
    fn rows(&self, view: &View, turn: usize, place: Place) -> Vec<String> {
        if self.label.is_empty() {
            return rows(view, turn, place);
        }
        let below = Place { rows: place.rows.saturating_sub(1), ..place };
        let label = console::truncate_str(&self.label, place.columns.saturating_sub(1), "…").into_owned();
        std::iter::once(label).chain(rows(view, turn, below)).collect()
    }
}

impl Drawn {
    /// Writes what has changed. A terminal that is gone changes nothing.
    fn draw(&mut self, lines: &[&str], rows: impl FnOnce(usize, Place) -> Option<Vec<String>>, place: Place) {
        if let Some(rows) = rows(self.turn, place) {
            self.rows = rows;
            self.turn += 1;
        }
        let paint = |line: &str| if place.color { painted(line) } else { line.to_owned() };
        let lines: Vec<String> = lines.iter().map(|line| paint(&printable(line))).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let text = self.block.redrawn(&lines, &self.rows, place.columns);
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

impl Face for Bar {
    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn show(&self, view: &View) {
        let troubles = self.troubles(false);
        let lines: Vec<&str> = troubles.iter().map(String::as_str).collect();
        self.draw(&lines, |turn, place| Some(self.rows(view, turn, place)));
    }

    fn tell(&self, event: &Event<'_>) {
        if let Event::Fetch(event) = event
            && let Some(line) = words::event(&Event::Fetch(event))
            && self.troubles.lock().note(event, &line, Instant::now())
        {
            return;
        }
        if let Some(line) = text::line(event, &self.label)
            && stays(event)
        {
            self.draw(&[&line], |_, _| None);
        }
    }

    fn finishing(&self, words: &str) {
        self.draw(&[&labelled(&self.label, &text::finishing(words))], |_, _| None);
    }

    fn end(&self, ending: &Ending<'_>) {
        let closing = text::closing(ending).map(|line| labelled(&self.label, &line));
        let lines: Vec<String> = self.troubles(true).into_iter().chain(closing).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.draw(&lines, |_, _| Some(Vec::new()));
    }
}

/// Whether a line about it still matters when the rows have moved on.
fn stays(event: &Event<'_>) -> bool {
    match event {
        // The rows show it.
        Event::Fetch(FetchEvent::Planned { .. } | FetchEvent::Resumed { .. }) | Event::Pushed { .. } => false,
        Event::Fetch(_) | Event::RetryingMetadata { .. } | Event::WaitingForLock { .. } => true,
        _ => begun_by(event).is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn lines_that_soon_mean_nothing_do_not_stay() {
        assert_eq!(sample::seen(stays), [true, false, true, false]);
    }
}
