//! Puts a tree in its place.

use std::io;
use std::path::Path;

use crate::config::Durability;
use crate::error::{Action, Attempt as _, Error};
use crate::lookup::Completeness;
use crate::place::{Place, absence_is_fine};
use crate::staging::{Note, Purpose};

mod place;

pub(crate) use place::Publication;
pub use place::Published;

/// What was done before the tree is put in place, so that it can be undone.
#[derive(Default)]
struct Preparations {
    /// The folders created above the entry, from the top down.
    created: Vec<Place>,
    /// Whether the slot's receipt is now this run's.
    receipt: bool,
}

/// The previous entry, which is not whole and may therefore be replaced.
struct Broken {
    exists: bool,
    identity: Option<(u64, u64)>,
}

impl Broken {
    fn find(entry: &Place, inspect: &dyn Fn(&Path) -> Completeness) -> Self {
        let identity = identity(entry);
        Self { exists: matches!(inspect(entry.path()), Completeness::Incomplete { .. }), identity }
    }

    /// Whether this is still the entry.
    fn is(&self, entry: &Place) -> bool {
        self.exists && identity(entry) == self.identity
    }
}

fn identity(entry: &Place) -> Option<(u64, u64)> {
    entry.look_if_any()?.identity
}

impl Publication<'_> {
    /// Either publishes everything or changes nothing visible.
    pub(crate) fn publish(&self, inspect: &dyn Fn(&Path) -> Completeness) -> Result<Published, Error> {
        if self.durability == Durability::Synced {
            self.sync_tree(&self.names.tree())?;
        }
        // Judged before this run's receipt is installed, which would also describe the old entry if the
        // manifest is the same.
        let broken = Broken::find(self.slot.entry_place(), inspect);
        let is_as_good = |entry: &Place| {
            self.purpose == Purpose::Fresh
                && !broken.is(entry)
                && inspect(entry.path()) == Completeness::Whole
        };
        let mut done = Preparations::default();
        let outcome =
            self.prepare(&mut done).and_then(|()| self.put_in_place(&is_as_good, &mut done.created));
        match &outcome {
            Ok(Published::Ours(_)) => self.sync_parents(&done),
            Ok(Published::SomeoneElse(_)) | Err(_) => self.undo(&done),
        }
        outcome
    }

    fn prepare(&self, done: &mut Preparations) -> Result<(), Error> {
        self.create_parents(&mut done.created)?;
        self.leave_note()?;
        done.receipt = self.install_receipt()?;
        Ok(())
    }

    /// From here on a crash may leave a published tree and a pool that shares its files; the note
    /// records this.
    fn leave_note(&self) -> Result<(), Error> {
        self.write_note(&self.names.note(), &Note::new(self.purpose, &self.names.tree()))
    }

    /// Keeps the previous receipt for [`Self::undo`]. Returns whether there was a new one to install.
    fn install_receipt(&self) -> Result<bool, Error> {
        let (ours, installed, previous) =
            (self.names.receipt(), self.slot.receipt_file(), self.names.previous_receipt());
        if !ours.is_there() {
            return Ok(false);
        }
        if self.durability == Durability::Synced {
            self.ops.sync_file(&ours).attempt(Action::Sync, ours.path())?;
        }
        if installed.is_there() {
            // Without locks, another run may withdraw its receipt at this moment.
            absence_is_fine(self.ops.link(&installed, &previous))
                .map_err(|e| Error::linking(installed.path(), previous.path(), e))?;
        }
        self.ops.rename(&ours, &installed).map_err(|e| Error::moving(ours.path(), installed.path(), e))?;
        Ok(true)
    }

    /// The tree is in place and stays there, so a failure is only logged: it matters only if the power
    /// fails soon.
    fn sync_parents(&self, done: &Preparations) {
        if self.durability == Durability::Fast {
            return;
        }
        let (receipt, entry) = (self.slot.receipt_file(), self.slot.entry_place());
        let above = done.created.iter().rev().filter_map(Place::above);
        for dir in entry.above().into_iter().chain(above).chain(receipt.above()) {
            if let Err(error) = self.ops.sync_dir(&dir) {
                tracing::warn!(dir = %url_parse::shown(dir.path()), %error, "cannot sync a folder after publishing");
            }
        }
    }

    /// Undoes the preparations. What cannot be undone does no harm: a receipt only counts with its
    /// manifest, and the note goes with the run's folder.
    fn undo(&self, done: &Preparations) {
        if done.receipt
            && let Err(error) = self.restore_receipt()
        {
            let receipt = self.slot.receipt_file();
            tracing::warn!(receipt = %url_parse::shown(receipt.path()), %error, "cannot restore the previous receipt");
        }
        for dir in done.created.iter().rev() {
            // Fails if another process now uses it.
            let _ = self.ops.remove_dir(dir);
        }
    }

    fn restore_receipt(&self) -> io::Result<()> {
        let (installed, previous) = (self.slot.receipt_file(), self.names.previous_receipt());
        if previous.is_there() {
            self.ops.rename(&previous, &installed)
        } else {
            self.ops.remove_file(&installed)
        }
    }
}

#[cfg(test)]
mod tests;
