//! The tree that a run assembles: adding, reading and removing files.
//!
//! All of this uses handles: in a cache shared by a group, any member may exchange a folder of the tree
//! for a link.

use std::fs::File;
use std::io;
use std::path::Path;

use url_parse::RepoPath;

use super::Run;
use crate::content::ContentName;
use crate::dir::{Access, Dir};
use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::place::{Place, absence_is_fine, named};

impl Run {
    /// Opens a plain file of the tree for reading. No link is followed on the way to it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if there is no such file.
    pub fn open(&self, path: &RepoPath) -> Result<File, Error> {
        let relative = Path::new(path.as_str());
        let opened = self
            .folder_in_tree(relative)
            .and_then(|folder| folder.open(relative.file_name().unwrap_or_default(), Access::Read));
        opened.attempt(Action::Read, self.folder.names().tree().join(relative).path())
    }

    /// Removes everything in the tree; links, not their targets.
    ///
    /// # Errors
    ///
    /// If something cannot be removed.
    pub fn empty_tree(&self) -> Result<(), Error> {
        let (place, tree) = (self.folder.names().tree(), self.tree.dir());
        for name in tree.names().attempt(Action::Read, place.path())? {
            absence_is_fine(tree.remove_all(&name)).attempt(Action::Remove, place.join(&name).path())?;
        }
        Ok(())
    }

    /// Removes anything except a folder from the tree, if it exists.
    pub(super) fn make_room(&self, relative: &Path) -> Result<(), Error> {
        let removed = self.folder_in_tree(relative).and_then(|folder| {
            let name = relative.file_name().unwrap_or_default();
            if folder.look(name)?.is_folder() { Ok(()) } else { folder.remove_file(name) }
        });
        absence_is_fine(removed).attempt(Action::Remove, self.folder.names().tree().join(relative).path())
    }

    /// The folder that contains a path of the tree.
    fn folder_in_tree(&self, relative: &Path) -> io::Result<Dir> {
        let parent = relative.parent().unwrap_or(Path::new(""));
        let folder = self.tree.dir().below(parent);
        folder.map_err(|error| named(error, self.folder.names().tree().path(), parent))
    }

    /// Puts a file of the pool into the tree, by hard link or else by copy. Returns whether the current
    /// user owns the file. Another user's file is always copied, since its owner may have it open and
    /// write to it; it should be verified again.
    ///
    /// # Errors
    ///
    /// [`Error::LinkOrCopy`], also if the pool has no such file or the tree already has one of that
    /// name.
    pub fn place(&self, content: &ContentName, path: &RepoPath) -> Result<bool, Error> {
        self.bring(&self.pool_place(content), path)
    }

    /// Removes a file that failed verification from the tree and, if `pooled` is given, from the pool.
    ///
    /// # Errors
    ///
    /// If it cannot be removed. A missing file is fine.
    pub fn discard(&self, path: &RepoPath, pooled: Option<&ContentName>) -> Result<(), Error> {
        let placed = self.folder.names().tree().join(path.as_str());
        let pooled = pooled.map(|content| self.pool_place(content));
        [placed].iter().chain(&pooled).try_for_each(Place::remove_if_any)
    }

    /// The place of a file in the tree, with its folder created.
    pub(crate) fn place_for(&self, path: &RepoPath) -> Result<Place, Error> {
        let place = self.folder.names().tree().join(path.as_str());
        self.create_folder_of(&place)?;
        Ok(place)
    }

    pub(super) fn bring(&self, from: &Place, path: &RepoPath) -> Result<bool, Error> {
        let to = self.place_for(path)?;
        files::link_or_copy(from, &to).map_err(|e| Error::linking(from.path(), to.path(), e))
    }

    pub(super) fn create_folder_of(&self, to: &Place) -> Result<(), Error> {
        let Some(folder) = to.above() else { return Ok(()) };
        files::create_dirs(&folder, &|dir| self.create_in_tree(dir), &mut Vec::new()).map_err(
            |(place, source)| {
                Error::of(source, |source| Error::Io {
                    action: Action::Create,
                    path: place.path().to_path_buf(),
                    source,
                })
            },
        )
    }

    /// The tree itself is not created again: if it is gone, this run was taken for abandoned, and its
    /// result would be incomplete.
    fn create_in_tree(&self, dir: &Place) -> io::Result<()> {
        match dir.path().strip_prefix(self.folder.names().tree().path()) {
            Ok(below) if !below.as_os_str().is_empty() => dir.create_dir(),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::staging::Purpose;
    use crate::testing;

    /// Performs an action in a tree whose folder `sub` was exchanged for a link to a folder with a file
    /// `file`.
    #[track_caller]
    fn check(act: impl FnOnce(&Run, &Path) -> Result<(), Error>, is_refused: bool) {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let outside = folder.path().join("outside");
        testing::write(&outside.join("file"), "precious");
        testing::write(&slot.entry().join("sub/file"), "own");
        let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
        symlink(&outside, run.tree().join("sub")).unwrap();
        assert_eq!(act(&run, &slot.entry().join("sub/file")).is_err(), is_refused);
        assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "precious");
    }

    #[test]
    fn a_link_in_the_tree_is_not_followed() {
        let file: RepoPath = "sub/file".parse().unwrap();
        check(|run, _| run.open(&file).map(drop), true);
        check(|run, _| run.discard(&file, None), true);
        check(|run, _| run.make_room(Path::new("sub/file")), true);
        check(|run, _| run.make_room(Path::new("sub")), false);
        check(|run, _| run.empty_tree(), false);
    }

    #[test]
    fn emptying_removes_everything() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
        testing::write(&run.tree().join("a/b/c"), "");
        testing::write(&run.tree().join("d"), "");
        run.empty_tree().unwrap();
        run.empty_tree().unwrap();
        assert_eq!(fs::read_dir(run.tree()).unwrap().count(), 0);
    }

    #[test]
    fn the_runs_own_folder_is_emptied_whatever_is_at_its_path() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
        let (path, away) = (run.folder.names().tree().path().to_path_buf(), folder.path().join("away"));
        testing::write(&path.join("file"), "");
        testing::write(&folder.path().join("outside/file"), "precious");
        fs::rename(&path, &away).unwrap();
        symlink(folder.path().join("outside"), &path).unwrap();
        run.empty_tree().unwrap();
        assert!(folder.path().join("outside/file").exists());
        assert!(!away.join("file").exists());
    }
}
