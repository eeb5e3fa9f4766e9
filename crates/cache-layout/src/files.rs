//! Helpers for files and folders. What stays on disk gets modes according to the umask, except that
//! nothing private is writable for everyone.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::dir::Access;
use crate::dir::look_at_file;
use crate::error::Error;
use crate::place::Place;

/// How much is copied at once when holes are preserved.
const BLOCK: usize = 64 << 10;

/// Creates `dir` and its missing parents, for the cache in `home`.
pub(crate) fn ensure_dir(dir: &Place, home: &Path) -> Result<(), Error> {
    create_dirs(dir, &Place::create_dir, &mut Vec::new())
        .map_err(|(place, source)| cannot_create(&place, home, source))
}

/// Creates `dir` and its missing parents with `mkdir`. Records those it created, from the top down,
/// even on failure. The error comes with the folder that could not be created.
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

/// How often a folder may vanish while it is created. A file system that always reports this must not
/// cause an endless loop.
const MOST_VANISHINGS: usize = 100;

/// Creates a folder; returns whether this process did so.
fn mkdir_if_missing(dir: &Place, mkdir: &dyn Fn(&Place) -> io::Result<()>) -> io::Result<bool> {
    let mut vanished = 0;
    loop {
        match mkdir(dir) {
            Ok(()) => return Ok(true),
            // Another process was faster.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => return Ok(false),
            // Another process has created and removed it again.
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

/// The error for a folder that could not be created: what is in its way, or the cause.
pub(crate) fn cannot_create(place: &Place, home: &Path, source: io::Error) -> Error {
    let (path, home) = (place.path().to_path_buf(), home.to_path_buf());
    // Opening it shows whether a link may be followed.
    if let Err(Ok(refused)) = place.dir().map_err(io::Error::downcast) {
        return refused;
    }
    match fs::metadata(&path) {
        Ok(found) if !found.is_dir() => Error::NotADirectory { path, home },
        Err(_) if is_dangling_link(&path) => Error::DanglingLink { path },
        _ => Error::of(source, |source| Error::creating(&path, &home, source)),
    }
}

/// Gives the plain file `from` the second name `to`. Copies it instead if the file system cannot or may
/// not link it, or if another user owns it and so may have it open. Never replaces `to`. Returns
/// whether the current user owns the file.
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

/// Copies like [`copy_new`], preserving the holes of a sparse file.
pub(crate) fn copy_sparse(from: &Place, to: &Place) -> io::Result<()> {
    let mut source = from.open(Access::Read)?;
    write_copy(to, |target| copy_all(&mut source, target))
}

/// Fills a new file.
pub(crate) fn write_copy(to: &Place, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut target = to.open(Access::CreateNew)?;
    // An incomplete file must not stay; the first error is the one that matters.
    fill(&mut target).inspect_err(|_| drop(to.remove_file()))
}

/// Makes the empty file `target` share the blocks of `source`. Returns whether that worked.
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

/// Whether `path` is a dangling symbolic link. (A link whose target has just been created is not.)
pub(crate) fn is_dangling_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) && !path.exists()
}

/// Whether `path` is a folder, and not a link to one.
pub(crate) fn is_plain_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

#[cfg(test)]
mod tests;
