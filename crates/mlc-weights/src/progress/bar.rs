//! Progress as a bar on a terminal.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use facade::{Event, FetchEvent, Model};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Progress, text};
use crate::exit::Failure;
use crate::words;

/// While nothing is known of the bytes yet, something moves all the same.
const TICK: Duration = Duration::from_millis(120);

const WAITING: &str = "{spinner} {wide_msg}";
/// Room for the numbers of a large model in 80 columns.
const FETCHING: &str =
    "{bar:16.cyan} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left, {wide_msg}";
const FETCHING_PLAIN: &str =
    "{bar:16} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left, {wide_msg}";

pub(super) struct Bar {
    began: Instant,
    line: ProgressBar,
    fetching: &'static str,
    files: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    planned: usize,
    done: usize,
}

impl Bar {
    pub(super) fn on_stderr(color: bool) -> Self {
        let bar = Self::on(ProgressDrawTarget::stderr(), color);
        bar.line.enable_steady_tick(TICK);
        bar
    }

    fn on(target: ProgressDrawTarget, color: bool) -> Self {
        let line = ProgressBar::with_draw_target(Some(0), target);
        line.set_style(style(WAITING));
        let fetching = if color { FETCHING } else { FETCHING_PLAIN };
        Self { began: Instant::now(), line, fetching, files: Mutex::default() }
    }

    fn count(&self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { files, bytes, .. } => self.plan(*files, *bytes),
            FetchEvent::Resumed { bytes, .. } | FetchEvent::Received { bytes, .. } => self.line.inc(*bytes),
            FetchEvent::Discarded { bytes, .. } => self.take_back(*bytes),
            FetchEvent::Verified { .. } => self.update_files(|files| files.done += 1),
            _ => {}
        }
    }

    /// A download may plan twice: files that describe the model first, then all others.
    fn plan(&self, files: usize, bytes: u64) {
        self.line.set_style(style(self.fetching));
        self.line.inc_length(bytes);
        self.update_files(|known| known.planned += files);
    }

    fn take_back(&self, bytes: u64) {
        self.line.set_position(self.line.position().saturating_sub(bytes));
    }

    fn update_files(&self, update: impl FnOnce(&mut Files)) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        update(&mut files);
        self.line.set_message(format!("{} of {}", files.done, words::files(files.planned)));
    }
}

impl Progress for Bar {
    fn on_event(&self, event: &Event<'_>) {
        if let Event::Fetch(fetch) = event {
            self.count(fetch);
        }
        let Some(line) = text::line(event) else { return };
        match event {
            // The bar itself says it.
            Event::Fetch(FetchEvent::Planned { .. }) => {}
            // Stays to be read above the bar.
            Event::Fetch(_)
            | Event::Warning(_)
            | Event::Reused { .. }
            | Event::RetryingMetadata { .. }
            | Event::WaitingForLock { .. } => self.line.println(line),
            // Is of interest only until the next step.
            _ => {
                self.line.set_style(style(WAITING));
                self.line.set_message(line);
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
mod tests;
