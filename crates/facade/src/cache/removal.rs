//! Removes models and the remains of unfinished downloads.

use std::path::PathBuf;
use std::time::SystemTime;

use cache_layout::{CacheLayout, Holder, PruneReport, PrunedSlot, RemovedEntry, Slot, Tier};
use url_parse::ModelRef;

use crate::Error;

/// The result of [`Cache::remove`](crate::Cache::remove). Serialized, it is an element of the output of
/// `mlc-weights remove --json`.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct Removal {
    /// The model.
    pub model: ModelRef,
    /// Its place in the writable tier.
    pub path: PathBuf,
    /// What was there.
    pub entry: RemovedEntry,
    /// The bytes on disk that were freed, including those of unfinished downloads.
    pub bytes: u64,
    /// Why some obsolete files could not be deleted. The model is gone nevertheless.
    pub leftover: Option<Error>,
    /// Copies of the model in read-only tiers, which stay.
    pub kept: Vec<PathBuf>,
}

/// The result of [`Cache::prune`](crate::Cache::prune). Serialized, it is the output of `mlc-weights
/// prune --json`.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct Pruning {
    /// Whether this was a dry run.
    pub dry_run: bool,
    /// Every model with remains of unfinished downloads, by name.
    pub models: Vec<PrunedModel>,
    /// The bytes on disk, removed or to be removed, of temporary files that belong to no model: small
    /// files left by a process killed while writing them.
    pub temporary_bytes: u64,
    /// Failures of the search itself; a model's own failure is in its [`PrunedModel`].
    pub failures: Vec<Error>,
}

/// What pruning did, or would do, to one model's unfinished downloads.
#[derive(Debug)]
#[non_exhaustive]
pub struct PrunedModel {
    /// The model.
    pub model: ModelRef,
    /// The bytes on disk that were removed, or would be.
    pub removed_bytes: u64,
    /// The bytes on disk that stay, because they are in use or too recent.
    pub kept_bytes: u64,
    /// Whether a download of the model is running, or may be running on another machine that sent a
    /// heartbeat within the last 15 minutes.
    pub in_use: bool,
    /// The process that downloads it, if known.
    pub holder: Option<Holder>,
    /// When the rest can be removed: it is too recent until then, or its process may be on another
    /// machine. `None` if nothing stays, or a process of this machine is using it.
    pub kept_until: Option<SystemTime>,
    /// When it was last written.
    pub written_at: Option<SystemTime>,
    /// Why not all of it could be removed.
    pub failure: Option<Error>,
}

pub(super) fn remove(layout: &CacheLayout, slot: &Slot) -> Result<Removal, Error> {
    let copies = slot.candidates().filter(|(tier, dir)| tier.is_read_only() && dir.is_dir());
    let copies: Vec<(&Tier, PathBuf)> = copies.map(|(tier, dir)| (tier, dir.to_path_buf())).collect();
    let removed = layout.remove(slot)?;
    if removed.is_nothing() {
        return Err(match copies.into_iter().next() {
            Some((tier, _)) => Error::OnlyReadOnly { model: slot.model().clone(), tier: tier.path().into() },
            None => not_in_cache(slot),
        });
    }
    Ok(Removal {
        model: slot.model().clone(),
        path: slot.entry().to_path_buf(),
        entry: removed.entry,
        bytes: removed.bytes,
        leftover: removed.leftover.map(Error::from),
        kept: copies.into_iter().map(|(_, dir)| dir).collect(),
    })
}

/// The error if no tier has anything of the model.
pub(super) fn not_in_cache(slot: &Slot) -> Error {
    Error::NotInCache { model: slot.model().clone(), looked_in: places(slot) }
}

/// Every directory that could hold the model.
pub(super) fn places(slot: &Slot) -> Vec<PathBuf> {
    slot.candidates().map(|(_, dir)| dir.to_path_buf()).collect()
}

impl Pruning {
    pub(super) fn new(report: PruneReport, dry_run: bool) -> Self {
        Self {
            dry_run,
            models: report.slots.into_iter().map(PrunedModel::of_slot).collect(),
            temporary_bytes: report.temporary_bytes,
            failures: report.failures.into_iter().map(Error::from).collect(),
        }
    }

    /// The bytes on disk that were removed, or would be.
    pub fn removed_bytes(&self) -> u64 {
        self.models.iter().map(|model| model.removed_bytes).sum::<u64>() + self.temporary_bytes
    }

    /// The bytes on disk that stay.
    pub fn kept_bytes(&self) -> u64 {
        self.models.iter().map(|model| model.kept_bytes).sum()
    }
}

impl PrunedModel {
    fn of_slot(pruned: PrunedSlot) -> Self {
        Self {
            model: pruned.slot.model().clone(),
            removed_bytes: pruned.removed_bytes,
            kept_bytes: pruned.kept_bytes,
            in_use: pruned.in_use,
            holder: pruned.holder,
            kept_until: pruned.kept_until,
            written_at: pruned.written_at,
            failure: pruned.failure.map(Error::from),
        }
    }
}
