//! Small things done with files and folders. What stays on disk gets the modes that the umask gives, never
//! the private ones of temporary files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Action, Attempt as _, Error, is_absence};

/// The names of temporary files begin with this, which no other name does.
const TEMPORARY: &str = "+tmp-";

/// How much is copied at once where holes are kept.
const BLOCK: usize = 64 << 10;

/// Creates `dir` and what is missing above it, for the cache in `home`.
pub(crate) fn ensure_dir(dir: &Path, home: &Path) -> Result<(), Error> {
    create_dirs(dir, &|dir| fs::create_dir(dir), &mut Vec::new())
        .map_err(|(path, source)| cannot_create(path, home, source))
}

/// Creates `dir` and what is missing above it with `mkdir`, and notes what it created, from the top down,
/// also when it fails. The error comes with the folder that could not be created.
pub(crate) fn create_dirs(
    dir: &Path,
    mkdir: &dyn Fn(&Path) -> io::Result<()>,
    created: &mut Vec<PathBuf>,
) -> Result<(), (PathBuf, io::Error)> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.is_dir()).collect();
    for dir in missing.into_iter().rev() {
        match mkdir_if_missing(dir, mkdir) {
            Ok(true) => created.push(dir.to_path_buf()),
            Ok(false) => {}
            Err(e) => return Err((dir.to_path_buf(), e)),
        }
    }
    Ok(())
}

/// How often a folder that is being created may vanish again, before that is an error: a file system that says so
/// for ever is not to be waited for.
const MOST_VANISHINGS: usize = 100;

/// Whether this process created it.
fn mkdir_if_missing(dir: &Path, mkdir: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<bool> {
    let mut vanished = 0;
    loop {
        match mkdir(dir) {
            Ok(()) => return Ok(true),
            // Another process was faster.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => return Ok(false),
            // And has removed it again.
            Err(e)
                if e.kind() == io::ErrorKind::AlreadyExists
                    && is_nothing(dir)
                    && vanished < MOST_VANISHINGS =>
            {
                vanished += 1;
            }
            Err(e) => return Err(e),
        }
    }
}

/// The error for a folder that could not be created: what is in its way, or why.
pub(crate) fn cannot_create(path: PathBuf, home: &Path, source: io::Error) -> Error {
    let home = home.to_path_buf();
    match fs::metadata(&path) {
        Ok(found) if !found.is_dir() => Error::NotADirectory { path, home },
        Err(_) if is_dangling_link(&path) => Error::DanglingLink { path },
        _ => Error::CreateFolder { path, home, source },
    }
}

/// What is in a folder, sorted by name.
pub(crate) fn children(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let listed: io::Result<Vec<PathBuf>> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect();
    let mut children = listed?;
    children.sort();
    Ok(children)
}

/// What is in a folder, sorted by name; nothing when there is no such folder.
pub(crate) fn children_if_any(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    match children(dir) {
        Err(e) if is_absence(&e) => Ok(Vec::new()),
        listed => listed.attempt(Action::Read, dir),
    }
}

/// Replaces `path` by a file of these bytes; what a reader opens is the old file or the new one. Syncs
/// nothing.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut file = temporary_in(parent).attempt(Action::Create, path)?;
    file.write_all(bytes).attempt(Action::Write, path)?;
    file.persist(path).map_err(|e| e.error).attempt(Action::Write, path)?;
    Ok(())
}

/// A file that is removed when dropped, and has a lasting file's mode.
pub(crate) fn temporary_in(dir: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(dir)
}

/// Whether a file's name is one that [`temporary_in`] gives.
pub(crate) fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes()))
}

/// Gives the file `from` the second name `to`, or copies it where the file system has no such names or
/// does not allow one. Never replaces `to`.
pub(crate) fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(e) if !matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {
            copy_new(from, to)
        }
        result => result,
    }
}

/// The same for what goes into `tree`. A file of another user's, who may hold it open, is always copied; answers
/// whether it is not one. Whose the tree is tells who the user is: some file systems report other owners.
pub(crate) fn link_own_or_copy(from: &Path, to: &Path, tree: &Path) -> io::Result<bool> {
    link_or_copy(from, to)?;
    let user = owner(tree);
    // Of what was linked: the old name may mean another file by now. A copy is the user's own.
    if owner(to) == user {
        return Ok(owner(from) == user);
    }
    fs::remove_file(to)?;
    copy_new(from, to).map(|()| false)
}

/// Puts a copy in the place of a private file that is another user's, who may hold it open.
pub(crate) fn make_own(path: &Path, tree: &Path) -> io::Result<()> {
    if owner(path) == owner(tree) {
        return Ok(());
    }
    let mut theirs = path.as_os_str().to_owned();
    theirs.push(".theirs");
    fs::rename(path, &theirs)?;
    copy_sparse(theirs.as_ref(), path)?;
    fs::remove_file(&theirs)
}

#[cfg(unix)]
fn owner(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).ok().map(|found| std::os::unix::fs::MetadataExt::uid(&found))
}

#[cfg(not(unix))]
fn owner(_: &Path) -> Option<u32> {
    None
}

/// Copies a file, or a link as a link, to `to`, which must not exist.
pub(crate) fn copy_as_it_is(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if fs::symlink_metadata(from)?.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    copy_new(from, to)
}

/// Copies the file `from`, which must not be a link, to `to`, which must not exist.
fn copy_new(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = open_no_follow(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
    io::copy(&mut source, &mut target).map(drop).inspect_err(|_| {
        // Half a file must not stay; the error that matters is the first one.
        let _ = fs::remove_file(to);
    })
}

/// Copies like [`copy_new`], without filling the holes of a file that was written here and there.
pub(crate) fn copy_sparse(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = open_no_follow(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
    // Half a file must not stay; the error that matters is the first one.
    copy_all(&mut source, &mut target).inspect_err(|_| drop(fs::remove_file(to)))
}

fn copy_all(source: &mut File, target: &mut File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(&*target, &*source).is_ok() {
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

fn open_no_follow(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    options.open(path)
}

/// Whether nothing is at a path, not even a link.
fn is_nothing(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|e| is_absence(&e))
}

/// Whether `path` is a symbolic link to nothing. (Something that came into being a moment ago is not.)
pub(crate) fn is_dangling_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) && !path.exists()
}

/// Whether `path` is a file and no link to one.
pub(crate) fn is_plain_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Whether `path` is a folder and no link to one.
pub(crate) fn is_plain_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Device and number, where files have such a thing: what tells two names of one file from two files.
#[cfg(unix)]
pub(crate) fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
pub(crate) fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

/// Removes a file. That it is not there is fine.
pub(crate) fn remove_if_any(path: &Path) -> Result<(), Error> {
    absence_is_fine(fs::remove_file(path)).attempt(Action::Remove, path)
}

/// Removes a folder and what is in it. That it is not there is fine.
pub(crate) fn remove_all(dir: &Path) -> Result<(), Error> {
    absence_is_fine(fs::remove_dir_all(dir)).attempt(Action::Remove, dir)
}

/// Removes a folder and what is in it. That it is not there is fine; anything else is logged.
pub(crate) fn remove_tree(dir: &Path) {
    if let Err(error) = absence_is_fine(fs::remove_dir_all(dir)) {
        tracing::warn!(dir = %url_parse::shown(dir), %error, "cannot remove a private folder of the cache");
    }
}

/// The outcome of a removal that need not find anything.
pub(crate) fn absence_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if is_absence(&e) => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests;
