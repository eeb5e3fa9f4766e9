//! Detects, before a download, what would keep the model from being published.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Action, Attempt as _, Error, is_absence};
use crate::files;
use crate::layout::CacheLayout;
use crate::place::Place;
use crate::slot::Slot;

impl Slot {
    /// Refuses a slot whose entry could not be published, as far as can be told now. Changes nothing.
    pub(crate) fn refuse_unpublishable(&self) -> Result<(), Error> {
        self.refuse_unreplaceable()?;
        self.refuse_blocked()?;
        refuse_foreign(self.entry_place())?;
        self.refuse_taken_receipt()?;
        self.refuse_forbidden()
    }

    /// Refuses an entry that must not be replaced. A missing entry is fine.
    pub(crate) fn refuse_unreplaceable(&self) -> Result<(), Error> {
        let path = self.entry().to_path_buf();
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => Err(Error::EntryIsLink { path }),
            Ok(found) if !found.is_dir() => Err(Error::EntryIsNotADirectory { path }),
            Err(e) if !is_absence(&e) => Err(e).attempt(Action::LookAt, &path),
            _ => Ok(()),
        }
    }

    /// The receipt's place must hold a file or nothing.
    fn refuse_taken_receipt(&self) -> Result<(), Error> {
        let receipt = self.receipt_file();
        let path = receipt.path().to_path_buf();
        match receipt.look() {
            Ok(found) if found.is_link() => Err(Error::PrivateLink { path }),
            Ok(found) if !found.is_file() => Err(Error::NotAFile { path }),
            Err(e) if !is_absence(&e) => Err(e).attempt(Action::LookAt, &path),
            _ => Ok(()),
        }
    }

    /// The nearest thing above the entry that exists must be a directory.
    pub(crate) fn refuse_blocked(&self) -> Result<(), Error> {
        self.entry().parent().map_or(Ok(()), |folder| refuse_blocked(folder, self.home()))
    }

    /// The folder that will contain the entry, or the nearest existing one above it, must be writable.
    fn refuse_forbidden(&self) -> Result<(), Error> {
        may_create_above(self.entry()).map_err(|source| Error::creating(self.entry(), self.home(), source))
    }
}

impl CacheLayout {
    /// Whether models could be put into the writable tier, as far as can be told without writing.
    ///
    /// # Errors
    ///
    /// [`Error::NotADirectory`], [`Error::DanglingLink`] and [`Error::CreateFolder`], naming the first
    /// folder that is in the way.
    pub fn check_writable(&self) -> Result<(), Error> {
        let (home, models) = (self.home(), self.home().join("model_weights").join("hf"));
        refuse_blocked(&models, home)?;
        may_create_above(&models.join("user")).map_err(|source| Error::creating(&models, home, source))
    }
}

/// Refuses a place that is reached through another user's link.
pub(crate) fn refuse_foreign(entry: &Place) -> Result<(), Error> {
    let above = entry.above().map_or(Ok(()), |folder| folder.dir().map(drop));
    match above.map_err(io::Error::downcast) {
        Err(Ok(refused @ Error::ForeignLink { .. })) => Err(refused),
        _ => Ok(()),
    }
}

/// `folder`, or the nearest existing path above it, must be a directory.
pub(crate) fn refuse_blocked(folder: &Path, home: &Path) -> Result<(), Error> {
    for path in folder.ancestors() {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => return Err(Error::NotADirectory { path: path.into(), home: home.into() }),
            Err(e) if !is_absence(&e) => return Err(e).attempt(Action::LookAt, path),
            Err(_) if files::is_dangling_link(path) => {
                return Err(Error::DanglingLink { path: path.into() });
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// Whether the current user may create files in the nearest existing folder above `path`. A folder that
/// vanishes meanwhile, as when a user's last model is removed, is skipped.
fn may_create_above(path: &Path) -> io::Result<()> {
    let answers = path.ancestors().skip(1).map(may_create_in);
    let mut answers = answers.filter(|answer| !answer.as_ref().is_err_and(is_absence));
    answers.next().unwrap_or(Ok(()))
}

/// Whether the current user may create files in a folder, according to its permissions.
///
/// # Errors
///
/// The system's error.
#[cfg(unix)]
pub fn may_create_in(dir: &Path) -> io::Result<()> {
    use rustix::fs::Access;
    Ok(rustix::fs::access(dir, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Whether the current user may create files in a folder. On this system only trying would show it.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn may_create_in(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staging::{Purpose, Staging};
    use crate::testing;
    use url_parse::ErrorKind;

    #[track_caller]
    fn check(prepare: impl FnOnce(&Path, &Path), expected: &str, kind: ErrorKind) {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        prepare(folder.path(), slot.entry());
        let before = testing::listing(folder.path());
        for purpose in [Purpose::Fresh, Purpose::Redo] {
            let error = layout.begin_run(&slot, purpose).unwrap_err();
            let message =
                error.to_string().replace(&folder.path().display().to_string(), "").replace('\\', "/");
            assert_eq!((message.as_str(), error.kind()), (expected, kind));
        }
        assert_eq!(testing::listing(folder.path()), before, "nothing is created");
    }

    #[test]
    fn a_file_in_the_way_is_named_before_a_download() {
        check(
            |_, entry| testing::write(entry, ""),
            "/home/model_weights/hf/user/repo is not a directory and is not replaced",
            ErrorKind::Disk,
        );
        check(
            |_, entry| testing::write(entry.parent().unwrap(), ""),
            "/home/model_weights/hf/user is not a directory, so no model can be cached in /home",
            ErrorKind::Disk,
        );
        check(
            |root, _| fs::write(root.join("home"), "").unwrap(),
            "/home is not a directory, so no model can be cached in /home",
            ErrorKind::Disk,
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_way_is_named_before_a_download() {
        use std::os::unix::fs::symlink;
        check(
            |root, entry| {
                fs::create_dir_all(entry.parent().unwrap()).unwrap();
                symlink(root, entry).unwrap();
            },
            "/home/model_weights/hf/user/repo is a symbolic link and is not replaced",
            ErrorKind::Disk,
        );
        check(
            |root, _| symlink(root.join("missing disk"), root.join("home")).unwrap(),
            "/home is a symbolic link to nothing",
            ErrorKind::Disk,
        );
        check(
            |root, entry| {
                let user = entry.parent().unwrap();
                fs::create_dir_all(user.parent().unwrap()).unwrap();
                symlink(root.join("missing disk"), user).unwrap();
            },
            "/home/model_weights/hf/user is a symbolic link to nothing",
            ErrorKind::Disk,
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_may_not_be_written() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let user = slot.entry().parent().unwrap();
        fs::create_dir_all(user).unwrap();
        let Some(_forbidden) = testing::unwritable(user) else { return };
        let error = layout.begin_run(&slot, Purpose::Fresh).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disk);
        let (entry, home) = (slot.entry().display(), layout.home().display());
        assert_eq!(error.to_string(), format!("cannot create {entry}, which the cache in {home} needs"));
        assert!(!Staging::of(&slot).folder().exists());
    }
}
