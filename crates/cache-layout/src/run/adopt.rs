//! Carries files of the entry over into the tree that will replace it.

use std::path::{Component, Path, PathBuf};

use url_parse::RepoPath;

use super::Run;
use crate::error::Error;
use crate::files;
use crate::place::Place;

/// Appended to the name of a user's file if the tree needs that name.
const RENAMED: &str = ".own";

impl Run {
    /// Carries a file of the slot's [existing entry](crate::CacheLayout::existing_entry) over into the
    /// tree, by hard link or else by copy. `from` is its full path. Links are not followed.
    ///
    /// # Errors
    /// - [`Error::NotAPlainFile`] if `from` is not a file in the entry, reached without a link;
    /// - [`Error::LinkOrCopy`], also if the tree already has a file of that name.
    pub fn adopt(&self, from: &Path, to: &RepoPath) -> Result<(), Error> {
        let place =
            self.below_entry(from).filter(|place| place.look_if_any().is_some_and(|found| found.is_file()));
        let place = place.ok_or_else(|| self.refusal(from))?;
        self.bring(&place, to).map(drop)
    }

    /// Carries a user's own file or symbolic link over into the tree, to the same place; a link stays a
    /// link. `from` is its full path. If the tree has a folder in its place, or a file in place of a
    /// folder above it, `.own` is appended to the user's name. Returns the path below the tree.
    ///
    /// # Errors
    /// - [`Error::NotAPlainFile`] if `from` is neither, is another user's link, or is reached through a
    ///   link;
    /// - [`Error::LinkOrCopy`], also if the tree has a file of that name, or if the system cannot
    ///   create a link.
    pub fn adopt_own(&self, from: &Path) -> Result<PathBuf, Error> {
        self.adopt_to(from, |relative| self.free_place(relative))
    }

    /// Like [`adopt_own`](Self::adopt_own), replacing the tree's file of that name, if there is one.
    ///
    /// # Errors
    ///
    /// As [`adopt_own`](Self::adopt_own), and if the tree's file cannot be removed.
    pub fn adopt_instead(&self, from: &Path) -> Result<PathBuf, Error> {
        if let Ok(relative) = from.strip_prefix(self.staging.slot().entry()) {
            self.make_room(relative)?;
        }
        self.adopt_own(from)
    }

    /// Like [`adopt_own`](Self::adopt_own), for a file to be kept beside the tree's file of the same
    /// name: `.own` is appended, repeatedly if necessary.
    ///
    /// # Errors
    /// As [`adopt_own`](Self::adopt_own).
    pub fn adopt_beside(&self, from: &Path) -> Result<PathBuf, Error> {
        self.adopt_to(from, |relative| {
            let mut place = self.free_place(relative);
            while self.folder.names().tree().join(&place).look_if_any().is_some() {
                place.as_mut_os_string().push(RENAMED);
            }
            place
        })
    }

    fn adopt_to(&self, from: &Path, name: impl FnOnce(&Path) -> PathBuf) -> Result<PathBuf, Error> {
        let place = self.below_entry(from).ok_or_else(|| self.refusal(from))?;
        let found = place.look().map_err(|_| self.refusal(from))?;
        let is_link = found.is_link() && found.is_trusted();
        if !found.is_file() && !is_link {
            return Err(self.refusal(from));
        }
        let relative = from.strip_prefix(self.staging.slot().entry()).map_err(|_| self.refusal(from))?;
        let relative = name(relative);
        let to = self.folder.names().tree().join(&relative);
        self.create_folder_of(&to)?;
        let taken = if is_link {
            files::copy_as_it_is(&place, &to)
        } else {
            files::link_or_copy(&place, &to).map(drop)
        };
        taken.map_err(|error| Error::linking(from, to.path(), error))?;
        Ok(relative)
    }

    /// A path in the tree that is not taken yet.
    fn free_place(&self, relative: &Path) -> PathBuf {
        let mut place = PathBuf::new();
        let mut names = relative.iter().peekable();
        while let Some(name) = names.next() {
            let is_folder = names.peek().is_some();
            let mut name = name.to_os_string();
            while self.is_taken(&place.join(&name), is_folder) {
                name.push(RENAMED);
            }
            place.push(name);
        }
        place
    }

    /// Whether a path in the tree is taken by something else than what is wanted there.
    fn is_taken(&self, relative: &Path, is_folder: bool) -> bool {
        let found = self.folder.names().tree().join(relative).look_if_any();
        found.is_some_and(|found| found.is_folder() != is_folder)
    }

    /// A place in the entry. No link on the way to it is followed.
    fn below_entry(&self, path: &Path) -> Option<Place> {
        let entry = self.staging.slot().entry_place();
        let relative = path.strip_prefix(entry.path()).ok()?;
        let is_plain = relative.components().all(|component| matches!(component, Component::Normal(_)));
        (is_plain && relative.components().next().is_some()).then(|| entry.join(relative))
    }

    fn refusal(&self, from: &Path) -> Error {
        Error::NotAPlainFile { path: from.to_path_buf(), entry: self.staging.slot().entry().to_path_buf() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::staging::Purpose;
    use crate::testing;

    /// Carries `own` over into a tree that holds `sub/file` and `file`, and checks where it ends up.
    #[track_caller]
    fn check(own: &str, expected: &str) {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        testing::write(&slot.entry().join(own), "own");
        let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
        testing::write(&run.tree().join("sub/file"), "tree");
        testing::write(&run.tree().join("file"), "tree");
        let place = run.adopt_own(&slot.entry().join(own)).unwrap();
        assert_eq!(place, Path::new(expected));
        assert_eq!(fs::read_to_string(run.tree().join(expected)).unwrap(), "own");
        assert_eq!(fs::read_to_string(run.tree().join("sub/file")).unwrap(), "tree");
        assert_eq!(fs::read_to_string(run.tree().join("file")).unwrap(), "tree");
    }

    #[test]
    fn the_users_own_files_stay_in_place_if_possible() {
        check("mine", "mine");
        check("sub/mine", "sub/mine");
        check("sub", "sub.own");
        check("file/mine", "file.own/mine");
        check("file/file", "file.own/file");
        check("sub/file/deep/mine", "sub/file.own/deep/mine");
    }

    #[test]
    fn a_file_of_the_tree_is_not_replaced() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        testing::write(&slot.entry().join("file"), "own");
        let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
        testing::write(&run.tree().join("file"), "tree");
        let error = run.adopt_own(&slot.entry().join("file")).unwrap_err();
        assert!(matches!(error, Error::LinkOrCopy { .. }), "{error}");
        assert_eq!(fs::read_to_string(run.tree().join("file")).unwrap(), "tree");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_carried_over_as_links_and_not_followed() {
        use std::os::unix::fs::symlink;
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        testing::write(&slot.entry().join("file"), "own");
        symlink("../elsewhere/nowhere", slot.entry().join("link")).unwrap();
        symlink(folder.path(), slot.entry().join("folder")).unwrap();
        testing::write(&folder.path().join("outside"), "");
        let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
        for name in ["link", "folder"] {
            run.adopt_own(&slot.entry().join(name)).unwrap();
            let targets = [slot.entry(), run.tree()].map(|dir| fs::read_link(dir.join(name)).unwrap());
            assert_eq!(targets[0], targets[1]);
        }
        for refused in ["folder/outside", "../repo/file", "absent", ""] {
            let error = run.adopt_own(&slot.entry().join(refused)).unwrap_err();
            assert!(matches!(error, Error::NotAPlainFile { .. }), "{error}");
        }
    }
}
