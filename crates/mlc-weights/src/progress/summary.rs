//! What came of it: how many bytes came from where, and what became of several models.

use std::time::Duration;

use facade::{ModelRef, Outcome, ProgressSnapshot};
use serde::Serialize;

use crate::words::{elapsed, size};

/// Bytes of files, by where they came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BytesBySource {
    pub(crate) hub: u64,
    pub(crate) store: u64,
    /// From an interrupted download, the directory that is repaired, or another model of the cache.
    pub(crate) reused: u64,
}

impl BytesBySource {
    pub(super) fn of(totals: &ProgressSnapshot) -> Self {
        Self { hub: totals.bytes_from_hub, store: totals.bytes_from_stores, reused: totals.bytes_reused }
    }

    /// What was copied out of a store's folder counts as the store's, although it was there.
    pub(crate) fn ended(self, outcome: Outcome) -> Self {
        let Outcome::Downloaded { bytes_copied, .. } = outcome else { return self };
        let Self { hub, store, reused } = self;
        Self { hub, store: store + bytes_copied, reused: reused.saturating_sub(bytes_copied) }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// How many were asked for.
    pub(crate) models: usize,
    /// How many are there now.
    pub(crate) done: usize,
    /// Those that failed, in order.
    pub(crate) failed: Vec<ModelRef>,
    /// What came over the network, also for those that failed.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
}

impl Summary {
    pub(crate) fn of(models: usize) -> Self {
        Self { models, ..Self::default() }
    }

    /// How many are there or have failed.
    pub(crate) fn tried(&self) -> usize {
        self.done + self.failed.len()
    }

    /// Lines for a person; none when there was only one model, which speaks for itself.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self { models, done, failed, bytes, elapsed: took } = self;
        if *models < 2 {
            return Vec::new();
        }
        let first =
            format!("{done} of {models} models are ready; {} downloaded in {}", size(*bytes), elapsed(*took));
        let failed = failed.iter().map(|model| format!("  failed: {model}"));
        let untried = models - self.tried();
        let last = (untried > 0).then(|| format!("  not tried: {untried}"));
        std::iter::once(first).chain(failed).chain(last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_needs_no_summary() {
        assert_eq!(Summary::of(1).lines(), [""; 0]);
    }

    #[test]
    fn what_failed_is_named() {
        let failed = vec!["a/b".parse().unwrap(), "c/d".parse().unwrap()];
        let elapsed = Duration::from_secs(125);
        let summary = Summary { models: 5, done: 2, failed, bytes: 3_000_000_000, elapsed };
        assert_eq!(
            summary.lines(),
            [
                "2 of 5 models are ready; 3.00 GB downloaded in 2 min 5 s",
                "  failed: a/b",
                "  failed: c/d",
                "  not tried: 1"
            ]
        );
    }
}
