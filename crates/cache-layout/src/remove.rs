//! Taking a model out of the cache.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Durability;
use crate::error::{Action, Attempt as _, Error, is_absence};
use crate::files;
use crate::layout::CacheLayout;
use crate::lock::LockAttempt;
use crate::ops::{FileOps as _, RealOps};
use crate::slot::Slot;
use crate::staging::{self, Staging};
use crate::usage::disk_usage;

/// What [`CacheLayout::remove`] did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Removed {
    /// What stood in the model's place.
    pub entry: RemovedEntry,
    /// How many bytes of disk are free again, those of unfinished downloads included. What has a second name
    /// elsewhere counts though it is still there.
    pub bytes: u64,
    /// Why files that are of no use any more could not be deleted. The model is gone all the same; the next
    /// prune tries again.
    pub leftover: Option<Error>,
}

/// What stood in a model's place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovedEntry {
    /// Nothing: at most, a download of the model was unfinished.
    Nothing,
    /// The model's directory.
    Directory,
    /// A symbolic link. What it pointed to was left alone.
    Link {
        /// What that is.
        target: PathBuf,
    },
}

impl Removed {
    /// Whether there was nothing of the model at all.
    pub fn is_nothing(&self) -> bool {
        self.entry == RemovedEntry::Nothing && self.bytes == 0
    }
}

impl CacheLayout {
    /// Removes a model from the writable tier, and with it its receipt and what unfinished downloads of it have
    /// left. The directory is moved out of sight in one step and deleted then; a crash leaves at most hidden
    /// files, which the next download or removal of the model, or a prune, deletes. Of a link only the link is
    /// removed. The folder of the user goes with the last model in it. Read-only tiers are not touched.
    ///
    /// Blocks for as long as deleting takes.
    ///
    /// # Errors
    /// Nothing was removed then:
    /// - [`Error::InUse`] while the model is being downloaded;
    /// - [`Error::EntryIsNotADirectory`] when something else is in the model's place;
    /// - [`Error::Move`] and others when the system does not allow it.
    pub fn remove(&self, slot: &Slot) -> Result<Removed, Error> {
        if !self.has_anything(slot) {
            return Ok(Removed { entry: RemovedEntry::Nothing, bytes: 0, leftover: None });
        }
        let _lock = match self.try_lock(slot)? {
            LockAttempt::Acquired(lock) => lock,
            LockAttempt::HeldBy(holder) => return Err(Error::InUse { path: slot.entry().into(), holder }),
        };
        let mut stagings = self.stagings_of(slot);
        for staging in &stagings {
            if staging.is_alive()? {
                return Err(Error::InUse { path: slot.entry().into(), holder: None });
            }
            // Else it would come back with the next look.
            staging::bring_back(staging);
        }
        let hiding_place = Staging::of(slot);
        let entry = take_away(&hiding_place)?;
        remove_users_folder(slot);
        self.sync_names(slot)?;
        stagings.push(hiding_place);
        let (mut bytes, mut outcome) = (0, files::remove_if_any(&slot.receipt_file()));
        for staging in stagings {
            let (freed, removed) = staging.remove();
            bytes += freed;
            outcome = outcome.and(removed);
        }
        Ok(Removed { entry, bytes, leftover: outcome.err() })
    }

    /// Else a power failure could bring an entry's name back, and half of what was deleted with it.
    fn sync_names(&self, slot: &Slot) -> Result<(), Error> {
        let folder = slot.entry().ancestors().skip(1).find(|folder| folder.is_dir());
        match folder {
            Some(folder) if self.durability() == Durability::Synced => {
                RealOps.sync_dir(folder).attempt(Action::Sync, folder)
            }
            _ => Ok(()),
        }
    }

    /// Whether the writable tier has anything of the model: a directory, a receipt, unfinished downloads.
    fn has_anything(&self, slot: &Slot) -> bool {
        let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        is_there(slot.entry()) || is_there(&slot.receipt_file()) || !self.stagings_of(slot).is_empty()
    }

    fn stagings_of(&self, slot: &Slot) -> Vec<Staging> {
        self.stagings().into_iter().filter(|staging| staging.slot() == slot).collect()
    }
}

impl Staging {
    /// Removes the whole folder with all runs. Returns how many bytes of disk it took up.
    fn remove(&self) -> (u64, Result<(), Error>) {
        let bytes = disk_usage(self.path(), &mut HashSet::new());
        let removed = self.runs().and_then(|runs| {
            for run in &runs {
                run.remove_neighbours();
            }
            files::remove_all(self.path())
        });
        (bytes, removed)
    }
}

/// Removes the folder above the entry if there is no other model in it. A publication that has just created it for
/// one creates it again.
fn remove_users_folder(slot: &Slot) {
    if let Some(folder) = slot.entry().parent().filter(|folder| files::is_plain_dir(folder)) {
        // It fails when there is something in it.
        let _ = fs::remove_dir(folder);
    }
}

/// Takes the entry out of sight, in one step.
fn take_away(staging: &Staging) -> Result<RemovedEntry, Error> {
    let path = staging.slot().entry();
    match fs::symlink_metadata(path) {
        Err(e) if is_absence(&e) => Ok(RemovedEntry::Nothing),
        Err(e) => Err(e).attempt(Action::LookAt, path),
        Ok(found) if found.is_symlink() => {
            let target = fs::read_link(path).attempt(Action::LookAt, path)?;
            remove_link(path)?;
            Ok(RemovedEntry::Link { target })
        }
        Ok(found) if !found.is_dir() => Err(Error::EntryIsNotADirectory { path: path.to_path_buf() }),
        Ok(_) => {
            let hidden = staging.detached_folder()?.join("removed");
            RealOps.rename_new(path, &hidden).map_err(|e| Error::moving(path, &hidden, e))?;
            Ok(RemovedEntry::Directory)
        }
    }
}

fn remove_link(path: &Path) -> Result<(), Error> {
    // Windows tells links to folders from links to files.
    let remove = if cfg!(windows) && path.is_dir() { fs::remove_dir } else { fs::remove_file };
    remove(path).attempt(Action::Remove, path)
}

#[cfg(test)]
mod tests;
