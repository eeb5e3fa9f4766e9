//! Small things done with files and folders. What stays on disk gets the modes that the umask gives, but that
//! nothing private is everybody's to write.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::dir::Access;
use crate::dir::look_at_file;
use crate::error::Error;
use crate::place::Place;

/// How much is copied at once where holes are kept.
const BLOCK: usize = 64 << 10;

/// Creates `dir` and what is missing above it, for the cache in `home`.
pub(crate) fn ensure_dir(dir: &Place, home: &Path) -> Result<(), Error> {
    create_dirs(dir, &Place::create_dir, &mut Vec::new())
        .map_err(|(place, source)| cannot_create(&place, home, source))
}

/// Creates `dir` and what is missing above it with `mkdir`, and notes what it created, from the top down,
/// also when it fails. The error comes with the folder that could not be created.
pub(crate) fn create_dirs(
    dir: &Place,
    mkdir: &dyn Fn(&Place) -> io::Result<()>,
    created: &mut Vec<Place>,
) -> Result<(), (Place, io::Error)> {
    let above = std::iter::successors(Some(dir.clone()), Place::above);
    let missing: Vec<Place> = above.take_while(|dir| !dir.is_dir()).collect();
    for dir in missing.into_iter().rev() {
        match mkdir_if_missing(&dir, mkdir) {
            Ok(true) => created.push(dir),
            Ok(false) => {}
            Err(error) => return Err((dir, error)),
        }
    }
    Ok(())
}

/// How often a folder that is being created may vanish again, before that is an error: a file system that says so
/// for ever is not to be waited for.
const MOST_VANISHINGS: usize = 100;

/// Whether this process created it.
fn mkdir_if_missing(dir: &Place, mkdir: &dyn Fn(&Place) -> io::Result<()>) -> io::Result<bool> {
    let mut vanished = 0;
    loop {
        match mkdir(dir) {
            Ok(()) => return Ok(true),
            // Another process was faster.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => return Ok(false),
            // And has removed it again.
            Err(e)
                if e.kind() == io::ErrorKind::AlreadyExists
                    && dir.is_nothing()
                    && vanished < MOST_VANISHINGS =>
            {
                vanished += 1;
            }
            Err(e) => return Err(e),
        }
    }
}

/// The error for a folder that could not be created: what is in its way, or why.
pub(crate) fn cannot_create(place: &Place, home: &Path, source: io::Error) -> Error {
    let (path, home) = (place.path().to_path_buf(), home.to_path_buf());
    // Whether a link may be followed is what opening it tells.
    if let Err(Ok(refused)) = place.dir().map_err(io::Error::downcast) {
        return refused;
    }
    match fs::metadata(&path) {
        Ok(found) if !found.is_dir() => Error::NotADirectory { path, home },
        Err(_) if is_dangling_link(&path) => Error::DanglingLink { path },
        _ => Error::of(source, |source| Error::creating(&path, &home, source)),
    }
}

/// Gives the plain file `from` the second name `to`, or copies it where the file system has no such names or
/// does not allow one, and where another user owns it, who may hold it open. Never replaces `to`. Whether the file
/// is this user's own.
pub(crate) fn link_or_copy(from: &Place, to: &Place) -> io::Result<bool> {
    let Some(mut file) = from.link_own(to)? else { return Ok(true) };
    let is_own = look_at_file(&file)?.is_own();
    write_copy(to, |target| io::copy(&mut file, target).map(drop))?;
    Ok(is_own)
}

/// Copies a file, or a link as a link, to `to`, which must not exist.
pub(crate) fn copy_as_it_is(from: &Place, to: &Place) -> io::Result<()> {
    if from.look()?.is_link() {
        return to.create_link(&from.read_link()?.1);
    }
    copy_new(from, to)
}

/// Copies the file `from`, which must not be a link, to `to`, which must not exist.
fn copy_new(from: &Place, to: &Place) -> io::Result<()> {
    let mut source = from.open(Access::Read)?;
    write_copy(to, |target| io::copy(&mut source, target).map(drop))
}

/// Copies like [`copy_new`], without filling the holes of a file that was written here and there.
pub(crate) fn copy_sparse(from: &Place, to: &Place) -> io::Result<()> {
    let mut source = from.open(Access::Read)?;
    write_copy(to, |target| copy_all(&mut source, target))
}

/// Fills a new file.
pub(crate) fn write_copy(to: &Place, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut target = to.open(Access::CreateNew)?;
    // Half a file must not stay; the error that matters is the first one.
    fill(&mut target).inspect_err(|_| drop(to.remove_file()))
}

/// Whether `target`, which is empty, shares the blocks of `source` now, until one of them is written to.
pub(crate) fn reflink(source: &File, target: &File) -> bool {
    #[cfg(target_os = "linux")]
    let is_shared = rustix::fs::ioctl_ficlone(target, source).is_ok();
    #[cfg(not(target_os = "linux"))]
    let is_shared = {
        let _ = (source, target);
        false
    };
    is_shared
}

fn copy_all(source: &mut File, target: &mut File) -> io::Result<()> {
    if reflink(source, target) {
        return Ok(());
    }
    let (mut block, mut length) = (vec![0; BLOCK], 0);
    loop {
        let read = source.read(&mut block)?;
        let bytes = block.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return target.set_len(length);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            target.seek(SeekFrom::Start(length))?;
            target.write_all(bytes)?;
        }
        length += read as u64;
    }
}

/// Whether `path` is a symbolic link to nothing. (Something that came into being a moment ago is not.)
pub(crate) fn is_dangling_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) && !path.exists()
}

/// Whether `path` is a folder and no link to one.
pub(crate) fn is_plain_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

#[cfg(test)]
mod tests;
