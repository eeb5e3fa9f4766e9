//! The one step that makes a tree visible, and its substitutes on systems without it.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::Durability;
use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::ops::FileOps;
use crate::place::Place;
use crate::slot::Slot;
use crate::staging::{Note, Purpose, RunNames};

/// How often an entry may appear and vanish during the attempt before that is an error.
const ATTEMPTS: usize = 8;

/// The result of publishing a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// The entry is this run's tree.
    Ours(PathBuf),
    /// The entry is a whole model that another run put there meanwhile.
    SomeoneElse(PathBuf),
}

impl Published {
    /// The entry.
    pub fn path(&self) -> &Path {
        match self {
            Self::Ours(path) | Self::SomeoneElse(path) => path,
        }
    }
}

/// Everything that publishing needs.
pub(crate) struct Publication<'a> {
    pub(crate) ops: &'a dyn FileOps,
    pub(crate) slot: &'a Slot,
    pub(crate) names: &'a RunNames,
    pub(crate) purpose: Purpose,
    pub(crate) durability: Durability,
}

/// A tree that is ready, and where the old entry goes if it cannot be exchanged.
struct Ready {
    tree: Place,
    displaced: Place,
}

impl Publication<'_> {
    /// `is_as_good` decides whether an entry that another run put there meanwhile may stay. Folders
    /// created above the entry are added to `created`.
    pub(super) fn put_in_place(
        &self,
        is_as_good: &dyn Fn(&Place) -> bool,
        created: &mut Vec<Place>,
    ) -> Result<Published, Error> {
        let ready = Ready { tree: self.names.tree(), displaced: self.names.displaced() };
        match self.place(&ready, is_as_good, created)? {
            Placed::As(published) => Ok(published),
            Placed::Refused(_) => self.put_in_place_by_way_of_a_neighbour(is_as_good, created),
        }
    }

    fn place(
        &self,
        ready: &Ready,
        is_as_good: &dyn Fn(&Place) -> bool,
        created: &mut Vec<Place>,
    ) -> Result<Placed, Error> {
        let (tree, entry) = (&ready.tree, self.slot.entry_place());
        let moving = |error| Error::moving(tree.path(), entry.path(), error);
        let ours = || Placed::As(Published::Ours(entry.path().to_path_buf()));
        for _ in 0..ATTEMPTS {
            match self.beside_the_entry(tree, created, || self.ops.rename_new(tree, entry))? {
                Ok(()) => return Ok(ours()),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) if is_refusal(&e) => return Ok(Placed::Refused(e)),
                Err(e) => return Err(moving(e)),
            }
            if is_as_good(entry) {
                return Ok(Placed::As(Published::SomeoneElse(entry.path().to_path_buf())));
            }
            self.slot.refuse_unreplaceable()?;
            match self.exchange(ready, entry) {
                Ok(()) => return Ok(ours()),
                // Another process has just removed or replaced the entry.
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {}
                Err(e) if is_refusal(&e) => return Ok(Placed::Refused(e)),
                Err(e) => return Err(moving(e)),
            }
        }
        Err(moving(io::ErrorKind::AlreadyExists.into()))
    }

    /// Performs an operation that needs the folder above the entry, creating that folder again if
    /// necessary: removing a user's last model removes that folder too.
    fn beside_the_entry(
        &self,
        tree: &Place,
        created: &mut Vec<Place>,
        step: impl Fn() -> io::Result<()>,
    ) -> Result<io::Result<()>, Error> {
        for _ in 1..ATTEMPTS {
            match step() {
                Err(e) if e.kind() == io::ErrorKind::NotFound && tree.is_dir() => {
                    self.create_parents(created)?;
                }
                outcome => return Ok(outcome),
            }
        }
        Ok(step())
    }

    /// Moves the old entry into the run's folder, with which it is removed.
    fn exchange(&self, ready: &Ready, entry: &Place) -> io::Result<()> {
        match self.ops.exchange(&ready.tree, entry) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => self.exchange_by_two_renames(ready, entry),
            result => result,
        }
    }

    fn exchange_by_two_renames(&self, ready: &Ready, entry: &Place) -> io::Result<()> {
        let Ready { tree, displaced } = ready;
        // Exists if another run published between these two steps the last time. The entry is newer.
        displaced.remove_tree();
        self.ops.rename_new(entry, displaced)?;
        self.ops.rename_new(tree, entry).inspect_err(|_| {
            // If this also fails, the run's folder is kept and the next run tries again.
            if let Err(error) = self.ops.rename_new(displaced, entry) {
                tracing::warn!(displaced = %url_parse::shown(displaced.path()), %error, "cannot move the model back");
            }
        })
    }

    /// Used when nothing can be renamed from the run's folder to the entry's, although both seem to be
    /// on one file system (folder quotas, some layered file systems). The tree is first moved or copied
    /// under a hidden name beside the entry, and renamed from there.
    fn put_in_place_by_way_of_a_neighbour(
        &self,
        is_as_good: &dyn Fn(&Place) -> bool,
        created: &mut Vec<Place>,
    ) -> Result<Published, Error> {
        let [tree, displaced] = self.names.neighbours();
        let outcome = self.bring_beside(&tree, created).and_then(|moved| {
            let ready = Ready { tree: tree.clone(), displaced };
            match self.place(&ready, is_as_good, created) {
                Ok(Placed::As(published)) => Ok(published),
                Ok(Placed::Refused(source)) => {
                    Err(Error::EntryIsFixed { path: self.slot.entry().to_path_buf(), source })
                }
                Err(error) => Err(error),
            }
            .inspect_err(|_| self.take_back(&tree, moved))
        });
        // The exchanged old entry, or a copy that is not needed.
        if outcome.is_ok() {
            tree.remove_tree();
        }
        outcome
    }

    /// Returns whether the tree itself was moved; otherwise it was copied.
    fn bring_beside(&self, beside: &Place, created: &mut Vec<Place>) -> Result<bool, Error> {
        let tree = self.names.tree();
        match self.beside_the_entry(&tree, created, || self.ops.rename_new(&tree, beside))? {
            Ok(()) => return Ok(true),
            Err(e) if is_refusal(&e) => {}
            Err(e) => return Err(Error::moving(tree.path(), beside.path(), e)),
        }
        self.beside_the_entry(&tree, created, || self.ops.create_dir(beside))?
            .map_err(|e| Error::linking(tree.path(), beside.path(), e))?;
        let copied = self.copy_into(&tree, beside).and_then(|()| match self.durability {
            Durability::Synced => self.sync_tree(beside),
            Durability::Fast => Ok(()),
        });
        let noted =
            copied.and_then(|()| self.write_note(&self.names.copy_note(), &Note::new(self.purpose, beside)));
        noted.map(|()| false).inspect_err(|_| beside.remove_tree())
    }

    fn take_back(&self, beside: &Place, moved: bool) {
        let (tree, away) = (self.names.tree(), beside);
        if !moved {
            away.remove_tree();
        } else if let Err(error) = self.ops.rename_new(away, &tree) {
            tracing::warn!(tree = %url_parse::shown(away.path()), %error, "cannot move a tree back");
        }
    }

    fn copy_into(&self, from: &Place, to: &Place) -> Result<(), Error> {
        for child in from.children().attempt(Action::Read, from.path())? {
            let target = to.join(child.name());
            let failed = |error| Error::linking(child.path(), target.path(), error);
            if child.look_if_any().is_some_and(|found| found.is_folder()) {
                self.ops.create_dir(&target).map_err(failed)?;
                self.copy_into(&child, &target)?;
            } else {
                self.ops.copy(&child, &target).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Files first, then the folders that contain them, from the bottom up.
    pub(super) fn sync_tree(&self, dir: &Place) -> Result<(), Error> {
        for child in dir.children().attempt(Action::Read, dir.path())? {
            let found = child.look().attempt(Action::LookAt, child.path())?;
            if found.is_folder() {
                self.sync_tree(&child)?;
            } else if found.is_file() {
                self.ops.sync_file(&child).attempt(Action::Sync, child.path())?;
            }
        }
        self.ops.sync_dir(dir).attempt(Action::Sync, dir.path())
    }

    pub(super) fn create_parents(&self, created: &mut Vec<Place>) -> Result<(), Error> {
        let Some(parent) = self.slot.entry_place().above() else { return Ok(()) };
        files::create_dirs(&parent, &|dir| self.ops.create_dir(dir), created)
            .map_err(|(place, source)| files::cannot_create(&place, self.slot.home(), source))
    }

    pub(super) fn write_note(&self, place: &Place, note: &Note) -> Result<(), Error> {
        self.ops.write_new(place, &note.to_json()).attempt(Action::Write, place.path())?;
        let run = self.names.folder();
        match self.durability {
            Durability::Synced => self.ops.sync_dir(run).attempt(Action::Sync, run.path()),
            Durability::Fast => Ok(()),
        }
    }
}

enum Placed {
    As(Published),
    /// The system does not rename between these two places.
    Refused(io::Error),
}

fn is_refusal(error: &io::Error) -> bool {
    #[cfg(unix)]
    let not_permitted = error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error());
    #[cfg(not(unix))]
    let not_permitted = false;
    error.kind() == io::ErrorKind::CrossesDevices || not_permitted
}
