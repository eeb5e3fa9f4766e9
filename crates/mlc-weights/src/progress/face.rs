//! The ways in which progress is shown.

use std::sync::Arc;
use std::time::Duration;

use facade::{Event, Model, ModelRef};

use super::view::View;
use super::{Display, bar, json, plain};

/// A way to show progress.
pub(super) trait Face: Send + Sync {
    /// How often it wants to be shown how things are; `None`: never.
    fn period(&self) -> Option<Duration>;
    /// Shows how things are.
    fn show(&self, view: &View);
    /// Tells of something that has just happened.
    fn tell(&self, event: &Event<'_>);
    /// Shows how it ended; nothing follows.
    fn end(&self, ending: &Ending<'_>);
}

/// How getting a model ended.
pub(super) struct Ending<'a> {
    /// The model, when there is one.
    pub(super) outcome: Option<&'a Model>,
    pub(super) view: &'a View,
}

pub(super) fn of(display: Display, model: &ModelRef) -> Arc<dyn Face> {
    match display {
        Display::Bar { color } => Arc::new(bar::Bar::on_stderr(color)),
        Display::Plain => Arc::new(plain::Plain::default()),
        Display::Json => Arc::new(json::Json::new(model)),
        Display::None => Arc::new(Nothing),
    }
}

struct Nothing;

impl Face for Nothing {
    fn period(&self) -> Option<Duration> {
        None
    }
    fn show(&self, _: &View) {}
    fn tell(&self, _: &Event<'_>) {}
    fn end(&self, _: &Ending<'_>) {}
}
