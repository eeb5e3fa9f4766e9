//! Where a slot's staging folder is.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::layout::{CacheLayout, private_in};
use crate::mount::Mount;
use crate::obstacles::{may_create_in, refuse_foreign};
use crate::place::Place;
use crate::slot::Slot;

/// Why a model is downloaded. A REDO has its own pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// There is no whole model. One that another run publishes meanwhile is accepted.
    Fresh,
    /// The model is repaired. The existing entry may look whole, and is replaced.
    Repair,
    /// The model is replaced by a full download, whether it is whole or not.
    Redo,
}

/// A slot, and the folder in which its next tree is assembled.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    slot: Slot,
    folder: Place,
}

impl Staging {
    /// The staging folder for the slot's current location: in a private folder from which a tree can be
    /// renamed to the entry.
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

    /// The kept metadata of commits. A REDO has its own, as with pools.
    pub(crate) fn metadata(&self, purpose: Purpose) -> Place {
        self.folder.join(match purpose {
            Purpose::Fresh | Purpose::Repair => "metadata",
            Purpose::Redo => "redo-metadata",
        })
    }

    pub(crate) fn runs_folder(&self) -> Place {
        self.folder.join("runs")
    }

    /// Where abandoned runs' parts wait for a run that can use them.
    pub(crate) fn orphans(&self) -> Place {
        self.folder.join("parts")
    }
}

fn folder_in(private: &Place, file_name: &str) -> Place {
    private.join("staging").join(file_name)
}

/// The private folder beside or in the highest folder above `entry` that is on the entry's mount, if
/// that differs from the mount of `private`: `hf` or `hf/<user>`, which may be a link to another disk
/// or a mount point.
fn private_folder_for(entry: &Place, private: &Place) -> Place {
    let home = Mount::of(private.path());
    let Some(user) = entry.above() else { return private.clone() };
    let mount = Mount::of(user.path());
    // A link that must not be followed is reported by the operation that uses it.
    let elsewhere = |folder: &Place| mount != home && folder.is_dir() && Mount::of(folder.path()) == mount;
    let highest = user.above().into_iter().chain([user]).find(elsewhere);
    let resolved = highest.and_then(|folder| fs::canonicalize(folder.path()).ok());
    resolved.map_or_else(|| private.clone(), |base| private_folder_of(&base))
}

/// Beside a folder, if files there can be renamed into it; otherwise inside it.
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
    /// Every existing staging folder, wherever it is. Folders that cannot be read are added to
    /// `failures`.
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

    /// Folders not named after a model are ignored.
    fn stagings_in(&self, private: &Place, failures: &mut Vec<Error>) -> Vec<Staging> {
        let mut folders = listed(private.join("staging").children_if_any(), failures);
        // A link is reported by the operation that uses it.
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
