//! A folder by its handle. What is done in it is done to what the handle means, whatever becomes of the
//! folder's path meanwhile, and no symbolic link is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(not(unix))]
mod checked;
mod found;
#[cfg(unix)]
mod handle;
mod patience;

#[cfg(not(unix))]
pub(crate) use checked::{Dir, is_link_refusal, look_at_file, open_plain};
pub(crate) use found::{Access, Found, FoundKind, How};
#[cfg(unix)]
pub(crate) use handle::{Dir, is_link_refusal, look_at_file, open_plain};
use patience::patiently;

/// Folders nested deeper than this are not deleted: nothing of ours is, and each takes a handle.
const MAX_DEPTH: usize = 128;

impl Dir {
    /// Removes what is under a name, and if it is a folder everything in it. Of a link, the link.
    pub(crate) fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        self.remove_nested(name, MAX_DEPTH)
    }

    fn remove_nested(&self, name: &OsStr, depth: usize) -> io::Result<()> {
        if !self.look(name)?.is_folder() {
            return self.remove_file(name);
        }
        // An empty one goes also if only its owner may look into it.
        if self.remove_dir(name).is_ok() {
            return Ok(());
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "folders are nested too deeply"));
        };
        let folder = self.below(Path::new(name))?;
        for child in folder.names()? {
            match folder.remove_nested(&child, depth) {
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
        patiently(|| self.remove_dir(name))
    }

    /// Creates an empty file under a name that nothing else has.
    pub(crate) fn create_unique(&self, prefix: &str) -> io::Result<(OsString, File)> {
        with_unique_name(prefix, "", |name| self.open(name, Access::CreateNew))
    }
}

/// How often another name is tried where one is taken.
const ATTEMPTS: u32 = 64;

/// Calls `create` with names that nothing else has, until one is not taken.
pub(crate) fn with_unique_name<T>(
    prefix: &str,
    suffix: &str,
    create: impl Fn(&OsStr) -> io::Result<T>,
) -> io::Result<(OsString, T)> {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let mut outcome = Err(io::ErrorKind::AlreadyExists.into());
    for _ in 0..ATTEMPTS {
        let random = RandomState::new().build_hasher().finish();
        let name = OsString::from(format!("{prefix}{random:016x}{suffix}"));
        match create(&name) {
            Ok(created) => return Ok((name, created)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => outcome = Err(error),
            Err(error) => return Err(error),
        }
    }
    outcome
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
