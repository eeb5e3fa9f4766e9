//! The folder of one run.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::lock;
use crate::slot::Slot;

/// At the end of a folder's name: cut off from its run, and only to be removed.
const DETACHED: &str = "+gone";

/// The names in a run's folder.
#[derive(Clone, Debug)]
pub(crate) struct RunNames(PathBuf);

impl RunNames {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Locked while the run lives; its time of modification is the heartbeat.
    pub(crate) fn alive(&self) -> PathBuf {
        self.0.join("alive")
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.0.join("tree")
    }

    pub(crate) fn parts(&self) -> PathBuf {
        self.0.join("parts")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    /// The receipt to be installed with the tree.
    pub(crate) fn receipt(&self) -> PathBuf {
        self.0.join("receipt.json")
    }

    /// The receipt that was installed before.
    pub(crate) fn previous_receipt(&self) -> PathBuf {
        self.0.join("previous-receipt.json")
    }

    /// Says that the tree is about to be put in place.
    pub(crate) fn note(&self) -> PathBuf {
        self.0.join("publishing")
    }

    /// An old entry that was moved aside because it could not be exchanged.
    pub(crate) fn displaced(&self) -> PathBuf {
        self.0.join("displaced")
    }

    pub(super) fn is_detached(&self) -> bool {
        self.0.as_os_str().to_string_lossy().ends_with(DETACHED)
    }

    pub(super) fn detached(&self) -> Self {
        let mut name = self.0.clone().into_os_string();
        name.push(DETACHED);
        Self(name.into())
    }
}

/// A run's folder. When dropped it is removed, all but unfinished files: those are left for the next run.
#[derive(Debug)]
pub(crate) struct RunFolder {
    names: RunNames,
    entry: PathBuf,
}

impl RunFolder {
    /// A new folder, and its locked file.
    pub(crate) fn create(slot: &Slot) -> Result<(Self, File), Error> {
        let runs = super::runs(slot);
        files::ensure_dir(&runs, slot.home())?;
        let path = tempfile::Builder::new()
            .prefix(&format!("{}-", std::process::id()))
            .rand_bytes(10)
            .tempdir_in(&runs)
            .attempt(Action::Create, &runs)?
            .keep();
        let folder = Self { names: RunNames(path), entry: slot.entry().to_path_buf() };
        let path = folder.names.alive();
        let alive = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let alive = alive.attempt(Action::Create, &path)?;
        lock::try_lock_file(&alive, &path).attempt(Action::Lock, &path)?;
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
        if super::bring_back_displaced(&self.names, &self.entry) {
            files::remove_tree(self.names.path());
        }
        std::mem::forget(self);
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
        if !super::bring_back_displaced(&self.names, &self.entry) {
            return;
        }
        match super::parts::are_in(&self.names) {
            true => self.retire(),
            false => files::remove_tree(self.names.path()),
        }
    }
}
