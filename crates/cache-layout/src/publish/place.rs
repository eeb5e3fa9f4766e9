//! The one step that makes a tree visible, and what it takes where the system does not allow that step.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Durability;
use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::ops::FileOps;
use crate::slot::Slot;
use crate::staging::{Note, Purpose, RunNames};

/// How often an entry may come and go while it is looked at, before that is an error.
const ATTEMPTS: usize = 8;

/// What became of a run that was published.
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

/// Everything that publishing needs to know.
pub(crate) struct Publication<'a> {
    pub(crate) ops: &'a dyn FileOps,
    pub(crate) slot: &'a Slot,
    pub(crate) names: &'a RunNames,
    pub(crate) purpose: Purpose,
    pub(crate) durability: Durability,
}

/// A tree that is ready, and where the old entry goes if it cannot be exchanged.
struct Ready {
    tree: PathBuf,
    displaced: PathBuf,
}

impl Publication<'_> {
    /// `is_as_good` tells whether an entry that another run has put there meanwhile may stay. Folders created above
    /// the entry are added to `created`.
    pub(super) fn put_in_place(
        &self,
        is_as_good: &dyn Fn(&Path) -> bool,
        created: &mut Vec<PathBuf>,
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
        is_as_good: &dyn Fn(&Path) -> bool,
        created: &mut Vec<PathBuf>,
    ) -> Result<Placed, Error> {
        let (tree, entry) = (&ready.tree, self.slot.entry());
        let ours = || Placed::As(Published::Ours(entry.to_path_buf()));
        for _ in 0..ATTEMPTS {
            match self.beside_the_entry(tree, created, || self.ops.rename_new(tree, entry))? {
                Ok(()) => return Ok(ours()),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) if is_refusal(&e) => return Ok(Placed::Refused(e)),
                Err(e) => return Err(Error::moving(tree, entry, e)),
            }
            if is_as_good(entry) {
                return Ok(Placed::As(Published::SomeoneElse(entry.to_path_buf())));
            }
            self.slot.refuse_unreplaceable()?;
            match self.exchange(ready, entry) {
                Ok(()) => return Ok(ours()),
                // Another process removed or replaced the entry just now.
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {}
                Err(e) if is_refusal(&e) => return Ok(Placed::Refused(e)),
                Err(e) => return Err(Error::moving(tree, entry, e)),
            }
        }
        Err(Error::moving(tree, entry, io::ErrorKind::AlreadyExists.into()))
    }

    /// Does something with a tree that needs the folder above the entry. Whoever removes the last model of a user
    /// removes that folder too, at any time; then it is created again.
    fn beside_the_entry(
        &self,
        tree: &Path,
        created: &mut Vec<PathBuf>,
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

    /// The old entry ends up in the run's folder, and is removed with it.
    fn exchange(&self, ready: &Ready, entry: &Path) -> io::Result<()> {
        match self.ops.exchange(&ready.tree, entry) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => self.exchange_by_two_renames(ready, entry),
            result => result,
        }
    }

    fn exchange_by_two_renames(&self, ready: &Ready, entry: &Path) -> io::Result<()> {
        let Ready { tree, displaced } = ready;
        self.ops.rename_new(entry, displaced)?;
        self.ops.rename_new(tree, entry).inspect_err(|_| {
            // If this fails too, the run's folder is not removed, and the next run tries again.
            if let Err(error) = self.ops.rename_new(displaced, entry) {
                tracing::warn!(displaced = %url_parse::shown(displaced), %error, "cannot move the model back");
            }
        })
    }

    /// Nothing can be renamed from the run's folder to the entry's, though both seem to be on one file
    /// system (quotas of folders, some layered file systems). So the tree goes under a hidden name beside
    /// the entry first, as a copy if need be, and takes the entry's place from there.
    fn put_in_place_by_way_of_a_neighbour(
        &self,
        is_as_good: &dyn Fn(&Path) -> bool,
        created: &mut Vec<PathBuf>,
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
        // An old entry that was exchanged, or a copy that is not needed.
        if outcome.is_ok() {
            files::remove_tree(&tree);
        }
        outcome
    }

    /// Answers whether the tree itself was moved; otherwise it was copied.
    fn bring_beside(&self, beside: &Path, created: &mut Vec<PathBuf>) -> Result<bool, Error> {
        let tree = self.names.tree();
        match self.beside_the_entry(&tree, created, || self.ops.rename_new(&tree, beside))? {
            Ok(()) => return Ok(true),
            Err(e) if is_refusal(&e) => {}
            Err(e) => return Err(Error::moving(&tree, beside, e)),
        }
        self.beside_the_entry(&tree, created, || self.ops.create_dir(beside))?
            .map_err(|e| Error::linking(&tree, beside, e))?;
        let copied = self.copy_into(&tree, beside).and_then(|()| match self.durability {
            Durability::Synced => self.sync_tree(beside),
            Durability::Fast => Ok(()),
        });
        let noted =
            copied.and_then(|()| self.write_note(&self.names.copy_note(), &Note::new(self.purpose, beside)));
        noted.map(|()| false).inspect_err(|_| files::remove_tree(beside))
    }

    fn take_back(&self, beside: &Path, moved: bool) {
        let (tree, away) = (self.names.tree(), beside);
        if !moved {
            files::remove_tree(away);
        } else if let Err(error) = self.ops.rename_new(away, &tree) {
            tracing::warn!(tree = %url_parse::shown(away), %error, "cannot move a tree back");
        }
    }

    fn copy_into(&self, from: &Path, to: &Path) -> Result<(), Error> {
        for child in files::children(from).attempt(Action::Read, from)? {
            let Some(name) = child.file_name() else { continue };
            let target = to.join(name);
            if files::is_plain_dir(&child) {
                self.ops.create_dir(&target).map_err(|e| Error::linking(&child, &target, e))?;
                self.copy_into(&child, &target)?;
            } else {
                self.ops.copy(&child, &target).map_err(|e| Error::linking(&child, &target, e))?;
            }
        }
        Ok(())
    }

    /// Files first, then the folders that name them, from the bottom up.
    pub(super) fn sync_tree(&self, dir: &Path) -> Result<(), Error> {
        for child in files::children(dir).attempt(Action::Read, dir)? {
            let found = fs::symlink_metadata(&child).attempt(Action::LookAt, &child)?;
            if found.is_dir() {
                self.sync_tree(&child)?;
            } else if found.is_file() {
                self.ops.sync_file(&child).attempt(Action::Sync, &child)?;
            }
        }
        self.ops.sync_dir(dir).attempt(Action::Sync, dir)
    }

    pub(super) fn create_parents(&self, created: &mut Vec<PathBuf>) -> Result<(), Error> {
        let Some(parent) = self.slot.entry().parent() else { return Ok(()) };
        files::create_dirs(parent, &|dir| self.ops.create_dir(dir), created)
            .map_err(|(path, source)| files::cannot_create(path, self.slot.home(), source))
    }

    pub(super) fn write_note(&self, path: &Path, note: &Note) -> Result<(), Error> {
        self.ops.write_new(path, &note.to_json()).attempt(Action::Write, path)?;
        match self.durability {
            Durability::Synced => {
                self.ops.sync_dir(self.names.path()).attempt(Action::Sync, self.names.path())
            }
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
