//! A copy of a model's files outside the cache, which appears atomically.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use url_parse::{RepoPath, patiently};

use crate::config::Durability;
use crate::dir::open_plain;
use crate::error::{Action, Attempt as _, Error};
use crate::files::reflink;

/// How much is copied between two reports of progress.
const PIECE: u64 = 4 << 20;

/// A file that tests the file system, and is removed at once.
const PROBE: &str = ".mlc-weights-probe";

/// The most temporary names that are tried for one place.
const MOST_NAMES: u32 = 1000;

/// A tree under a hidden name beside its final place. Dropping it removes it.
#[derive(Debug)]
#[must_use = "dropping it removes the tree"]
pub struct Export {
    tree: PathBuf,
    to: PathBuf,
    durability: Durability,
    is_in_place: bool,
}

impl Export {
    /// Creates an empty tree and the folders above it.
    ///
    /// # Errors
    ///
    /// [`Error::Occupied`] if `to` exists and is not an empty folder; [`Error::UnusableTarget`] if the
    /// system does not allow it.
    pub fn begin(to: &Path, durability: Durability) -> Result<Self, Error> {
        let to = free_place(to)?;
        let tree = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| create_beside(&to));
        match tree {
            Ok(tree) => Ok(Self { tree, to, durability, is_in_place: false }),
            Err(source) => Err(Error::UnusableTarget { path: to, source }),
        }
    }

    /// Whether a tree could be put at `to`, as far as can be told in advance. Leaves nothing there.
    ///
    /// # Errors
    ///
    /// Those of [`begin`](Self::begin); with a `home`, also [`Error::OtherFileSystem`] if that cache's
    /// files cannot be hard-linked there.
    pub fn check(to: &Path, home: Option<&Path>) -> Result<(), Error> {
        let to = free_place(to)?;
        let (above, name) = (nearest_folder(&to), to.file_name().unwrap_or_default());
        let probing = create_beside(&above.join(name)).and_then(|probe| {
            let is_near = home.map_or(Ok(true), |home| is_one_file_system(&probe, nearest_folder(home)));
            fs::remove_dir(&probe).and(is_near)
        });
        match probing {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::OtherFileSystem { path: to }),
            Err(source) => Err(Error::UnusableTarget { path: to, source }),
        }
    }

    /// The folder that holds the tree until it is [published](Self::publish).
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Whether a copy of this file takes no space, because the file system supports reflinks.
    pub fn can_reflink(&self, from: &Path) -> bool {
        let probe = self.tree.join(PROBE);
        let files = open_plain(from).and_then(|source| Ok((source, File::create_new(&probe)?)));
        let can = files.is_ok_and(|(source, target)| reflink(&source, &target));
        let _ = fs::remove_file(&probe);
        can
    }

    /// Copies a file: by a reflink if the file system supports it, which takes no space. Reports the
    /// bytes copied to `told`, and stops when that returns false.
    ///
    /// # Errors
    /// [`Error::LinkOrCopy`].
    pub fn copy(&self, from: &Path, file: &RepoPath, told: &mut dyn FnMut(u64) -> bool) -> Result<(), Error> {
        let to = self.place_for(file)?;
        let mut copying = || {
            let (mut source, mut target) = (open_plain(from)?, File::create_new(&to)?);
            if reflink(&source, &target) {
                let bytes = source.metadata()?.len();
                return if told(bytes) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) };
            }
            loop {
                let bytes = io::copy(&mut source.by_ref().take(PIECE), &mut target)?;
                if bytes == 0 {
                    return if self.is_synced() { target.sync_all() } else { Ok(()) };
                }
                if !told(bytes) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
            }
        };
        copying().map_err(|error| Error::linking(from, &self.shown(file), error))
    }

    /// Hard-links a file of the cache. Both names share the content, so it must become
    /// [read-only](Self::protect).
    ///
    /// # Errors
    /// [`Error::OtherFileSystem`] and [`Error::LinkOrCopy`].
    pub fn link(&self, from: &Path, file: &RepoPath) -> Result<(), Error> {
        let to = self.place_for(file)?;
        // A link is resolved first.
        let linked = fs::canonicalize(from).and_then(|from| fs::hard_link(from, &to));
        linked.map_err(|error| {
            if error.kind() == io::ErrorKind::CrossesDevices {
                return Error::OtherFileSystem { path: self.to.clone() };
            }
            Error::linking(from, &self.shown(file), error)
        })
    }

    /// Makes a file of the tree read-only, under all its names.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn protect(&self, file: &RepoPath) -> Result<(), Error> {
        let path = file.under(&self.tree);
        let protecting = || {
            let mut permissions = fs::metadata(&path)?.permissions();
            permissions.set_readonly(true);
            fs::set_permissions(&path, permissions)
        };
        protecting().attempt(Action::Write, &self.shown(file))
    }

    /// Moves the tree to its final place and returns that path.
    ///
    /// # Errors
    ///
    /// [`Error::Occupied`] if something has appeared there meanwhile, [`Error::UnusableTarget`] and
    /// [`Error::Io`].
    pub fn publish(mut self) -> Result<PathBuf, Error> {
        // On some systems an empty folder would be in the way. A folder with content is not removed.
        #[cfg(not(unix))]
        let _ = fs::remove_dir(&self.to);
        match patiently(|| fs::rename(&self.tree, &self.to)) {
            Ok(()) => self.is_in_place = true,
            Err(error) => {
                require_free(&self.to)?;
                return Err(Error::UnusableTarget { path: self.to.clone(), source: error });
            }
        }
        #[cfg(unix)]
        if let Some(above) = self.to.parent().filter(|_| self.is_synced()) {
            File::open(above).and_then(|above| above.sync_all()).attempt(Action::Sync, above)?;
        }
        Ok(self.to.clone())
    }

    fn is_synced(&self) -> bool {
        self.durability == Durability::Synced
    }

    fn place_for(&self, file: &RepoPath) -> Result<PathBuf, Error> {
        let to = file.under(&self.tree);
        if let Some(above) = to.parent() {
            fs::create_dir_all(above).attempt(Action::Create, &self.shown(file))?;
        }
        Ok(to)
    }

    /// The place that a file is to have. The tree's own, hidden name says nothing to a user.
    fn shown(&self, file: &RepoPath) -> PathBuf {
        file.under(&self.to)
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        if !self.is_in_place {
            // An incomplete tree must not stay; a failure cannot be reported here.
            let _ = fs::remove_dir_all(&self.tree);
        }
    }
}

