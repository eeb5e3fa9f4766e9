//! A slot's private folder: pools, runs, and what dead runs have left.

use std::time::SystemTime;

use crate::error::Error;
use crate::layout::{CacheLayout, Tier};
use crate::place::{Place, absence_is_fine};
use crate::receipt::{self, Receipt};
use crate::slot::Slot;

mod displaced;
pub(crate) mod elsewhere;
mod note;
mod parts;
mod place;
mod process;
mod run_folder;
mod runs;

pub(crate) use displaced::{bring_back, held_by, is_missing, restore};
#[cfg(feature = "fuzzing")]
pub(crate) use elsewhere::named_scratch;
pub(crate) use note::Note;
pub(crate) use parts::{clear_orphans, left_over, take_over};
pub use place::Purpose;
pub(crate) use place::Staging;
pub(crate) use run_folder::RunFolder;
pub(crate) use runs::{ABANDONED_AFTER, Owner, RunNames};

/// Removes the verified files of a purpose. Keeps the folder, since another run may be about to use it.
pub(crate) fn clear_pool(staging: &Staging, purpose: Purpose) -> Result<(), Error> {
    staging.pool(purpose).children_if_any()?.iter().try_for_each(Place::remove_if_any)
}

/// Removes a purpose's kept metadata, which is only needed for a short time.
pub(crate) fn clear_metadata(staging: &Staging, purpose: Purpose) {
    let removed = staging.metadata(purpose).children_if_any();
    let removed = removed.and_then(|files| files.iter().try_for_each(Place::remove_if_any));
    if let Err(error) = removed {
        tracing::warn!(%error, "cannot remove the metadata of a published model");
    }
}

/// Removes unused folders: only empty ones, and only if the slot has no other run.
pub(crate) fn remove_empty(staging: &Staging, purpose: Purpose) {
    let folders = [
        staging.runs_folder(),
        staging.orphans(),
        staging.pool(purpose),
        staging.metadata(purpose),
        staging.folder().clone(),
    ];
    // Stops at the first folder that is not empty.
    let _ = folders.iter().try_for_each(|folder| absence_is_fine(folder.remove_dir()));
}

/// Tidies the slot's staging folder before a new run: repairs what a dead run left half-done, and
/// removes abandoned runs except their unfinished files. Never touches what a live run needs.
pub(crate) fn tidy(staging: &Staging, now: SystemTime) -> Result<(), Error> {
    for run in staging.runs()? {
        if run.is_detached() {
            remove_detached(staging, &run);
            continue;
        }
        forget_published_pool(staging, &run)?;
        // Held until this run has been handled.
        if let Some(owner) = Owner::if_abandoned(&run, now) {
            if restore(&run) {
                remove_abandoned(staging, &run, owner);
            }
        } else if held_by(&run).is_some()
            && let Some(_owner) = Owner::if_gone(&run)
        {
            restore(&run);
        }
    }
    Ok(())
}

impl CacheLayout {
    /// The receipts that may describe the slot's directory in a tier: the tier's own (a read-only tier
    /// has receipts if it is another cache's writable tier) and, after an interrupted publication, the
    /// previous one. A receipt describes a directory only if the manifest matches.
    pub fn receipts_in(&self, slot: &Slot, tier: &Tier) -> Vec<Receipt> {
        let mut files = vec![slot.receipt_file_in(tier)];
        if !tier.is_read_only() {
            let runs = Staging::of(slot).runs().unwrap_or_default();
            files.extend(runs.iter().map(RunNames::previous_receipt));
        }
        files.iter().filter_map(|file| receipt::read_if_any(file, receipt::LARGEST)).collect()
    }
}

/// If a process dies between putting its tree in place and clearing the pool, the pool's files are
/// links to the entry's, which may have been edited in place since.
pub(crate) fn forget_published_pool(staging: &Staging, run: &RunNames) -> Result<(), Error> {
    let purposes = match Note::read(&run.note()) {
        Ok(None) => return Ok(()),
        Ok(Some(note)) if !note.was_published(run) => return Ok(()),
        Ok(Some(note)) => vec![note.purpose()],
        Err(error) => {
            tracing::debug!(%error, "a run's note cannot be read; its pools count as published");
            vec![Purpose::Fresh, Purpose::Redo]
        }
    };
    for purpose in purposes {
        clear_pool(staging, purpose)?;
    }
    // Its receipt belongs to the new entry, and the previous one to nothing.
    run.previous_receipt().remove_if_any()?;
    run.note().remove_if_any()
}

/// Renames the folder first: if the process was only suspended and resumes now, it finds nothing at its
/// path and cannot publish a tree that is being removed.
fn remove_abandoned(staging: &Staging, run: &RunNames, owner: Owner) {
    run.restore_receipt();
    elsewhere::remove_all(run);
    let detached = run.detached();
    // Windows does not rename a folder with an open file in it, and the lock is such a file.
    let _held = (!cfg!(windows)).then_some(owner);
    match run.folder().rename(detached.folder()) {
        Ok(()) => remove_detached(staging, &detached),
        Err(error) => {
            tracing::warn!(run = %url_parse::shown(run.folder().path()), %error, "cannot remove an abandoned run");
        }
    }
}

fn remove_detached(staging: &Staging, run: &RunNames) {
    parts::save(staging, run);
    run.folder().remove_tree();
}

#[cfg(test)]
mod tests;
