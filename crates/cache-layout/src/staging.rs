//! A slot's private folder: pools, the runs' folders, and what dead runs have left.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::layout::{CacheLayout, Tier};
use crate::lock;
use crate::publish::Note;
use crate::receipt::{self, Receipt};
use crate::run::Purpose;
use crate::slot::Slot;

mod displaced;
mod parts;
mod place;
mod prune;
mod removal;
mod run_folder;

pub(crate) use displaced::{bring_back, is_missing};
pub(crate) use parts::{clear_orphans, left_over, take_over};
pub(crate) use place::Staging;
pub use prune::{PruneMode, PruneReport, PrunedSlot};
pub(crate) use run_folder::{RunFolder, RunNames};

/// A run that was not heard of for so long, and whose lock can be taken, is abandoned. Where locks do
/// nothing the heartbeat alone decides, so it is generous.
const ABANDONED_AFTER: Duration = Duration::from_secs(15 * 60);

/// Removes the verified files of a purpose. The folder stays: another run may be about to use it.
pub(crate) fn clear_pool(staging: &Staging, purpose: Purpose) -> Result<(), Error> {
    for file in children(&staging.pool(purpose))? {
        match fs::remove_file(&file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e).attempt(Action::Remove, &file),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the folders that nobody needs: only empty ones, and only when the slot has no other run.
pub(crate) fn remove_empty(staging: &Staging, purpose: Purpose) {
    let folders = [staging.runs(), staging.orphans(), staging.pool(purpose), staging.path().to_path_buf()];
    // The first one that still holds something ends it.
    let _ = folders.iter().try_for_each(|folder| match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    });
}

/// Puts the slot's staging in order before a new run: mends what a dead run has left half-done, and
/// removes abandoned runs, all but their unfinished files. Never touches what a live one needs.
pub(crate) fn tidy(staging: &Staging, now: SystemTime) -> Result<(), Error> {
    for run in runs_in(staging)? {
        if run.is_detached() {
            remove_detached(staging, &run);
            continue;
        }
        forget_published_pool(staging, &run)?;
        let abandoned = is_silent(&run, now);
        if !abandoned && displaced::held_by(&run).is_none() {
            continue;
        }
        // Held until this run is dealt with.
        let Some(_owner) = Owner::if_gone(&run) else { continue };
        if displaced::restore(&run) && abandoned {
            remove_abandoned(staging, &run);
        }
    }
    Ok(())
}

/// All runs that have a folder, living and dead.
fn runs_in(staging: &Staging) -> Result<Vec<RunNames>, Error> {
    let folders = children(&staging.runs())?.into_iter().filter(|path| path.is_dir());
    Ok(folders.map(|folder| RunNames::new(folder, staging.slot())).collect())
}

impl CacheLayout {
    /// The receipts that may be about the slot's directory in a tier: that of the tier, which a read-only one
    /// has when it is another cache's writable one, and, where a publication was cut off half-way, the one
    /// before it. A receipt is about a directory only if the manifest is.
    pub fn receipts_in(&self, slot: &Slot, tier: &Tier) -> Vec<Receipt> {
        let mut files = vec![slot.receipt_file_in(tier)];
        if !tier.is_read_only() {
            let runs = runs_in(&Staging::of(slot)).unwrap_or_default();
            files.extend(runs.iter().map(RunNames::previous_receipt));
        }
        files.iter().filter_map(|path| receipt::read_if_any(path)).collect()
    }
}

/// A process that died between putting its tree in place and clearing the pool has left a pool whose files
/// are links to the entry's. The entry may have been edited in place since.
fn forget_published_pool(staging: &Staging, run: &RunNames) -> Result<(), Error> {
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
    // Its receipt belongs to what is there now; the one before it to nothing.
    for path in [run.previous_receipt(), run.note()] {
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e).attempt(Action::Remove, &path),
            _ => {}
        }
    }
    Ok(())
}

fn is_silent(run: &RunNames, now: SystemTime) -> bool {
    // A run that died at once has no heartbeat; then its folder's age counts.
    let last =
        fs::metadata(run.alive()).or_else(|_| fs::metadata(run.path())).and_then(|found| found.modified());
    last.is_ok_and(|last| now.duration_since(last).is_ok_and(|age| age > ABANDONED_AFTER))
}

/// The lock of a run whose process is gone, taken so that nobody else cleans up at the same time.
struct Owner(#[expect(dead_code, reason = "held, never read")] Option<File>);

impl Owner {
    fn if_gone(run: &RunNames) -> Option<Self> {
        let path = run.alive();
        match fs::OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => {
                let taken = lock::try_lock_file(&file, &path, run.slot().locking());
                taken.is_ok_and(|taken| taken).then_some(Self(Some(file)))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Some(Self(None)),
            Err(_) => None,
        }
    }
}

/// Renames first: a process that only slept and wakes up now finds nothing at its path, and cannot publish
/// a tree that is being removed.
fn remove_abandoned(staging: &Staging, run: &RunNames) {
    run.restore_receipt();
    run.remove_neighbours();
    let detached = run.detached();
    match fs::rename(run.path(), detached.path()) {
        Ok(()) => remove_detached(staging, &detached),
        Err(error) => {
            tracing::warn!(run = %run.path().display(), %error, "cannot remove an abandoned run");
        }
    }
}

fn remove_detached(staging: &Staging, run: &RunNames) {
    parts::save(staging, run);
    files::remove_tree(run.path());
}

/// What is in a folder; nothing when it does not exist.
fn children(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    match fs::read_dir(dir) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .attempt(Action::Read, dir),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(e) => Err(e).attempt(Action::Read, dir),
    }
}

#[cfg(test)]
mod tests;
