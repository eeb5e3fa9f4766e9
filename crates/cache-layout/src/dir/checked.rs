//! Windows, where this program does not use folder handles: every path component is checked before an
//! operation. Reparse points count as links. A folder that is replaced between the check and the
//! operation goes unnoticed; docs/security.md says so.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::found::{Access, Found, FoundKind, How, not_plain};
use url_parse::patiently;

/// A folder.
#[derive(Debug)]
pub(crate) struct Dir(PathBuf);

#[derive(Debug)]
struct LinkRefused;

impl std::error::Error for LinkRefused {}

impl std::fmt::Display for LinkRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it is a symbolic link")
    }
}

/// Whether an operation was refused because of a symbolic link, at the path or on the way to it.
pub(crate) fn is_link_refusal(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<LinkRefused>())
}

impl Dir {
    /// Opens a folder by its path. Links are followed.
    pub(crate) fn open_path(path: &Path, _: How) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self(path.to_path_buf()))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// Opens the folder `relative`. A link on the way or at the end is refused; see
    /// [`is_link_refusal`].
    pub(crate) fn below(&self, relative: &Path) -> io::Result<Self> {
        let mut path = self.0.clone();
        for name in relative {
            path.push(name);
            let found = look_at(&path)?;
            if found.is_link() {
                return Err(io::Error::other(LinkRefused));
            } else if !found.is_folder() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Ok(Self(path))
    }

    /// Opens the folder `name`, or the one that a link of this name leads to.
    pub(crate) fn below_trusted(&self, name: &OsStr) -> io::Result<Option<Self>> {
        Self::open_path(&self.0.join(name), How::Stepwise).map(Some)
    }

    /// A link and its target.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<(Found, PathBuf)> {
        Ok((self.look(name)?, fs::read_link(self.0.join(name))?))
    }

    /// Metadata of a name, without following a link.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Found> {
        look_at(&self.0.join(name))
    }

    /// Metadata of this folder.
    pub(crate) fn look_at_self(&self) -> io::Result<Found> {
        look_at(&self.0)
    }

    /// The names in this folder, in no particular order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        // A folder that is just being removed or renamed cannot be opened for a moment.
        patiently(|| fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())).collect())
    }

    /// Makes the folder's names durable; this system has no call for it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Opens a plain file.
    pub(crate) fn open(&self, name: &OsStr, access: Access) -> io::Result<File> {
        let path = self.0.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(not_plain());
        }
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read);
        options.create(access == Access::Create).create_new(access == Access::CreateNew).open(path)
    }

    /// Creates a folder.
    pub(crate) fn create_dir(&self, name: &OsStr, _: u32) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    /// Removes anything except a folder, even if it is read-only.
    pub(crate) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        let path = self.0.join(name);
        patiently(|| remove_file(&path))
    }

    /// Sets a plain file's time to now.
    pub(crate) fn touch(&self, name: &OsStr) -> io::Result<()> {
        self.open(name, Access::Write)?.set_modified(SystemTime::now())
    }

    /// Removes an empty folder.
    pub(crate) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    /// Renames, replacing a file at the new place.
    pub(crate) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        let (from, to) = (self.0.join(name), to.0.join(new));
        patiently(|| {
            fs::rename(&from, &to).map_err(|error| {
                // If a folder is in the way, the system may only say that access is denied.
                let is_taken = from.is_dir() && fs::symlink_metadata(&to).is_ok();
                if is_taken { io::Error::new(io::ErrorKind::AlreadyExists, error) } else { error }
            })
        })
    }

    /// This system cannot rename without replacing.
    pub(crate) fn rename_new(&self, _: &OsStr, _: &Self, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// This system cannot exchange two names.
    pub(crate) fn exchange(&self, _: &OsStr, _: &Self, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Adds a second name to a file.
    pub(crate) fn link(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        fs::hard_link(self.0.join(name), to.0.join(new))
    }

    /// No links are created on this system.
    pub(crate) fn create_link(&self, _: &Path, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// This system has no paths that follow a handle.
    pub(crate) fn magic_path(&self) -> Option<PathBuf> {
        None
    }

    /// Who else may rename folders is unknown on this system.
    pub(crate) fn is_guarded(_: &Path) -> bool {
        true
    }
}

fn remove_file(path: &Path) -> io::Result<()> {
    let Err(error) = fs::remove_file(path) else { return Ok(()) };
    match fs::symlink_metadata(path) {
        // Windows distinguishes links to folders from links to files.
        Ok(found) if found.is_symlink() => fs::remove_dir(path),
        // libgit2 makes its packs read-only, and before Windows 10, or on some file systems, such files
        // cannot be removed.
        Ok(found) if found.permissions().readonly() => {
            let mut permissions = found.permissions();
            permissions.set_readonly(false);
            fs::set_permissions(path, permissions)?;
            fs::remove_file(path)
        }
        _ => Err(error),
    }
}

/// Opens a plain file by its path, following links.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() { File::open(path) } else { Err(not_plain()) }
}

/// FILE_FLAG_BACKUP_SEMANTICS, required to open folders, and FILE_FLAG_OPEN_REPARSE_POINT.
const ANYTHING: u32 = 0x0200_0000 | 0x0020_0000;

/// Metadata of a path, without following a link.
fn look_at(path: &Path) -> io::Result<Found> {
    // Requests no access to the content, only to the metadata.
    match OpenOptions::new().access_mode(0).custom_flags(ANYTHING).open(path) {
        Ok(file) => look_at_file(&file),
        // Some files cannot be opened at all while the system uses them.
        Err(_) => Ok(found(&fs::symlink_metadata(path)?, None)),
    }
}

/// Metadata of an open file.
pub(crate) fn look_at_file(file: &File) -> io::Result<Found> {
    let identity = winapi_util::file::information(file).ok();
    let identity = identity.map(|numbers| (numbers.volume_serial_number(), numbers.file_index()));
    Ok(found(&file.metadata()?, identity))
}

fn found(metadata: &Metadata, identity: Option<(u64, u64)>) -> Found {
    let kind = match metadata.file_type() {
        kind if kind.is_symlink() => FoundKind::Link,
        kind if kind.is_file() => FoundKind::File,
        kind if kind.is_dir() => FoundKind::Folder,
        _ => FoundKind::Other,
    };
    let (len, modified) = (metadata.len(), metadata.modified().ok());
    Found { kind, len, disk_bytes: len, modified, identity, is_groups: false, owner: None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing;

    fn open(path: &Path) -> Dir {
        Dir::open_path(path, How::AtOnce).unwrap()
    }

    #[test]
    fn read_only_files_are_removed() {
        let folder = testing::folder();
        let pack = folder.path().join("tree/objects/pack");
        testing::write(&pack, "PACK");
        let mut permissions = fs::metadata(&pack).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&pack, permissions).unwrap();
        open(folder.path()).remove_all("tree".as_ref()).unwrap();
        assert!(!folder.path().join("tree").exists());
    }

    /// Another program has a file open for a moment, without sharing it.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the other program lets go after a while")]
    fn a_file_held_open_is_renamed_once_it_is_closed() {
        let folder = testing::folder();
        let file = folder.path().join("tree/file");
        testing::write(&file, "text");
        let held = OpenOptions::new().read(true).share_mode(0).open(&file).unwrap();
        // Windows refuses to rename a folder that contains such a file too, but Wine does not.
        let dir = open(&folder.path().join("tree"));
        std::thread::scope(|scope| {
            let renamed = scope.spawn(|| dir.rename("file".as_ref(), &dir, "other".as_ref()));
            std::thread::sleep(Duration::from_millis(300));
            assert!(!renamed.is_finished());
            drop(held);
            renamed.join().unwrap().unwrap();
        });
        assert!(folder.path().join("tree/other").exists());
    }

    #[test]
    fn a_folder_in_the_way_is_reported_immediately() {
        let folder = testing::folder();
        for name in ["tree", "other"] {
            testing::write(&folder.path().join(name).join("file"), name);
        }
        let dir = open(folder.path());
        let error = dir.rename("tree".as_ref(), &dir, "other".as_ref()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn two_names_of_a_file_have_the_same_number() {
        let folder = testing::folder();
        testing::write(&folder.path().join("one"), "text");
        testing::write(&folder.path().join("other"), "text");
        let dir = open(folder.path());
        dir.link("one".as_ref(), &dir, "two".as_ref()).unwrap();
        let number = |name: &str| dir.look(name.as_ref()).unwrap().identity.unwrap();
        assert_eq!(number("one"), number("two"));
        assert_ne!(number("one"), number("other"));
    }
}
