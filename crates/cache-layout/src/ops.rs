//! The disk operations of publishing, as a trait, so that tests can make each of them fail.

use std::io;

use crate::files;
use crate::place::Place;

/// Each method is one operation on disk.
pub(crate) trait FileOps {
    /// Makes a file's content durable.
    fn sync_file(&self, place: &Place) -> io::Result<()>;
    /// Makes a folder's names durable.
    fn sync_dir(&self, place: &Place) -> io::Result<()>;
    fn create_dir(&self, place: &Place) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, place: &Place) -> io::Result<()>;
    /// Writes a file that does not exist yet.
    fn write_new(&self, place: &Place, bytes: &[u8]) -> io::Result<()>;
    fn remove_file(&self, place: &Place) -> io::Result<()>;
    /// Adds a second name to a file.
    fn link(&self, from: &Place, to: &Place) -> io::Result<()>;
    /// Copies a file, or a link as a link.
    fn copy(&self, from: &Place, to: &Place) -> io::Result<()>;
    /// Renames, replacing a file at `to`.
    fn rename(&self, from: &Place, to: &Place) -> io::Result<()>;
    /// Renames; fails with [`io::ErrorKind::AlreadyExists`] if `to` exists.
    fn rename_new(&self, from: &Place, to: &Place) -> io::Result<()>;
    /// Exchanges two folders atomically, or fails with [`io::ErrorKind::Unsupported`].
    fn exchange(&self, one: &Place, other: &Place) -> io::Result<()>;
}

/// The real file system.
pub(crate) struct RealOps;

impl FileOps for RealOps {
    fn sync_file(&self, place: &Place) -> io::Result<()> {
        place.sync_file()
    }

    fn sync_dir(&self, place: &Place) -> io::Result<()> {
        place.sync_dir()
    }

    fn create_dir(&self, place: &Place) -> io::Result<()> {
        place.create_dir()
    }

    fn remove_dir(&self, place: &Place) -> io::Result<()> {
        place.remove_dir()
    }

    fn write_new(&self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        place.write_new(bytes)
    }

    fn remove_file(&self, place: &Place) -> io::Result<()> {
        place.remove_file()
    }

    fn link(&self, from: &Place, to: &Place) -> io::Result<()> {
        files::link_or_copy(from, to).map(drop)
    }

    fn copy(&self, from: &Place, to: &Place) -> io::Result<()> {
        files::copy_as_it_is(from, to)
    }

    fn rename(&self, from: &Place, to: &Place) -> io::Result<()> {
        from.rename(to)
    }

    fn rename_new(&self, from: &Place, to: &Place) -> io::Result<()> {
        match from.rename_new(to) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => rename_checked(from, to),
            result => result,
        }
    }

    fn exchange(&self, one: &Place, other: &Place) -> io::Result<()> {
        one.exchange(other)
    }
}

/// Checks, then renames. Another process may create `to` in between, but a rename does not replace a
/// non-empty folder, so nothing can be lost.
fn rename_checked(from: &Place, to: &Place) -> io::Result<()> {
    match to.look() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => match from.rename(to) {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => {
                Err(io::Error::new(io::ErrorKind::AlreadyExists, e))
            }
            result => result,
        },
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
