//! Lists the cache.

use std::time::{Duration, SystemTime};

use cache_layout::{CacheLayout, Completeness, Entry, PruneMode, PrunedSlot, usage_of};

use super::entry::{EntryOrigin, Listing, ModelEntry, Unfinished};
use crate::Error;
use crate::look::inspect_with;
use crate::receipts::receipt_about;
use crate::threads;

pub(super) fn list(layout: &CacheLayout) -> Result<Listing, Error> {
    let inventory = layout.inventory()?;
    let models = threads::map(&inventory.entries, |entry| describe(layout, entry));
    let slots = layout.prune(Duration::ZERO, PruneMode::DryRun).slots;
    Ok(Listing {
        models: models.into_iter().flatten().collect(),
        skipped: inventory.skipped,
        unfinished: slots.iter().filter_map(unfinished).collect(),
    })
}

/// A download that failed at once has left only empty folders, and is not listed.
fn unfinished(slot: &PrunedSlot) -> Option<Unfinished> {
    let (model, bytes) = (slot.slot.model().clone(), slot.removed_bytes + slot.kept_bytes);
    let (in_use, written_at) = (slot.in_use, slot.written_at);
    (in_use || bytes > 0).then_some(Unfinished { model, bytes, in_use, written_at })
}

/// `None` if the entry has vanished since it was found.
fn describe(layout: &CacheLayout, entry: &Entry) -> Option<ModelEntry> {
    let receipt = receipt_about(layout, &entry.slot, &entry.path);
    let missing = match inspect_with(receipt.as_ref(), &entry.path) {
        Completeness::Whole => Vec::new(),
        Completeness::Incomplete { missing } => missing,
        Completeness::Absent => return None,
    };
    let usage = usage_of(&entry.path);
    Some(ModelEntry {
        model: entry.slot.model().clone(),
        tier: entry.tier.clone(),
        path: entry.path.clone(),
        link_target: entry.link_target.clone(),
        files: usage.files,
        bytes: usage.bytes,
        commit: receipt.as_ref().map(|receipt| receipt.commit),
        proof: receipt.as_ref().and_then(|receipt| receipt.proof),
        date: receipt.as_ref().map(|receipt| receipt.made_at).or_else(|| changed(entry)),
        origin: if receipt.is_some() { EntryOrigin::Receipt } else { EntryOrigin::Unknown },
        missing,
        unreadable: usage.unreadable.map(|(path, error)| format!("{}: {error}", url_parse::shown(&path))),
    })
}

fn changed(entry: &Entry) -> Option<SystemTime> {
    std::fs::metadata(&entry.path).and_then(|found| found.modified()).ok()
}
