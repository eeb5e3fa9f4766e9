//! What a job tells while it works.

use std::collections::VecDeque;
use std::sync::Arc;

use facade::{Event, FetchEvent, VerifyEvent, words};
use parking_lot::Mutex;
use pyo3::prelude::*;

/// More messages than this are not kept for a caller that does not ask for them; the oldest go.
const MOST_MESSAGES: usize = 1000;

/// As Python's `logging` numbers them.
const INFO: u8 = 20;
const WARNING: u8 = 30;

/// Messages and counters, written by the job's threads.
#[derive(Default)]
pub(crate) struct Told {
    messages: Mutex<VecDeque<(u8, String)>>,
    counters: Mutex<Counters>,
}

/// Files and their bytes: how many there are in all, and how many of them are done.
#[derive(Clone, Copy, Default)]
struct Counters {
    files: usize,
    files_done: usize,
    bytes: u64,
    bytes_done: u64,
    /// Files that are there already and being hashed, and their bytes.
    checking: (usize, u64),
}

impl Told {
    pub(crate) fn note(&self, event: &Event<'_>) {
        self.counters.lock().note(event);
        // Of a wait for a server, one message is enough, not one for each file that waits.
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

    pub(crate) fn note_verified(&self, event: &VerifyEvent<'_>) {
        let mut counters = self.counters.lock();
        match event {
            VerifyEvent::Began { files, bytes, .. } => counters.plan(*files, *bytes),
            VerifyEvent::Checked { bytes, .. } => counters.complete(1, *bytes),
            _ => {}
        }
    }
}

impl Counters {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Fetch(event) => self.note_fetch(event),
            Event::Checking { files, bytes } => {
                self.plan(*files, *bytes);
                self.checking = (*files, *bytes);
            }
            // What is not right is planned once more, to be fetched.
            Event::Reused { files, bytes } => {
                let (checked, bytes_checked) = std::mem::take(&mut self.checking);
                self.files = self.files.saturating_sub(checked.saturating_sub(*files));
                self.bytes = self.bytes.saturating_sub(bytes_checked.saturating_sub(*bytes));
                self.complete(*files, *bytes);
            }
            _ => {}
        }
    }

    fn note_fetch(&mut self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { files, bytes, .. } => self.plan(*files, *bytes),
            FetchEvent::Resumed { bytes, .. } | FetchEvent::Received { bytes, .. } => {
                self.complete(0, *bytes);
            }
            FetchEvent::Discarded { bytes, .. } => self.bytes_done = self.bytes_done.saturating_sub(*bytes),
            FetchEvent::Verified { .. } => self.complete(1, 0),
            _ => {}
        }
    }

    /// A download may plan twice: files that describe the model first, then all others.
    fn plan(&mut self, files: usize, bytes: u64) {
        self.files += files;
        self.bytes += bytes;
    }

    fn complete(&mut self, files: usize, bytes: u64) {
        self.files_done += files;
        self.bytes_done += bytes;
    }
}

/// The same, for Python to look at.
#[pyclass(frozen)]
pub(crate) struct News(Arc<Told>);

impl News {
    pub(crate) fn new(told: Arc<Told>) -> Self {
        Self(told)
    }
}

#[pymethods]
impl News {
    /// What was said since the last call, each with its level.
    fn messages(&self) -> Vec<(u8, String)> {
        self.0.messages.lock().drain(..).collect()
    }

    /// Files done, files, bytes done, bytes.
    fn progress(&self) -> (usize, usize, u64, u64) {
        let Counters { files, files_done, bytes, bytes_done, .. } = *self.0.counters.lock();
        (files_done, files, bytes_done, bytes)
    }
}
