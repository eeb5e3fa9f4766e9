//! What every way to show progress can do.

use std::time::Duration;

use facade::{Event, Model};

use super::view::View;

/// A way to show progress.
pub(super) trait Face: Send + Sync {
    /// How often it wants to be shown how things are; `None`: never.
    fn period(&self) -> Option<Duration>;
    /// Shows how things are.
    fn show(&self, view: &View);
    /// Tells of something that has just happened.
    fn tell(&self, event: &Event<'_>);
    /// Tells what an interrupted program still waits for.
    fn finishing(&self, words: &str);
    /// Shows how it ended; nothing follows.
    fn end(&self, ending: &Ending<'_>);
}

/// How getting a model ended.
pub(super) struct Ending<'a> {
    /// The model, when there is one.
    pub(super) outcome: Option<&'a Model>,
    pub(super) view: &'a View,
}
