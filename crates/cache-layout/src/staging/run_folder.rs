//! The folder of one run.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Staging;
use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::layout::PRIVATE;
use crate::lock;
use crate::slot::Slot;

/// At the end of a folder's name: cut off from its run, and only to be removed.
pub(super) const DETACHED: &str = "+gone";

/// The names in a run's folder, and those of what it has elsewhere for a moment.
#[derive(Clone, Debug)]
pub(crate) struct RunNames {
    path: PathBuf,
    slot: Slot,
}

impl RunNames {
    pub(crate) fn new(path: PathBuf, slot: &Slot) -> Self {
        Self { path, slot: slot.clone() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// What is unique about the run.
    fn id(&self) -> &OsStr {
        let name = self.path.file_name().unwrap_or_default();
        let attached = name.as_encoded_bytes().strip_suffix(DETACHED.as_bytes());
        attached.and_then(|id| std::str::from_utf8(id).ok()).map_or(name, OsStr::new)
    }

    /// Locked while the run lives; its time of modification is the heartbeat.
    pub(crate) fn alive(&self) -> PathBuf {
        self.path.join("alive")
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.path.join("tree")
    }

    pub(crate) fn parts(&self) -> PathBuf {
        self.path.join("parts")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }

    /// The receipt to be installed with the tree. It may be on another file system than the tree.
    pub(crate) fn receipt(&self) -> PathBuf {
        self.slot.receipt_draft(self.id())
    }

    /// The receipt that was installed before.
    pub(crate) fn previous_receipt(&self) -> PathBuf {
        self.path.join("previous-receipt.json")
    }

    /// Says that the tree is about to be put in place.
    pub(crate) fn note(&self) -> PathBuf {
        self.path.join("publishing")
    }

    /// The same about a copy of the tree.
    pub(crate) fn copy_note(&self) -> PathBuf {
        self.path.join("publishing-copy")
    }

    /// An old entry that was moved aside because it could not be exchanged.
    pub(crate) fn displaced(&self) -> PathBuf {
        self.path.join("displaced")
    }

    /// The tree beside the entry, and there an old entry that was moved aside, where nothing can be renamed
    /// from the run's folder. No repository has such a name.
    pub(crate) fn neighbours(&self) -> [PathBuf; 2] {
        ["", "+old"].map(|end| {
            let mut name = OsString::from(format!("{PRIVATE}-"));
            name.push(self.id());
            name.push(end);
            self.slot.entry().with_file_name(name)
        })
    }

    pub(crate) fn remove_neighbours(&self) {
        for neighbour in self.neighbours() {
            files::remove_tree(&neighbour);
        }
    }

    /// Brings back the receipt of the entry that this run did not replace in the end.
    pub(crate) fn restore_receipt(&self) {
        let (previous, installed) = (self.previous_receipt(), self.slot.receipt_file());
        let restored =
            fs::read(&previous).map_or(Ok(()), |bytes| files::write_atomically(&installed, &bytes));
        if let Err(error) = restored {
            tracing::warn!(receipt = %installed.display(), %error, "cannot restore the previous receipt");
        }
        let _ = fs::remove_file(self.receipt());
    }

    pub(super) fn is_detached(&self) -> bool {
        self.path.as_os_str().to_string_lossy().ends_with(DETACHED)
    }

    pub(super) fn detached(&self) -> Self {
        let mut name = self.path.clone().into_os_string();
        name.push(DETACHED);
        Self { path: name.into(), slot: self.slot.clone() }
    }
}

/// A run's folder. When dropped it is removed, all but unfinished files: those are left for the next run.
#[derive(Debug)]
pub(crate) struct RunFolder {
    names: RunNames,
}

impl RunFolder {
    /// A new folder, and its locked file.
    pub(crate) fn create(staging: &Staging) -> Result<(Self, File), Error> {
        let (runs, slot) = (staging.runs(), staging.slot());
        files::ensure_dir(&runs, slot.home())?;
        let path = tempfile::Builder::new()
            .prefix(&format!("{}-", std::process::id()))
            .rand_bytes(10)
            .tempdir_in(&runs)
            .attempt(Action::Create, &runs)?
            .keep();
        let folder = Self { names: RunNames::new(path, slot) };
        let path = folder.names.alive();
        let alive = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let alive = alive.attempt(Action::Create, &path)?;
        lock::try_lock_file(&alive, &path, slot.locking()).attempt(Action::Lock, &path)?;
        Ok((folder, alive))
    }

    pub(crate) const fn names(&self) -> &RunNames {
        &self.names
    }

    /// Leaves the folder to the next run's tidying.
    pub(crate) fn leave(self) {
        std::mem::forget(self);
    }

    /// Removes the folder with everything in it.
    pub(crate) fn remove(self) {
        if self.give_up() {
            files::remove_tree(self.names.path());
        }
        std::mem::forget(self);
    }

    /// Leaves nothing outside the folder. Answers whether the folder is needed no more.
    fn give_up(&self) -> bool {
        let restored = super::displaced::restore(&self.names);
        if restored {
            self.names.remove_neighbours();
        }
        let _ = fs::remove_file(self.names.receipt());
        restored
    }

    /// Keeps only the parts, and says that nobody is at work on them any more.
    fn retire(&self) {
        for dir in [self.names.tree(), self.names.scratch()] {
            files::remove_tree(&dir);
        }
        let path = self.names.alive();
        let alive = OpenOptions::new().write(true).open(&path);
        if let Err(error) = alive.and_then(|alive| alive.set_modified(SystemTime::UNIX_EPOCH)) {
            tracing::debug!(path = %path.display(), %error, "cannot give up a run's heartbeat");
        }
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.give_up() {
            return;
        }
        match super::parts::are_in(&self.names) {
            true => self.retire(),
            false => files::remove_tree(self.names.path()),
        }
    }
}
