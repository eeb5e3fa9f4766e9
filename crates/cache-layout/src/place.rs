//! Places that another user may have tampered with: they are opened folder by folder, by handles.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::dir::{Access, Dir, Found, How, is_link_refusal, look_at_file, open_plain, with_unique_name};
use crate::error::{Action, Attempt as _, Error, is_absence};

/// The name of a tier's private folder.
pub(crate) const PRIVATE: &str = ".mlc-weights";

/// Temporary files have this prefix, and no other file does.
const TEMPORARY: &str = "+tmp-";

/// Run notes and lock holders have about a hundred bytes each.
pub(crate) const SMALL: u64 = 1 << 20;

/// A place in the cache. Down to the anchor, its path is followed as the user gave it. In the next
/// `linkable` folders, links are followed if root or the current user made them, since models may be on
/// another disk. Below these, no link is followed. Every operation checks this again, whatever changes
/// meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    anchor: PathBuf,
    /// How many folders below the anchor may be links.
    linkable: usize,
    path: PathBuf,
}

impl Place {
    /// A place at a folder, whose path may contain links.
    pub(crate) fn anchored(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { anchor: path.clone(), linkable: 0, path }
    }

    /// Like [`anchored`](Self::anchored), but the next `linkable` folders may be links made by root or
    /// the current user.
    pub(crate) fn anchored_loosely(path: impl Into<PathBuf>, linkable: usize) -> Self {
        Self { linkable, ..Self::anchored(path) }
    }

