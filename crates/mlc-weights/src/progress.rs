//! How a download shows that it moves.

mod bar;
mod plain;
mod text;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use facade::env::Presentation;
use facade::{Event, Model};

use crate::arguments;
use crate::exit::Failure;

/// Where progress goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Display {
    /// A bar that is redrawn; without colour, if so wished.
    Bar { color: bool },
    /// Lines.
    Plain,
    /// Nowhere.
    None,
}

impl Display {
    /// What was asked for on the command line wins over the environment; without either a bar needs a
    /// terminal.
    pub(crate) fn choose(asked: arguments::Progress, quiet: bool, presentation: Presentation) -> Self {
        let bar = Self::Bar { color: !presentation.no_color };
        let suits_a_bar = io::stderr().is_terminal() && !presentation.no_progress_bars;
        match asked {
            _ if quiet => Self::None,
            arguments::Progress::None => Self::None,
            arguments::Progress::Bar => bar,
            arguments::Progress::Auto if suits_a_bar => bar,
            arguments::Progress::Auto | arguments::Progress::Plain => Self::Plain,
        }
    }
}

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
        Display::Bar { color } => Arc::new(bar::Bar::new(color)),
        Display::Plain => Arc::new(plain::Plain::new()),
        Display::None => Arc::new(Nothing),
    }
}

struct Nothing;

impl Progress for Nothing {
    fn on_event(&self, _: &Event<'_>) {}
    fn finish(&self, _: &Result<Model, Failure>) {}
}