/// The place as an absolute path, if it does not exist or is an empty folder.
fn free_place(to: &Path) -> Result<PathBuf, Error> {
    let to = absolute(to)?;
    if to.file_name().is_none() {
        return Err(Error::Occupied { path: to, is_folder: true });
    }
    require_free(&to)?;
    Ok(to)
}

fn require_free(path: &Path) -> Result<(), Error> {
    let unusable = |source| Error::UnusableTarget { path: path.to_path_buf(), source };
    let is_folder = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(unusable)?.is_dir(),
    };
    if is_folder && fs::read_dir(path).map_err(unusable)?.next().is_none() {
        return Ok(());
    }
    Err(Error::Occupied { path: path.to_path_buf(), is_folder })
}

/// The nearest existing folder above a path.
fn nearest_folder(path: &Path) -> &Path {
    path.ancestors().skip(1).find(|above| fs::symlink_metadata(above).is_ok()).unwrap_or(path)
}

#[cfg(unix)]
fn is_one_file_system(one: &Path, other: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    Ok(fs::metadata(one)?.dev() == fs::metadata(other)?.dev())
}

/// On other systems, the first hard link shows it.
#[cfg(not(unix))]
fn is_one_file_system(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// A link to a folder counts as the folder. Anything else is not resolved: Windows would return its long
/// form.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let resolved = if is_link { fs::canonicalize(path).ok() } else { None };
    let found = resolved.map_or_else(|| std::path::absolute(path), Ok);
    found.map_err(|source| Error::UnusableFolder { path: path.to_path_buf(), source })
}

/// Creates a folder under a hidden name beside a place.
fn create_beside(place: &Path) -> io::Result<PathBuf> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 0;
    loop {
        let path = place.with_file_name(format!(".{name}.mlc-weights-{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_NAMES => number += 1,
            created => return created.map(|()| path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_tree_appears_whole_or_not_at_all() {
        let folder = testing::folder();
        testing::write(&folder.path().join("source"), "bytes");
        let (source, to) = (folder.path().join("source"), folder.path().join("sub").join("wanted"));
        let file: RepoPath = "deeper/file".parse().unwrap();

        let export = Export::begin(&to, Durability::Fast).unwrap();
        export.copy(&source, &file, &mut |_| true).unwrap();
        drop(export);
        assert_eq!(names(&folder.path().join("sub")), [""; 0]);

        let export = Export::begin(&to, Durability::Synced).unwrap();
        export.copy(&source, &file, &mut |_| false).unwrap_err();
        // The hidden name means nothing to a user.
        let error = export.copy(&source, &file, &mut |_| true).unwrap_err();
        assert!(
            error.to_string().ends_with(&to.join("deeper").join("file").display().to_string()),
            "{error}"
        );
        drop(export);
        let export = Export::begin(&to, Durability::Synced).unwrap();
        export.copy(&source, &file, &mut |_| true).unwrap();
        assert!(!to.exists());
        assert_eq!(export.publish().unwrap(), std::path::absolute(&to).unwrap());
        assert_eq!(names(&folder.path().join("sub")), ["wanted"]);
        assert_eq!(fs::read_to_string(to.join("deeper/file")).unwrap(), "bytes");
    }

    #[test]
    fn a_place_is_named_as_the_user_named_it() {
        let folder = testing::folder();
        let (empty, missing) = (folder.path().join("empty"), folder.path().join("missing"));
        fs::create_dir(&empty).unwrap();
        for place in [empty.clone(), missing] {
            assert_eq!(free_place(&place).unwrap(), std::path::absolute(&place).unwrap());
        }
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&empty, &link).unwrap();
            assert_eq!(free_place(&link).unwrap(), fs::canonicalize(&empty).unwrap());
        }
    }

    #[test]
    fn an_occupied_place_is_left_alone() {
        let folder = testing::folder();
        let to = folder.path().join("wanted");
        fs::create_dir(&to).unwrap();
        let export = Export::begin(&to, Durability::Fast).unwrap();
        testing::write(&to.join("mine"), "mine");
        assert!(matches!(export.publish(), Err(Error::Occupied { .. })));
        assert_eq!(names(folder.path()), ["wanted"]);
        assert_eq!(fs::read_to_string(to.join("mine")).unwrap(), "mine");
        for taken in [to.clone(), to.join("mine")] {
            assert!(matches!(Export::begin(&taken, Durability::Fast), Err(Error::Occupied { .. })));
        }
    }
}
