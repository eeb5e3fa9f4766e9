//! What a job reports while it works.

use std::collections::VecDeque;
use std::sync::Arc;

use facade::{Event, FetchEvent, Observer as _, Progress, words};
use parking_lot::Mutex;
use pyo3::prelude::*;

/// The most messages kept for a caller that does not read them; older ones are dropped.
const MOST_MESSAGES: usize = 1000;

/// Level numbers of Python's `logging`.
const INFO: u8 = 20;
const WARNING: u8 = 30;

/// Messages and sums, written by the job's threads.
#[derive(Default)]
pub(crate) struct Told {
    messages: Mutex<VecDeque<(u8, String)>>,
    pub(crate) progress: Progress,
}

impl Told {
    pub(crate) fn note(&self, event: &Event<'_>) {
        self.progress.on_event(event);
        // One message about a wait for a server is enough, instead of one for each waiting file.
        if matches!(event, Event::Fetch(FetchEvent::Throttled { .. })) {
            return;
        }
        let Some(message) = words::event(event) else { return };
        let level = if matches!(event, Event::Warning(_)) { WARNING } else { INFO };
        let mut messages = self.messages.lock();
        if messages.len() == MOST_MESSAGES {
            messages.pop_front();
        }
        messages.push_back((level, message));
    }
}

/// The same data, readable from Python.
#[pyclass(frozen)]
pub(crate) struct News(Arc<Told>);

impl News {
    pub(crate) fn new(told: Arc<Told>) -> Self {
        Self(told)
    }
}

#[pymethods]
impl News {
    /// The messages since the last call, each with its level.
    fn messages(&self) -> Vec<(u8, String)> {
        self.0.messages.lock().drain(..).collect()
    }

    /// Files done, files, bytes done, bytes.
    fn progress(&self) -> (usize, usize, u64, u64) {
        let seen = self.0.progress.snapshot();
        (seen.files_done, seen.files, seen.bytes_done, seen.bytes)
    }
}
