//! The events of one file, in the promised order.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;

use super::request::FileRequest;
use super::shared::Shared;
use url_parse::Origin;

use crate::{Error, FetchEvent};

/// Reports the events of one file one after another, whichever connection they come from.
pub(super) struct Tracker {
    shared: Arc<Shared>,
    request: Arc<FileRequest>,
    state: Mutex<TrackerState>,
}

#[derive(Default)]
struct TrackerState {
    /// Bytes resumed and received minus those discarded.
    held: u64,
    /// Nothing is reported after the end.
    ended: bool,
}

/// Reports the file as cancelled if dropped before its end.
pub(super) struct Ending(Arc<Tracker>);

impl Tracker {
    pub(super) fn start(shared: Arc<Shared>, request: Arc<FileRequest>) -> (Arc<Self>, Ending) {
        let tracker = Arc::new(Self { shared, request, state: Mutex::default() });
        let (file, size) = (&tracker.request.path, tracker.request.expected.size);
        tracker.report(&mut tracker.state.lock(), FetchEvent::Started { file, size });
        (Arc::clone(&tracker), Ending(tracker))
    }

    /// How many bytes of the file exist.
    pub(super) fn held(&self) -> u64 {
        self.state.lock().held
    }

    pub(super) fn resumed(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.held += bytes;
        self.shared.outstanding.subtract(bytes);
        self.report(&mut state, FetchEvent::Resumed { file: &self.request.path, bytes });
    }

    pub(super) fn received(&self, bytes: u64, place: usize) {
        let mut state = self.state.lock();
        state.held += bytes;
        self.shared.outstanding.subtract(bytes);
        self.shared.throughput.add(bytes);
        self.report(&mut state, FetchEvent::Received { file: &self.request.path, bytes, place });
    }

    /// These bytes are not used, because another connection was faster.
    pub(super) fn duplicated(&self, bytes: u64) {
        self.shared.duplicates.fetch_add(bytes, Ordering::Relaxed);
        self.shared.throughput.add(bytes);
        self.report(&mut self.state.lock(), FetchEvent::Duplicated { file: &self.request.path, bytes });
    }

    /// All bytes of the file were discarded.
    pub(super) fn discarded_all(&self) {
        let mut state = self.state.lock();
        let bytes = std::mem::take(&mut state.held);
        if bytes > 0 {
            self.shared.outstanding.add(bytes);
            self.report(&mut state, FetchEvent::Discarded { file: &self.request.path, bytes });
        }
    }

    /// All attempts up to this number have failed.
    pub(super) fn retrying(
        &self,
        attempt: u32,
        pause: Duration,
        cause: &(dyn StdError + 'static),
        host: Option<&Origin>,
    ) {
        let file = &self.request.path;
        tracing::debug!(%file, attempt, delay = ?pause, error = cause, "retrying a file");
        self.report(&mut self.state.lock(), FetchEvent::Retrying { file, pause, cause, host });
    }

    pub(super) fn throttled(&self, pause: Duration) {
        tracing::debug!(file = %self.request.path, delay = ?pause, "waiting at a server's request");
        self.report(&mut self.state.lock(), FetchEvent::Throttled { file: &self.request.path, pause });
    }

    fn report(&self, state: &mut TrackerState, event: FetchEvent<'_>) {
        if !state.ended {
            self.shared.observer.on_event(&event);
        }
    }

    fn end(&self, event: FetchEvent<'_>) {
        let mut state = self.state.lock();
        self.report(&mut state, event);
        state.ended = true;
    }
}

impl Ending {
    pub(super) fn end(self, outcome: &Result<(), Error>) {
        let request = &self.0.request;
        let file = &request.path;
        self.0.end(match outcome {
            Ok(()) => {
                tracing::debug!(%file, bytes = request.expected.size, "verified");
                FetchEvent::Verified { file, size: request.expected.size }
            }
            Err(error) => FetchEvent::Failed { file, error },
        });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(FetchEvent::Cancelled { file: &self.0.request.path });
    }
}
