//! The folder in which a run works.

use std::fs::{self, File, OpenOptions};
use std::time::SystemTime;

use super::{RunNames, Staging, displaced, parts};
use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::lock;

/// A run's folder. When dropped it is removed, all but unfinished files: those are left for the next run.
#[derive(Debug)]
pub(crate) struct RunFolder {
    names: RunNames,
}

impl RunFolder {
    /// A new folder, and its locked file.
    pub(crate) fn create(staging: &Staging) -> Result<(Self, File), Error> {
        let (runs, slot) = (staging.runs_folder(), staging.slot());
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
        let restored = displaced::restore(&self.names);
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
            tracing::debug!(path = %url_parse::shown(&path), %error, "cannot give up a run's heartbeat");
        }
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.give_up() {
            return;
        }
        if parts::are_in(&self.names) {
            self.retire();
        } else {
            files::remove_tree(self.names.path());
        }
    }
}
