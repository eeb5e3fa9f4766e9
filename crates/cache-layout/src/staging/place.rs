//! Where a slot is staged.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::layout::{CacheLayout, private_in};
use crate::mount::Mount;
use crate::obstacles::{may_create_in, refuse_foreign};
use crate::place::Place;
use crate::slot::Slot;

/// Why a model is downloaded. A REDO has a pool of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// There is no whole model. One that another run published meanwhile is as good.
    Fresh,
    /// The model is to be repaired. The existing entry may look whole, and is replaced by a correct one.
    Repair,
    /// The model is to be replaced, whole or not, by a full download.
    Redo,
}

/// A slot, and the folder in which its next tree is put together.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    slot: Slot,
    folder: Place,
}

impl Staging {
    /// The staging of a slot as the disk is now: in a private folder from which a tree can be renamed to the
    /// slot's entry.
    pub(crate) fn of(slot: &Slot) -> Self {
        let private = private_folder_for(slot.entry_place(), slot.private());
        Self { folder: folder_in(&private, slot.file_name()), slot: slot.clone() }
    }

    pub(crate) const fn slot(&self) -> &Slot {
        &self.slot
    }

    pub(crate) const fn folder(&self) -> &Place {
        &self.folder
    }

    pub(crate) fn pool(&self, purpose: Purpose) -> Place {
        self.folder.join(match purpose {
            Purpose::Fresh | Purpose::Repair => "pool",
            Purpose::Redo => "redo-pool",
        })
    }

    /// What was kept of the metadata of commits; that of a REDO apart, as with the pools.
    pub(crate) fn metadata(&self, purpose: Purpose) -> Place {
        self.folder.join(match purpose {
            Purpose::Fresh | Purpose::Repair => "metadata",
            Purpose::Redo => "redo-metadata",
        })
    }

    pub(crate) fn runs_folder(&self) -> Place {
        self.folder.join("runs")
    }

    /// Where the parts of abandoned runs wait for a run that can use them.
    pub(crate) fn orphans(&self) -> Place {
        self.folder.join("parts")
    }
}

fn folder_in(private: &Place, file_name: &str) -> Place {
    private.join("staging").join(file_name)
}

/// The private folder beside or in the highest folder above `entry` that is on the entry's mount, when that
/// is not the mount of `private`: `hf` or `hf/<user>`, which may be a link to another disk, or one mounted
/// there.
fn private_folder_for(entry: &Place, private: &Place) -> Place {
    let home = Mount::of(private.path());
    let Some(user) = entry.above() else { return private.clone() };
    let mount = Mount::of(user.path());
    // A link that is not to be followed is found when something is done there.
    let elsewhere = |folder: &Place| mount != home && folder.is_dir() && Mount::of(folder.path()) == mount;
    let highest = user.above().into_iter().chain([user]).find(elsewhere);
    let resolved = highest.and_then(|folder| fs::canonicalize(folder.path()).ok());
    resolved.map_or_else(|| private.clone(), |base| private_folder_of(&base))
}

/// Beside a folder, if something can be there that can be renamed into it; else in it.
fn private_folder_of(base: &Path) -> Place {
    let Some(parent) = base.parent() else { return private_in(base) };
    let beside = private_in(parent);
    let is_usable = beside.is_dir() || is_writable(parent);
    if is_usable && Mount::of(beside.path()) == Mount::of(base) { beside } else { private_in(base) }
}

fn is_writable(dir: &Path) -> bool {
    may_create_in(dir).is_ok()
}

impl CacheLayout {
    /// The staging of every slot that has one, wherever it is. What could not be looked at is added to `failures`.
    pub(crate) fn stagings(&self, failures: &mut Vec<Error>) -> Vec<Staging> {
        let hf = self.hf();
        let users = listed(hf.children_if_any(), failures);
        let entries = [hf.clone()].into_iter().chain(users).map(|folder| folder.join("any"));
        let mut privates = vec![self.private().clone()];
        for entry in entries {
            refuse_foreign(&entry).unwrap_or_else(|error| failures.push(error));
            privates.push(private_folder_for(&entry, self.private()));
        }
        privates.sort();
        privates.dedup();
        privates.iter().flat_map(|private| self.stagings_in(private, failures)).collect()
    }

    /// What is not named after a model is not ours.
    fn stagings_in(&self, private: &Place, failures: &mut Vec<Error>) -> Vec<Staging> {
        let mut folders = listed(private.join("staging").children_if_any(), failures);
        // A link is an error where something is done with it.
        folders
            .retain(|folder| folder.look_if_any().is_some_and(|found| found.is_folder() || found.is_link()));
        let named = |folder: Place| {
            let slot = self.slot_of_file_name(folder.name().to_str()?)?;
            Some(Staging { slot, folder })
        };
        folders.into_iter().filter_map(named).collect()
    }
}

fn listed(children: Result<Vec<Place>, Error>, failures: &mut Vec<Error>) -> Vec<Place> {
    children.unwrap_or_else(|error| {
        failures.push(error);
        Vec::new()
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
