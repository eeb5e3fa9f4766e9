//! Taking models out, and what unfinished downloads have left.

use std::path::PathBuf;
use std::time::SystemTime;

use cache_layout::{CacheLayout, Holder, PruneReport, PrunedSlot, RemovedEntry, Slot, Tier};
use url_parse::ModelRef;

use crate::Error;

/// What [`Cache::remove`](crate::Cache::remove) did. Serialized, it is an element of the document of
/// `mlc-weights remove --json`.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct Removal {
    /// The model.
    pub model: ModelRef,
    /// Its place in the writable tier.
    pub path: PathBuf,
    /// What stood there.
    pub entry: RemovedEntry,
    /// How many bytes of disk are free again, those of unfinished downloads included.
    pub bytes: u64,
    /// Why files that are of no use any more could not be deleted. The model is gone all the same.
    pub leftover: Option<Error>,
    /// The copies that read-only tiers have of the model, and keep.
    pub kept: Vec<PathBuf>,
}

/// What [`Cache::prune`](crate::Cache::prune) did, or would do. Serialized, it is the document of
/// `mlc-weights prune --json`.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct Pruning {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Every model that unfinished downloads have left something of, by name.
    pub models: Vec<PrunedModel>,
    /// How many bytes of disk were removed, or would be, that belong to no model: small files that were being
    /// written when a process was killed.
    pub temporary_bytes: u64,
    /// What kept it from looking everywhere, apart from the models' own failures.
    pub failures: Vec<Error>,
}

/// What pruning did to one model's unfinished downloads, or would do.
#[derive(Debug)]
#[non_exhaustive]
pub struct PrunedModel {
    /// The model.
    pub model: ModelRef,
    /// How many bytes of disk were removed, or would be.
    pub removed_bytes: u64,
    /// How many bytes of disk stay: they are in use, or too young.
    pub kept_bytes: u64,
    /// Whether a download of the model is under way, or may be on another machine, as it was heard of within the last 15
    /// minutes.
    pub in_use: bool,
    /// Who downloads it, where that could be learned.
    pub holder: Option<Holder>,
    /// When all that stays could go: it is too young until then, or its process may be on another machine. `None` when
    /// nothing stays, or a process of this machine is at work on it.
    pub kept_until: Option<SystemTime>,
    /// When it was last written to.
    pub written: Option<SystemTime>,
    /// Why not everything could be removed.
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

/// No tier has anything of the model.
pub(super) fn not_in_cache(slot: &Slot) -> Error {
    let looked_in = slot.candidates().map(|(_, dir)| dir.to_path_buf()).collect();
    Error::NotInCache { model: slot.model().clone(), looked_in }
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

    /// How many bytes of disk were removed, or would be.
    pub fn removed_bytes(&self) -> u64 {
        self.models.iter().map(|model| model.removed_bytes).sum::<u64>() + self.temporary_bytes
    }

    /// How many bytes of disk stay.
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
            written: pruned.written,
            failure: pruned.failure.map(Error::from),
        }
    }
}
