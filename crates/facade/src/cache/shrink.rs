//! Making a cache small enough: the models that were used least lately go first.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::SystemTime;

use cache_layout::{CacheLayout, CachePolicy, ErrorKind, PruneMode};
use url_parse::ModelRef;

use super::entry::{Listing, ModelEntry};
use super::list::list;
use super::removal::remove;
use crate::Error;

/// What [`Cache::shrink`](crate::Cache::shrink) did, or would do. Serialized, it is the member `cache` of the document of
/// `mlc-weights prune --keep --json`.
#[derive(Debug)]
#[must_use = "it may hold failures"]
#[non_exhaustive]
pub struct Shrinking {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// How many bytes of models may stay.
    pub limit: u64,
    /// The models of the writable tier, in the order in which they go.
    pub models: Vec<ShrunkModel>,
}

/// What shrinking did to one model, or would do.
#[derive(Debug)]
#[non_exhaustive]
pub struct ShrunkModel {
    /// The model.
    pub model: ModelRef,
    /// Its directory.
    pub path: PathBuf,
    /// The lengths of its files in bytes, added up.
    pub bytes: u64,
    /// When it was last handed out, downloaded or changed in its folder, to about a minute.
    pub last_used: Option<SystemTime>,
    /// What became of it.
    pub outcome: ShrinkOutcome,
}

/// What became of a model.
#[derive(Debug)]
#[non_exhaustive]
pub enum ShrinkOutcome {
    /// It is removed, or would be.
    Removed {
        /// Why files that are of no use any more could not be deleted. The model is gone all the same.
        leftover: Option<Error>,
    },
    /// It stays: those that stay have room.
    Fits,
    /// It stays: it is being downloaded or repaired, or was asked for just now.
    InUse,
    /// It stays: the policy forbids downloads, and no read-only tier has it.
    OnlyCopy,
    /// It stays: it is not whole, and another program may be at work on it.
    NotWhole,
    /// It stays, since it could not be removed.
    Failed(Error),
}

impl Shrinking {
    /// How many bytes of models were there.
    pub fn bytes_before(&self) -> u64 {
        self.models.iter().map(|model| model.bytes).sum()
    }

    /// How many bytes of models stay, or would.
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

    /// Whether it is removed, or would be.
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
    let known = Known::of(list(layout)?);
    // What a link leads to takes up no room here.
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

/// What a listing says of the models.
struct Known {
    /// Those of the writable tier.
    own: Vec<ModelEntry>,
    /// Those that a read-only tier has whole.
    copies: HashSet<ModelRef>,
    in_use: HashSet<ModelRef>,
}

impl Known {
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
