//! Shows the progress of a download as a bar.

use std::sync::Arc;

use facade::words::duration;
use facade::{Event, FetchEvent, Observer, Warning};
use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str =
    "  {bar:30} {decimal_bytes:>9} of {decimal_total_bytes:<9} {decimal_bytes_per_sec:>11}  {msg}";

/// A bar on standard error, or nothing if that is not a terminal.
#[derive(Clone)]
pub(crate) struct Bar(Arc<ProgressBar>);

impl Bar {
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(Arc::new(ProgressBar::new(0).with_style(style)))
    }

    /// Removes the bar, so that only messages remain.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }

    fn on_fetch(&self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { bytes, files, .. } => {
                self.0.set_length(*bytes);
                self.0.set_message(format!("{files} files"));
            }
            FetchEvent::Received { bytes, .. } => self.0.inc(*bytes),
            FetchEvent::Discarded { bytes, .. } => self.0.dec(*bytes),
            FetchEvent::Retrying { file, pause, cause, .. } => {
                self.0.println(format!("  {file}: {cause}; again in {}", duration(*pause)));
            }
            _ => {}
        }
    }
}

impl Observer for Bar {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::Metadata { model, .. } => self.0.set_message(format!("asking for {model}")),
            Event::WaitingForLock { .. } => self.0.set_message("waiting for another process"),
            Event::Publishing { .. } => self.0.set_message("publishing"),
            Event::Warning(Warning::UnlistedShard { path, .. }) => {
                self.0.println(format!("  not fetched, the manifest does not name it: {path}"));
            }
            Event::Fetch(event) => self.on_fetch(event),
            _ => {}
        }
    }
}