    /// Its path, for messages and for reading metadata.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    pub(crate) fn join(&self, below: impl AsRef<Path>) -> Self {
        self.at(self.path.join(below))
    }

    /// The same place, but it may itself be a link made by root or the current user.
    pub(crate) fn or_link(&self) -> Self {
        Self { linkable: self.linkable + 1, ..self.clone() }
    }

    /// Another name in the same folder.
    pub(crate) fn beside(&self, name: impl AsRef<OsStr>) -> Self {
        self.at(self.path.with_file_name(name))
    }

    /// The parent folder's place.
    pub(crate) fn above(&self) -> Option<Self> {
        self.path.parent().map(|parent| self.at(parent.to_path_buf()))
    }

    fn at(&self, path: PathBuf) -> Self {
        Self { path, ..self.clone() }
    }

    /// The folder at this place.
    pub(crate) fn dir(&self) -> io::Result<Dir> {
        self.dir_as(How::AtOnce)
    }

    fn dir_as(&self, how: How) -> io::Result<Dir> {
        // There is nothing to protect above the anchor.
        let Ok(below) = self.path.strip_prefix(&self.anchor) else { return Dir::open_path(&self.path, how) };
        let mut dir = Dir::open_path(&self.anchor, how)?;
        let (mut path, mut names) = (self.anchor.clone(), below.iter());
        for name in names.by_ref().take(self.linkable) {
            path.push(name);
            dir = dir
                .below_trusted(name)?
                .ok_or_else(|| Error::ForeignLink { path: path.clone() }.into_io())?;
        }
        dir.below(names.as_path()).map_err(|error| named(error, &path, names.as_path()))
    }

    /// The parent folder.
    fn parent(&self) -> io::Result<Dir> {
        match self.path.parent() {
            Some(parent) => self.at(parent.to_path_buf()).dir(),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Metadata of this place.
    pub(crate) fn look(&self) -> io::Result<Found> {
        self.parent()?.look(self.name())
    }

    /// Metadata of this place, if it exists.
    pub(crate) fn look_if_any(&self) -> Option<Found> {
        self.look().ok()
    }

    pub(crate) fn is_there(&self) -> bool {
        self.look().is_ok()
    }

    /// Whether nothing exists here, not even a link.
    pub(crate) fn is_nothing(&self) -> bool {
        self.look().is_err_and(|error| is_absence(&error))
    }

    /// Whether this is an accessible folder.
    pub(crate) fn is_dir(&self) -> bool {
        self.dir().is_ok()
    }

    /// The folder's entries, sorted by name.
    pub(crate) fn children(&self) -> io::Result<Vec<Self>> {
        let mut names = self.dir()?.names()?;
        names.sort();
        Ok(names.into_iter().map(|name| self.join(name)).collect())
    }

    /// The folder's entries, sorted by name; empty if it does not exist.
    pub(crate) fn children_if_any(&self) -> Result<Vec<Self>, Error> {
        match self.children() {
            Err(error) if is_absence(&error) => Ok(Vec::new()),
            listed => listed.attempt(Action::Read, &self.path),
        }
    }

    /// Opens a plain file.
    pub(crate) fn open(&self, access: Access) -> io::Result<File> {
        self.parent()?.open(self.name(), access).map_err(|error| named(error, &self.path, Path::new("")))
    }

    /// Reads a plain file of at most `limit` bytes.
    pub(crate) fn read(&self, limit: u64) -> io::Result<Vec<u8>> {
        read_at_most(&self.open(Access::Read)?, limit)
    }

    /// Writes a file that does not exist yet.
    pub(crate) fn write_new(&self, bytes: &[u8]) -> io::Result<()> {
        self.open(Access::CreateNew)?.write_all(bytes)
    }

    /// Replaces a file atomically. Does not sync.
    pub(crate) fn write_atomically(&self, bytes: &[u8]) -> Result<(), Error> {
        let created = self.at(self.path.parent().unwrap_or(Path::new("")).to_path_buf()).create_temporary();
        let (temporary, mut file) = created.attempt(Action::Create, &self.path)?;
        let written = file.write_all(bytes).and_then(|()| temporary.rename(self));
        written.inspect_err(|_| drop(temporary.remove_file())).attempt(Action::Write, &self.path)
    }

    /// Creates a file that will be renamed once it is written.
    pub(crate) fn create_temporary(&self) -> io::Result<(Self, File)> {
        let (name, file) = self.dir()?.create_unique(TEMPORARY)?;
        Ok((self.join(name), file))
    }

    /// Whether this is a temporary file.
    pub(crate) fn is_temporary(&self) -> bool {
        self.name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
    }

    /// Creates the folder. Only folders that contain published models may become writable for everyone,
    /// depending on the umask.
    pub(crate) fn create_dir(&self) -> io::Result<()> {
        let is_private = self
            .path
            .strip_prefix(&self.anchor)
            .is_ok_and(|below| below.iter().count() > self.linkable || self.name() == PRIVATE);
        self.create_dir_as(if is_private { 0o775 } else { 0o777 })
    }

    /// Creates the folder with this mode, to which the umask applies.
    pub(crate) fn create_dir_as(&self, mode: u32) -> io::Result<()> {
        self.parent()?.create_dir(self.name(), mode)
    }

    /// Creates a folder with a unique name in this one.
    pub(crate) fn create_unique_dir(&self, prefix: &str, suffix: &str, mode: u32) -> io::Result<Self> {
        let dir = self.dir()?;
        let (name, ()) = with_unique_name(prefix, suffix, |name| dir.create_dir(name, mode))?;
        Ok(self.join(name))
    }

    /// Removes an empty folder.
    pub(crate) fn remove_dir(&self) -> io::Result<()> {
        self.parent()?.remove_dir(self.name())
    }

    /// Removes anything except a folder; a link, not its target.
    pub(crate) fn remove_file(&self) -> io::Result<()> {
        self.parent()?.remove_file(self.name())
    }

    /// Removes a file, if it exists.
    pub(crate) fn remove_if_any(&self) -> Result<(), Error> {
        absence_is_fine(self.remove_file()).attempt(Action::Remove, &self.path)
    }

    /// Removes a folder with its contents, if it exists. A link is an error.
    pub(crate) fn remove_all(&self) -> Result<(), Error> {
        let removed = self.parent().and_then(|parent| {
            if parent.look(self.name())?.is_link() {
                return Err(Error::PrivateLink { path: self.path.clone() }.into_io());
            }
            parent.remove_all(self.name())
        });
        absence_is_fine(removed).attempt(Action::Remove, &self.path)
    }

    /// Removes a folder with its contents, if it exists. Failures are logged.
    pub(crate) fn remove_tree(&self) {
        if let Err(error) = self.remove_all() {
            let cause = std::error::Error::source(&error);
            tracing::warn!(dir = %url_parse::shown(&self.path), %error, cause, "cannot remove a private folder of the cache");
        }
    }

    /// Sets the times to now, as if it had just been written. Write permission is enough.
    pub(crate) fn touch(&self) -> io::Result<()> {
        self.parent()?.touch(self.name())
    }

    /// Makes a file's content durable.
    pub(crate) fn sync_file(&self) -> io::Result<()> {
        // Windows can only flush a file opened for writing; on other systems it may be read-only.
        self.open(if cfg!(windows) { Access::Write } else { Access::Read })?.sync_all()
    }

    /// Makes a folder's names durable.
    pub(crate) fn sync_dir(&self) -> io::Result<()> {
        self.dir()?.sync()
    }

    /// Renames, replacing a file at `to`.
    pub(crate) fn rename(&self, to: &Self) -> io::Result<()> {
        self.parent()?.rename(self.name(), &to.parent()?, to.name())
    }

    /// Renames; fails with [`io::ErrorKind::AlreadyExists`] if `to` exists, atomically where the system
    /// can.
    pub(crate) fn rename_new(&self, to: &Self) -> io::Result<()> {
        self.parent()?.rename_new(self.name(), &to.parent()?, to.name())
    }

    /// Exchanges two folders atomically, or fails with [`io::ErrorKind::Unsupported`].
    pub(crate) fn exchange(&self, other: &Self) -> io::Result<()> {
        self.parent()?.exchange(self.name(), &other.parent()?, other.name())
    }

    /// A link's metadata and target.
    pub(crate) fn read_link(&self) -> io::Result<(Found, PathBuf)> {
        self.parent()?.read_link(self.name())
    }

    /// Creates a symbolic link.
    pub(crate) fn create_link(&self, target: &Path) -> io::Result<()> {
        self.parent()?.create_link(target, self.name())
    }

    /// Gives a plain file the second name `to`, if the current user owns it. Otherwise returns the open
    /// file, for copying. Never replaces `to`.
    pub(crate) fn link_own(&self, to: &Self) -> io::Result<Option<File>> {
        let (from_dir, to_dir) = (self.parent()?, to.parent()?);
        let file =
            from_dir.open(self.name(), Access::Read).map_err(|e| named(e, &self.path, Path::new("")))?;
        let opened = look_at_file(&file)?;
        // Another user may have it open and could write to it at any time.
        if !opened.is_own() {
            return Ok(Some(file));
        }
        match from_dir.link(self.name(), &to_dir, to.name()) {
            Err(e) if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => Err(e),
            Err(_) => Ok(Some(file)),
            Ok(()) if to_dir.look(to.name())?.identity == opened.identity => Ok(None),
            // Another file has taken the name since it was opened.
            Ok(()) => to_dir.remove_file(to.name()).map(|()| Some(file)),
        }
    }
}

/// Reads a small file.
pub(crate) fn read_at_most(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Reads a plain file of at most `limit` bytes, following a link to one. Anything else, such as a pipe
/// or a device, is an error; opening it does not block. A longer file is
/// [`FileTooLarge`](io::ErrorKind::FileTooLarge).
///
/// # Errors
///
/// The system's error.
pub fn read_plain(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_at_most(&open_plain(path)?, limit)
}

/// The result of a removal, where a missing target is fine.
pub(crate) fn absence_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if is_absence(&error) => Ok(()),
        outcome => outcome,
    }
}

/// Adds the path of the first link below `base` to a refusal to follow links.
pub(crate) fn named(error: io::Error, base: &Path, below: &Path) -> io::Error {
    if !is_link_refusal(&error) {
        return error;
    }
    let mut path = base.to_path_buf();
    for name in below {
        path.push(name);
        // Only for the message.
        if path.is_symlink() {
            break;
        }
    }
    Error::PrivateLink { path }.into_io()
}

#[cfg(test)]
impl AsRef<Path> for Place {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
impl std::ops::Deref for Place {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
