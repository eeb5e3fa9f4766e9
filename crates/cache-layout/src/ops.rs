//! The steps that publishing is made of, as a trait, so that a test can make each of them fail.

use std::io;

use crate::files;
use crate::place::Place;

/// One method, one step on disk.
pub(crate) trait FileOps {
    /// Makes a file's content durable.
    fn sync_file(&self, place: &Place) -> io::Result<()>;
    /// Makes durable which names a folder holds.
    fn sync_dir(&self, place: &Place) -> io::Result<()>;
    fn create_dir(&self, place: &Place) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, place: &Place) -> io::Result<()>;
    /// Writes a file that does not exist yet.
    fn write_new(&self, place: &Place, bytes: &[u8]) -> io::Result<()>;
    fn remove_file(&self, place: &Place) -> io::Result<()>;
    /// Gives a file a second name.
    fn link(&self, from: &Place, to: &Place) -> io::Result<()>;
    /// Copies a file, or a link as a link.
    fn copy(&self, from: &Place, to: &Place) -> io::Result<()>;
    /// Renames; a file at `to` is replaced.
    fn rename(&self, from: &Place, to: &Place) -> io::Result<()>;
    /// Renames; anything at `to` is [`io::ErrorKind::AlreadyExists`].
    fn rename_new(&self, from: &Place, to: &Place) -> io::Result<()>;
    /// Exchanges two folders in one step, or is [`io::ErrorKind::Unsupported`].
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

/// Looks first and renames then. Between the two another process may create `to`; a rename replaces no
/// folder that holds something, so nothing can be lost.
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
