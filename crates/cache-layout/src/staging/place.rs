//! Where a slot is staged.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files;
use crate::layout::{CacheLayout, PRIVATE};
use crate::mount::Mount;
use crate::obstacles::may_create_in;
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
    folder: PathBuf,
}

impl Staging {
    /// The staging of a slot as the disk is now: in a private folder from which a tree can be renamed to the
    /// slot's entry.
    pub(crate) fn of(slot: &Slot) -> Self {
        let private = private_folder_for(slot.entry(), slot.private());
        Self { folder: folder_in(&private, slot.file_name()), slot: slot.clone() }
    }

    pub(crate) const fn slot(&self) -> &Slot {
        &self.slot
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn pool(&self, purpose: Purpose) -> PathBuf {
        self.folder.join(match purpose {
            Purpose::Fresh | Purpose::Repair => "pool",
            Purpose::Redo => "redo-pool",
        })
    }

    pub(crate) fn runs_folder(&self) -> PathBuf {
        self.folder.join("runs")
    }

    /// Where the parts of abandoned runs wait for a run that can use them.
    pub(crate) fn orphans(&self) -> PathBuf {
        self.folder.join("parts")
    }
}

fn folder_in(private: &Path, file_name: &str) -> PathBuf {
    private.join("staging").join(file_name)
}

/// The private folder beside or in the highest folder above `entry` that is on the entry's mount, when that
/// is not the mount of `private`: `hf` or `hf/<user>`, which may be a link to another disk, or one mounted
/// there.
fn private_folder_for(entry: &Path, private: &Path) -> PathBuf {
    let home = Mount::of(private);
    let Some(user) = entry.parent() else { return private.to_path_buf() };
    let mount = Mount::of(user);
    let elsewhere = |folder: &&Path| mount != home && folder.is_dir() && Mount::of(folder) == mount;
    let highest = user.parent().into_iter().chain([user]).find(elsewhere);
    let resolved = highest.and_then(|folder| fs::canonicalize(folder).ok());
    resolved.map_or_else(|| private.to_path_buf(), |base| private_folder_of(&base))
}

/// Beside a folder, if something can be there that can be renamed into it; else in it.
fn private_folder_of(base: &Path) -> PathBuf {
    let Some(parent) = base.parent() else { return base.join(PRIVATE) };
    let beside = parent.join(PRIVATE);
    let is_usable = beside.is_dir() || is_writable(parent);
    if is_usable && Mount::of(&beside) == Mount::of(base) { beside } else { base.join(PRIVATE) }
}

fn is_writable(dir: &Path) -> bool {
    may_create_in(dir).is_ok()
}

impl CacheLayout {
    /// The staging of every slot that has one, wherever it is.
    pub(crate) fn stagings(&self) -> Vec<Staging> {
        let hf = self.weights().join("hf");
        let users = files::children_if_any(&hf).unwrap_or_default();
        let entries = [hf.clone()].into_iter().chain(users).map(|folder| folder.join("any"));
        let mut privates = vec![self.private().to_path_buf()];
        privates.extend(entries.map(|entry| private_folder_for(&entry, self.private())));
        privates.sort();
        privates.dedup();
        privates.iter().flat_map(|private| self.stagings_in(private)).collect()
    }

    /// What is not named after a model is not ours.
    fn stagings_in(&self, private: &Path) -> Vec<Staging> {
        let mut folders = files::children_if_any(&private.join("staging")).unwrap_or_default();
        folders.retain(|folder| folder.is_dir());
        let named = |folder: PathBuf| {
            let name = folder.file_name()?.to_str()?;
            Some(Staging { slot: self.slot_of_file_name(name)?, folder })
        };
        folders.into_iter().filter_map(named).collect()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
