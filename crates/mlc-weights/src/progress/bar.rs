//! Progress as a bar on a terminal.

use std::time::{Duration, Instant};

use facade::{Event, FetchEvent, Model};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Progress, text};
use crate::exit::Failure;

/// While nothing is known of the bytes yet, something moves all the same.
const TICK: Duration = Duration::from_millis(120);

const WAITING: &str = "{spinner} {wide_msg}";
const FETCHING: &str = "{bar:24.cyan} {decimal_bytes:>9} of {decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left {wide_msg}";
const FETCHING_PLAIN: &str =
    "{bar:24} {decimal_bytes:>9} of {decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left {wide_msg}";

pub(super) struct Bar {
    began: Instant,
    line: ProgressBar,
    fetching: &'static str,
    files: std::sync::Mutex<(usize, usize)>,
}

impl Bar {
    pub(super) fn new(color: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.set_style(style(WAITING));
        bar.enable_steady_tick(TICK);
        let fetching = if color { FETCHING } else { FETCHING_PLAIN };
        Self { began: Instant::now(), line: bar, fetching, files: std::sync::Mutex::new((0, 0)) }
    }

    fn count(&self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { files, bytes, .. } => {
                self.line.set_style(style(self.fetching));
                self.line.inc_length(*bytes);
                self.count_files(*files, 0);
            }
            FetchEvent::Received { bytes, .. } => self.line.inc(*bytes),
            FetchEvent::Discarded { bytes, .. } => {
                self.line.set_position(self.line.position().saturating_sub(*bytes));
            }
            FetchEvent::Verified { .. } => self.count_files(0, 1),
            _ => {}
        }
    }

    fn count_files(&self, more: usize, more_done: usize) {
        let mut files = self.files.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        files.0 += more;
        files.1 += more_done;
        self.line.set_message(format!("{} of {} files", files.1, files.0));
    }
}

impl Progress for Bar {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::Fetch(fetch @ (FetchEvent::Retrying { .. } | FetchEvent::Discarded { .. })) => {
                self.count(fetch);
                if let Some(line) = text::line(event) {
                    self.line.println(line);
                }
            }
            Event::Fetch(fetch) => self.count(fetch),
            Event::Warning(_) | Event::RetryingMetadata { .. } | Event::WaitingForLock { .. } => {
                if let Some(line) = text::line(event) {
                    self.line.println(line);
                }
            }
            event => {
                if let Some(line) = text::line(event) {
                    self.line.set_message(line);
                }
            }
        }
    }

    fn finish(&self, outcome: &Result<Model, Failure>) {
        if let Ok(model) = outcome
            && let Some(line) = text::closing(model, self.began.elapsed())
        {
            self.line.println(line);
        }
        self.line.finish_and_clear();
    }
}

/// A style from one of the templates above, which are known to be well-formed.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_well_formed() {
        for template in [WAITING, FETCHING, FETCHING_PLAIN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
