//! Which form of progress suits where it goes.

use std::io::{self, IsTerminal as _};

use facade::ModelRef;
use facade::env::Presentation;
use facade::stores::Filled;

use super::{Summary, json, text};
use crate::arguments::ProgressForm;
use crate::exit::{Failure, Status};
use crate::output::{Look, say};
use crate::report;

/// The place that progress goes to, as far as it decides about the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Nothing but the result and errors is wanted.
    quiet: bool,
    /// A bar can be drawn at all, and whether in colour.
    terminal: Option<Terminal>,
    /// A bar is appropriate without being asked for: the environment does not forbid it, the terminal can be redrawn,
    /// and no lines of diagnostics would tear it apart.
    bars_welcome: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Terminal {
    color: bool,
}

/// Where progress goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Display {
    /// A bar that is redrawn, perhaps in colour.
    Bar { color: bool },
    /// Lines.
    Plain,
    /// Objects, a line each.
    Json,
    /// Nowhere.
    None,
}

impl Screen {
    /// What stderr and the environment allow.
    pub(crate) fn of_stderr(quiet: bool, verbose: bool) -> Self {
        let presentation = Presentation::from_env();
        let terminal = io::stderr()
            .is_terminal()
            .then_some(Terminal { color: !presentation.no_color && !presentation.dumb_terminal });
        Self {
            quiet,
            terminal,
            bars_welcome: !presentation.no_progress_bars && !presentation.dumb_terminal && !verbose,
        }
    }

    pub(crate) fn is_quiet(self) -> bool {
        self.quiet
    }

    /// How lines look there.
    pub(crate) fn look(self) -> Look {
        Look { has_color: self.takes_color(), is_terminal: self.terminal.is_some() }
    }

    pub(crate) fn takes_color(self) -> bool {
        self.terminal.is_some_and(|terminal| terminal.color)
    }
}

impl Display {
    /// What suits the screen when nothing else was asked for.
    pub(crate) fn on(screen: Screen) -> Self {
        Self::choose(ProgressForm::Auto, screen)
    }

    /// Tells of a failure, once.
    pub(crate) fn reported(self, model: Option<&ModelRef>, failure: &Failure) -> Status {
        match failure {
            // Not again.
            Failure::Reported(_) => {}
            _ => self.report(model, failure),
        }
        Status::from(failure)
    }

    fn report(self, model: Option<&ModelRef>, failure: &Failure) {
        match self {
            Self::Json => json::report(model, failure),
            Self::Bar { .. } | Self::Plain | Self::None => report::failure(failure),
        }
    }

    /// Tells what an interrupted program still waits for.
    pub(crate) fn finishing(self, words: &str) {
        match self {
            Self::None => {}
            Self::Json => json::finishing(words),
            Self::Bar { .. } | Self::Plain => say(&[text::finishing(words)]),
        }
    }

    /// Tells people something; programs learn it from the document or the summary.
    pub(crate) fn note(self, words: &str) {
        match self {
            Self::None | Self::Json => {}
            Self::Bar { .. } | Self::Plain => say(&[words]),
        }
    }

    /// Tells what became of a store that was filled on the way.
    pub(crate) fn filled(self, filled: &Filled) {
        match self {
            Self::None => {}
            Self::Json => json::filled(filled),
            Self::Bar { .. } | Self::Plain => say(&[text::filled(filled)]),
        }
    }

    /// Tells what became of several models.
    pub(crate) fn sum_up(self, summary: &Summary) {
        match self {
            Self::None => {}
            Self::Json => json::sum_up(summary),
            Self::Bar { .. } | Self::Plain => say(&summary.lines()),
        }
    }

    /// What was asked for on the command line wins over the environment, but nothing makes a bar where there
    /// is no terminal: it could not be redrawn.
    pub(crate) fn choose(asked: ProgressForm, screen: Screen) -> Self {
        let Screen { quiet, terminal, bars_welcome } = screen;
        match (asked, terminal) {
            (ProgressForm::None, _) => Self::None,
            _ if quiet => Self::None,
            (ProgressForm::Json, _) => Self::Json,
            (ProgressForm::Bar, Some(Terminal { color })) => Self::Bar { color },
            (ProgressForm::Auto, Some(Terminal { color })) if bars_welcome => Self::Bar { color },
            (ProgressForm::Auto | ProgressForm::Bar | ProgressForm::Plain, _) => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: Screen =
        Screen { quiet: false, terminal: Some(Terminal { color: true }), bars_welcome: true };
    const PIPE: Screen = Screen { terminal: None, ..TERMINAL };

    #[track_caller]
    fn check(asked: ProgressForm, screen: Screen, expected: Display) {
        assert_eq!(Display::choose(asked, screen), expected, "{asked:?} on {screen:?}");
    }

    #[test]
    fn a_bar_needs_a_terminal() {
        check(ProgressForm::Auto, TERMINAL, Display::Bar { color: true });
        check(ProgressForm::Bar, TERMINAL, Display::Bar { color: true });
        check(ProgressForm::Plain, TERMINAL, Display::Plain);
        check(ProgressForm::None, TERMINAL, Display::None);
        check(ProgressForm::Auto, PIPE, Display::Plain);
        check(ProgressForm::Bar, PIPE, Display::Plain);
        check(ProgressForm::Plain, PIPE, Display::Plain);
        check(ProgressForm::None, PIPE, Display::None);
        check(ProgressForm::Json, PIPE, Display::Json);
        check(ProgressForm::Json, TERMINAL, Display::Json);
    }

    #[test]
    fn the_environment_and_diagnostics_yield_to_the_command_line() {
        let unwelcome = Screen { bars_welcome: false, ..TERMINAL };
        check(ProgressForm::Auto, unwelcome, Display::Plain);
        check(ProgressForm::Bar, unwelcome, Display::Bar { color: true });
    }

    #[test]
    fn colour_is_left_out_on_request() {
        let plain = Screen { terminal: Some(Terminal { color: false }), ..TERMINAL };
        check(ProgressForm::Auto, plain, Display::Bar { color: false });
        assert!(TERMINAL.takes_color() && !plain.takes_color() && !PIPE.takes_color());
    }

    #[test]
    fn quiet_is_quiet() {
        for screen in [TERMINAL, PIPE] {
            for asked in [
                ProgressForm::Auto,
                ProgressForm::Bar,
                ProgressForm::Plain,
                ProgressForm::Json,
                ProgressForm::None,
            ] {
                check(asked, Screen { quiet: true, ..screen }, Display::None);
            }
        }
    }
}
