//! An open folder that is used by path.

use std::fs;
use std::path::{Path, PathBuf};

use crate::dir::Dir;
use crate::error::{Action, Attempt as _, Error};
use crate::place::Place;

/// A folder of a run that libraries access by path. If others could replace it or a folder above it,
/// the path is the system's path of the open folder.
#[derive(Debug)]
pub(crate) struct Pinned {
    place: Place,
    dir: Dir,
    path: PathBuf,
    is_guarded: bool,
}

impl Pinned {
    pub(crate) fn open(place: Place) -> Result<Self, Error> {
        Self::open_with(place, Dir::magic_path)
    }

    fn open_with(place: Place, magic_path: impl Fn(&Dir) -> Option<PathBuf>) -> Result<Self, Error> {
        let dir = place.dir().attempt(Action::LookAt, place.path())?;
        let is_direct = fs::canonicalize(place.path()).is_ok_and(|path| path == place.path());
        let is_guarded = is_direct && Dir::is_guarded(place.path());
        let magic = if is_guarded { None } else { magic_path(&dir) };
        let path = magic.unwrap_or_else(|| place.path().to_path_buf());
        Ok(Self { place, dir, path, is_guarded })
    }

    /// The path to use.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The open folder.
    pub(crate) const fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Whether only root and the current user can replace it.
    pub(crate) const fn is_guarded(&self) -> bool {
        self.is_guarded
    }

    /// A path in this folder, as the user knows it.
    pub(crate) fn shown(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.path).ok().map(|below| self.place.path().join(below))
    }

    /// Checks that the path to use still leads to this folder.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_sure = self.is_guarded || self.path != self.place.path();
        if is_sure { Ok(()) } else { self.check_place() }
    }

    /// Checks that this folder is still in its place.
    pub(crate) fn check_place(&self) -> Result<(), Error> {
        let path = self.place.path();
        let there = self.place.dir().and_then(|dir| dir.look_at_self()).attempt(Action::LookAt, path)?;
        let here = self.dir.look_at_self().attempt(Action::LookAt, path)?;
        if there.identity == here.identity {
            Ok(())
        } else {
            Err(Error::Replaced { path: path.to_path_buf() })
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing;

    /// As in a container without `/proc`, or with something else mounted there.
    #[test]
    fn without_paths_to_open_folders_their_places_are_compared() {
        for is_other in [false, true] {
            let folder = testing::folder();
            // Others can replace its contents.
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
            let root = folder.path().canonicalize().unwrap();
            let (run, aside, in_proc) = (root.join("run"), root.join("aside"), root.join("proc"));
            fs::create_dir(&run).unwrap();
            if is_other {
                fs::create_dir(&in_proc).unwrap();
            }
            let by_proc = |dir: &Dir| dir.path_if_here(in_proc.clone());
            let pinned = Pinned::open_with(testing::place(&run), by_proc).unwrap();
            assert_eq!(pinned.path(), run);
            pinned.check().unwrap();
            fs::rename(&run, &aside).unwrap();
            pinned.check().unwrap_err();
            fs::create_dir(&run).unwrap();
            let error = pinned.check().unwrap_err();
            assert!(matches!(&error, Error::Replaced { path } if *path == run), "{error}");
            fs::remove_dir(&run).unwrap();
            std::os::unix::fs::symlink(&aside, &run).unwrap();
            pinned.check().unwrap_err();
        }
    }
}
