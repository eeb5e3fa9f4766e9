//! Reduces the cache to a given size; the least recently used models go first.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::SystemTime;

use cache_layout::{CacheLayout, CachePolicy, ErrorKind, PruneMode};
use url_parse::ModelRef;

use super::entry::{Listing, ModelEntry};
use super::list::list;
use super::removal::remove;
use crate::Error;

/// The result of [`Cache::shrink`](crate::Cache::shrink). Serialized, it is the member `cache` in the
/// output of `mlc-weights prune --keep --json`.
#[derive(Debug)]
#[must_use = "it may hold failures"]
#[non_exhaustive]
pub struct Shrinking {
    /// Whether this was a dry run.
    pub dry_run: bool,
    /// The limit in bytes.
    pub limit: u64,
    /// The models of the writable tier, in order of removal.
    pub models: Vec<ShrunkModel>,
}

/// What shrinking did, or would do, to one model.
#[derive(Debug)]
#[non_exhaustive]
pub struct ShrunkModel {
    /// The model.
    pub model: ModelRef,
    /// Its directory.
    pub path: PathBuf,
    /// The sum of its files' lengths in bytes.
    pub bytes: u64,
    /// When it was last used, downloaded or changed in its folder, to about a minute.
    pub last_used: Option<SystemTime>,
    /// The result.
    pub outcome: ShrinkOutcome,
}

/// The result for a model.
#[derive(Debug)]
#[non_exhaustive]
pub enum ShrinkOutcome {
    /// It was removed, or would be.
    #[non_exhaustive]
    Removed {
        /// Why some obsolete files could not be deleted. The model is gone nevertheless.
        leftover: Option<Error>,
    },
    /// It stays, since the rest is within the limit.
    Fits,
    /// It stays: it is being downloaded or repaired, or was used just now.
    InUse,
    /// It stays: the policy forbids downloads, and no read-only tier has it.
    OnlyCopy,
    /// It stays: it is not whole, and another program may be writing it.
    NotWhole,
    /// It stays, because it could not be removed.
    Failed(Error),
}

impl Shrinking {
    /// The bytes of all models before.
    pub fn bytes_before(&self) -> u64 {
        self.models.iter().map(|model| model.bytes).sum()
    }

    /// The bytes of the models that stay, or would.
    pub fn bytes_after(&self) -> u64 {
        self.models.iter().filter(|model| !model.is_removed()).map(|model| model.bytes).sum()
    }

    /// Whether the models that stay are within the limit.
    pub fn fits(&self) -> bool {
        self.bytes_after() <= self.limit
    }
}

impl ShrunkModel {
    fn new(layout: &CacheLayout, entry: &ModelEntry) -> Self {
        Self {
            model: entry.model.clone(),
            path: entry.path.clone(),
            bytes: entry.bytes,
            last_used: layout.last_use(&layout.slot(&entry.model)),
            outcome: ShrinkOutcome::Fits,
        }
    }

    /// Whether it was removed, or would be.
    pub const fn is_removed(&self) -> bool {
        matches!(self.outcome, ShrinkOutcome::Removed { .. })
    }
}

pub(super) fn shrink(
    layout: &CacheLayout,
    policy: CachePolicy,
    limit: u64,
    mode: PruneMode,
) -> Result<Shrinking, Error> {
    let known = KnownModels::of(list(layout)?);
    // The target of a link takes no space here.
    let own = known.own.iter().filter(|entry| entry.link_target.is_none());
    let mut models: Vec<_> = own.map(|entry| ShrunkModel::new(layout, entry)).collect();
    models.sort_by_cached_key(|model| {
        (!known.copies.contains(&model.model), model.last_used, model.model.clone())
    });
    let mut bytes: u64 = models.iter().map(|model| model.bytes).sum();
    for model in &mut models {
        if bytes <= limit {
            break;
        }
        model.outcome = match known.why_it_stays(&model.model, policy) {
            Some(why) => why,
            None if mode == PruneMode::DryRun => ShrinkOutcome::Removed { leftover: None },
            None => take_out(layout, model),
        };
        if model.is_removed() {
            bytes -= model.bytes;
        }
    }
    Ok(Shrinking { dry_run: mode == PruneMode::DryRun, limit, models })
}

fn take_out(layout: &CacheLayout, model: &ShrunkModel) -> ShrinkOutcome {
    let slot = layout.slot(&model.model);
    // Removing others may have taken a while.
    if layout.last_use(&slot) > model.last_used {
        return ShrinkOutcome::InUse;
    }
    match remove(layout, &slot) {
        Ok(removal) => ShrinkOutcome::Removed { leftover: removal.leftover },
        // Another process was faster.
        Err(Error::NotInCache { .. } | Error::OnlyReadOnly { .. }) => {
            ShrinkOutcome::Removed { leftover: None }
        }
        Err(error) if error.kind() == ErrorKind::InUse => ShrinkOutcome::InUse,
        Err(error) => ShrinkOutcome::Failed(error),
    }
}

/// The models of a listing.
struct KnownModels {
    /// Models in the writable tier.
    own: Vec<ModelEntry>,
    /// Models of which a read-only tier has a whole copy.
    copies: HashSet<ModelRef>,
    in_use: HashSet<ModelRef>,
}

impl KnownModels {
    fn of(listing: Listing) -> Self {
        let (shared, own): (Vec<_>, Vec<_>) =
            listing.models.into_iter().partition(|entry| entry.tier.is_read_only());
        let in_use = listing.unfinished.into_iter().filter(|unfinished| unfinished.in_use);
        Self {
            own,
            copies: shared.into_iter().filter(ModelEntry::is_whole).map(|entry| entry.model).collect(),
            in_use: in_use.map(|unfinished| unfinished.model).collect(),
        }
    }

    fn why_it_stays(&self, model: &ModelRef, policy: CachePolicy) -> Option<ShrinkOutcome> {
        let is_whole = self.own.iter().any(|entry| entry.model == *model && entry.is_whole());
        let is_pinned = matches!(policy, CachePolicy::Off | CachePolicy::ReadOnly);
        if self.in_use.contains(model) {
            Some(ShrinkOutcome::InUse)
        } else if is_pinned && !self.copies.contains(model) {
            Some(ShrinkOutcome::OnlyCopy)
        } else if !is_whole {
            Some(ShrinkOutcome::NotWhole)
        } else {
            None
        }
    }
}
