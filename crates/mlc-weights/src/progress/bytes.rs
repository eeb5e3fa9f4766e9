//! Where the bytes of a model's files came from.

use std::sync::atomic::Ordering::Relaxed;

use facade::Outcome;
use serde::Serialize;

use super::tally::Tally;

/// Bytes of files, by where they came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BytesBySource {
    pub(crate) hub: u64,
    pub(crate) store: u64,
    /// From an interrupted download, the directory that is repaired, or another model of the cache.
    pub(crate) reused: u64,
}

impl BytesBySource {
    pub(super) fn of(tally: &Tally) -> Self {
        let [hub, store, reused] =
            [&tally.from_hub, &tally.from_store, &tally.reused].map(|bytes| bytes.load(Relaxed));
        Self { hub, store, reused }
    }

    /// What was copied out of a store's folder is the store's, although it was there.
    pub(crate) fn ended(self, outcome: Outcome) -> Self {
        let Outcome::Downloaded { bytes_copied, .. } = outcome else { return self };
        let Self { hub, store, reused } = self;
        Self { hub, store: store + bytes_copied, reused: reused.saturating_sub(bytes_copied) }
    }
}
