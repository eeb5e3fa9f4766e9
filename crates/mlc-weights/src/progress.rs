//! How a download shows that it moves.

mod bar;
mod plain;
mod screen;
mod summary;
mod text;

use std::io::{self, Write as _};
use std::sync::Arc;

use facade::{Event, Model};

pub(crate) use self::screen::{Display, Screen};
pub(crate) use self::summary::Summary;
use crate::exit::Failure;

/// Something that shows a download's progress.
pub(crate) trait Progress: Send + Sync {
    /// Takes note of a step.
    fn on_event(&self, event: &Event<'_>);
    /// Clears what was only for the moment, and says how it ended, unless that is an error: errors are
    /// reported elsewhere.
    fn finish(&self, outcome: &Result<Model, Failure>);
}

/// Begins to show progress.
pub(crate) fn start(display: Display) -> Arc<dyn Progress> {
    match display {
        Display::Bar { color } => Arc::new(bar::Bar::on_stderr(color)),
        Display::Plain => Arc::new(plain::Plain::new()),
        Display::None => Arc::new(Nothing),
    }
}

struct Nothing;

impl Progress for Nothing {
    fn on_event(&self, _: &Event<'_>) {}
    fn finish(&self, _: &Result<Model, Failure>) {}
}

/// A stderr that is gone changes nothing.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
