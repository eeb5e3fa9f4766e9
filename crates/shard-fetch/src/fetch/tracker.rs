//! The events of one file, in the order that the contract gives.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use super::FileRequest;
use super::run::Shared;
use crate::{Error, FetchEvent};

/// Reports the events of one file; reports that it was cancelled if dropped before its end.
pub(super) struct Tracker {
    shared: Arc<Shared>,
    request: Arc<FileRequest>,
    ended: bool,
}

impl Tracker {
    pub(super) fn start(shared: Arc<Shared>, request: Arc<FileRequest>) -> Self {
        let tracker = Self { shared, request, ended: false };
        tracker
            .report(FetchEvent::Started { file: &tracker.request.path, size: tracker.request.expected.size });
        tracker
    }

    pub(super) fn received(&self, bytes: u64) {
        self.shared.outstanding.subtract(bytes);
        self.report(FetchEvent::Received { file: &self.request.path, bytes });
    }

    pub(super) fn discarded(&self, bytes: u64) {
        self.shared.outstanding.add(bytes);
        self.report(FetchEvent::Discarded { file: &self.request.path, bytes });
    }

    pub(super) fn retrying(&self, delay: Duration, cause: &(dyn StdError + 'static)) {
        tracing::debug!(file = %self.request.path, ?delay, cause, "trying again");
        self.report(FetchEvent::Retrying { file: &self.request.path, delay, cause });
    }

    pub(super) fn end(mut self, outcome: &Result<(), Error>) {
        self.ended = true;
        let file = &self.request.path;
        self.report(match outcome {
            Ok(()) => FetchEvent::Verified { file, size: self.request.expected.size },
            Err(error) => FetchEvent::Failed { file, error },
        });
    }

    fn report(&self, event: FetchEvent<'_>) {
        self.shared.observer.on_event(event);
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if !self.ended {
            self.report(FetchEvent::Cancelled { file: &self.request.path });
        }
    }
}
