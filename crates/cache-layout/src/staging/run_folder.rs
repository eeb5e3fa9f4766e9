//! The folder that a run works in.

use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;

use super::process::Process;
use super::runs::run_folder_mode;
use super::{RunNames, Staging, displaced, elsewhere, parts};
use crate::config::Locking;
use crate::dir::Access;
use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::lock::{self, FileLock};
use crate::place::Place;

/// A run's folder. Dropping it removes it, except for unfinished files, which are kept for the next
/// run.
#[derive(Debug)]
pub(crate) struct RunFolder {
    names: RunNames,
    /// Scratch space outside the folder.
    elsewhere: OnceLock<Place>,
}

impl RunFolder {
    /// Creates a folder with its locked file.
    pub(crate) fn create(staging: &Staging) -> Result<(Self, File), Error> {
        let (runs, slot) = (staging.runs_folder(), staging.slot());
        files::ensure_dir(&runs, slot.home())?;
        let prefix = format!("{}-", std::process::id());
        let folder = runs.create_unique_dir(&prefix, "", run_folder_mode(&runs));
        let names = RunNames::new(folder.attempt(Action::Create, runs.path())?, slot);
        let (folder, place) = (Self { names: names.clone(), elsewhere: OnceLock::new() }, names.alive());
        let alive = place.open(Access::CreateNew).attempt(Action::Create, place.path())?;
        let lock =
            lock::lock_file(&alive, place.path(), slot.locking()).attempt(Action::Lock, place.path())?;
        // After locking, so that a reader of the note finds the lock held.
        folder.note_process(lock == FileLock::Taken && locks_exclude(&place));
        Ok((folder, alive))
    }

    fn note_process(&self, has_lock: bool) {
        let noted =
            Process::this(has_lock).map(|process| self.names.process().write_atomically(&process.to_json()));
        if let Some(Err(error)) = noted {
            tracing::debug!(%error, "cannot write a run's note");
        }
    }

    pub(crate) const fn names(&self) -> &RunNames {
        &self.names
    }

    /// Scratch space for libraries that resolve paths: in `chosen`, otherwise in the system's temporary
    /// folder if that is safe to use. Call it from one thread at a time.
    pub(crate) fn scratch_elsewhere(&self, chosen: Option<&Path>) -> Result<Option<&Place>, Error> {
        if self.elsewhere.get().is_none() {
            let created = match chosen {
                Some(parent) => Some(elsewhere::create(&self.names, parent)?),
                None => elsewhere::create_in_system(&self.names),
            };
            if let Some(folder) = created {
                let _ = self.elsewhere.set(folder);
            }
        }
        Ok(self.elsewhere.get())
    }

    /// Leaves the folder for the next run to tidy.
    pub(crate) fn leave(self) {
        std::mem::forget(self);
    }

    /// Removes the folder with everything in it.
    pub(crate) fn remove(self) {
        if self.give_up() {
            self.names.folder().remove_tree();
        }
        std::mem::forget(self);
    }

    /// Removes what is outside the folder. Returns whether the folder is no longer needed.
    fn give_up(&self) -> bool {
        // The record in the folder may no longer be reachable.
        if let Some(folder) = self.elsewhere.get() {
            folder.remove_tree();
        }
        let restored = displaced::restore(&self.names);
        if restored {
            elsewhere::remove_all(&self.names);
        }
        let _ = self.names.receipt().remove_file();
        restored
    }

    /// Keeps only the parts, and marks them as no longer in use.
    fn retire(&self) {
        for dir in [self.names.tree(), self.names.scratch()] {
            dir.remove_tree();
        }
        // The process lives on without the run.
        let _ = self.names.process().remove_file();
        let alive = self.names.alive().open(Access::Write);
        if let Err(error) = alive.and_then(|alive| alive.set_modified(SystemTime::UNIX_EPOCH)) {
            tracing::debug!(run = %url_parse::shown(self.names.folder().path()), %error, "cannot give up a run's heartbeat");
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
            self.names.folder().remove_tree();
        }
    }
}

/// Whether a held lock is refused to others. Some file systems grant it to everyone.
fn locks_exclude(held: &Place) -> bool {
    let again =
        held.open(Access::Write).and_then(|file| lock::lock_file(&file, held.path(), Locking::System));
    again.is_ok_and(|again| again == FileLock::Held)
}
