//! Removes a model from the cache.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::config::Durability;
use crate::error::{Action, Attempt as _, Error, is_absence};
use crate::layout::CacheLayout;
use crate::lock::LockAttempt;
use crate::obstacles::refuse_foreign;
use crate::ops::{FileOps as _, RealOps};
use crate::place::Place;
use crate::slot::Slot;
use crate::staging::{self, Staging};
use crate::usage::disk_usage;

/// What [`CacheLayout::remove`] did.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct Removed {
    /// What was in the model's place.
    pub entry: RemovedEntry,
    /// The bytes on disk that were freed, including those of unfinished downloads. Files with a second
    /// name elsewhere are counted although they still exist.
    pub bytes: u64,
    /// Why some obsolete files could not be deleted. The model is gone nevertheless; the next prune
    /// tries again.
    pub leftover: Option<Error>,
}

/// What was in a model's place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovedEntry {
    /// Nothing, except perhaps an unfinished download.
    Nothing,
    /// The model's directory.
    Directory,
    /// A symbolic link. Its target was left alone.
    #[non_exhaustive]
    Link {
        /// The link's target.
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
    /// Removes a model from the writable tier, with its receipt and any unfinished downloads. The
    /// directory is moved out of sight in one step and then deleted; a crash leaves at most hidden
    /// files, which the next download or removal of the model, or a prune, deletes. If the entry is a
    /// link, only the link is removed. The user's folder is removed with its last model. Read-only
    /// tiers are not touched.
    ///
    /// Blocks until everything is deleted.
    ///
    /// # Errors
    ///
    /// Nothing was removed in these cases:
    /// - [`Error::InUse`] while the model is being downloaded;
    /// - [`Error::EntryIsNotADirectory`] if something else is in the model's place;
    /// - [`Error::Move`] and others if the system does not allow it.
    pub fn remove(&self, slot: &Slot) -> Result<Removed, Error> {
        if !self.has_anything(slot)? {
            return Ok(Removed { entry: RemovedEntry::Nothing, bytes: 0, leftover: None });
        }
        let _lock = match self.try_lock(slot)? {
            LockAttempt::Acquired(lock) => lock,
            LockAttempt::HeldBy(holder) => return Err(Error::InUse { path: slot.entry().into(), holder }),
        };
        refuse_foreign(slot.entry_place())?;
        let mut stagings = self.stagings_of(slot)?;
        for staging in &stagings {
            if staging.is_alive()? {
                return Err(Error::InUse { path: slot.entry().into(), holder: None });
            }
            // Otherwise the next look-up would bring it back.
            staging::bring_back(staging);
        }
        let hiding_place = Staging::of(slot);
        let entry = take_away(&hiding_place)?;
        remove_users_folder(slot);
        self.sync_names(slot)?;
        stagings.push(hiding_place);
        let (mut bytes, mut outcome) = (0, slot.receipt_file().remove_if_any());
        for staging in stagings {
            let (freed, removed) = staging.remove();
            bytes += freed;
            outcome = outcome.and(removed);
        }
        Ok(Removed { entry, bytes, leftover: outcome.err() })
    }

    /// Otherwise a power failure could restore the entry's name, with half of its files deleted.
    fn sync_names(&self, slot: &Slot) -> Result<(), Error> {
        let mut above = std::iter::successors(slot.entry_place().above(), Place::above);
        match above.find(Place::is_dir) {
            Some(folder) if self.durability() == Durability::Synced => {
                folder.sync_dir().attempt(Action::Sync, folder.path())
            }
            _ => Ok(()),
        }
    }

    /// Whether the writable tier has anything of the model: a directory, a receipt or unfinished
    /// downloads.
    fn has_anything(&self, slot: &Slot) -> Result<bool, Error> {
        let is_there = slot.entry_place().is_there() || slot.receipt_file().is_there();
        Ok(is_there || !self.stagings_of(slot)?.is_empty())
    }

    fn stagings_of(&self, slot: &Slot) -> Result<Vec<Staging>, Error> {
        let mut failures = Vec::new();
        let stagings = self.stagings(&mut failures).into_iter().filter(|staging| staging.slot() == slot);
        let stagings = stagings.collect();
        failures.into_iter().next().map_or(Ok(stagings), Err)
    }
}

impl Staging {
    /// Removes the whole folder with all runs. Returns the bytes on disk that it used.
    fn remove(&self) -> (u64, Result<(), Error>) {
        let bytes = disk_usage(self.folder(), &mut HashSet::new());
        let removed = self.runs().and_then(|runs| {
            for run in &runs {
                staging::elsewhere::remove_all(run);
            }
            self.folder().remove_all()
        });
        (bytes, removed)
    }
}

/// Removes the folder above the entry if it holds no other model. A publication that has just created
/// it creates it again.
fn remove_users_folder(slot: &Slot) {
    let folder = slot.entry_place().above();
    if let Some(folder) = folder.filter(|folder| folder.look_if_any().is_some_and(|found| found.is_folder()))
    {
        // Fails if the folder is not empty.
        let _ = folder.remove_dir();
    }
}

/// Moves the entry out of sight in one step.
fn take_away(staging: &Staging) -> Result<RemovedEntry, Error> {
    let entry = staging.slot().entry_place();
    let path = entry.path();
    match entry.look() {
        Err(e) if is_absence(&e) => Ok(RemovedEntry::Nothing),
        Err(e) => Err(e).attempt(Action::LookAt, path),
        Ok(found) if found.is_link() => {
            let (_, target) = entry.read_link().attempt(Action::LookAt, path)?;
            entry.remove_file().attempt(Action::Remove, path)?;
            Ok(RemovedEntry::Link { target })
        }
        Ok(found) if !found.is_folder() => Err(Error::EntryIsNotADirectory { path: path.to_path_buf() }),
        Ok(_) => {
            let hidden = staging.detached_folder()?.join("removed");
            RealOps.rename_new(entry, &hidden).map_err(|e| Error::moving(path, hidden.path(), e))?;
            Ok(RemovedEntry::Directory)
        }
    }
}

#[cfg(test)]
mod tests;
