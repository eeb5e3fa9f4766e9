//! A folder by its handle. Operations apply to the folder that the handle refers to, whatever happens
//! to its path meanwhile, and follow no symbolic links.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(not(unix))]
mod checked;
mod found;
#[cfg(unix)]
mod handle;

#[cfg(not(unix))]
pub(crate) use checked::{Dir, is_link_refusal, look_at_file, open_plain};
pub(crate) use found::{Access, Found, FoundKind, How};
#[cfg(unix)]
pub(crate) use handle::{Dir, is_link_refusal, look_at_file, open_plain};
use url_parse::patiently;

/// Deeper folders are not deleted: this program creates none, and each level takes a handle.
const MAX_DEPTH: usize = 128;

impl Dir {
    /// Removes a file, a link (not its target), or a folder with everything in it.
    pub(crate) fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        self.remove_nested(name, MAX_DEPTH)
    }

    fn remove_nested(&self, name: &OsStr, depth: usize) -> io::Result<()> {
        if !self.look(name)?.is_folder() {
            return self.remove_file(name);
        }
        // This removes an empty folder even if the caller may not list it.
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

    /// Creates an empty file with a unique name.
    pub(crate) fn create_unique(&self, prefix: &str) -> io::Result<(OsString, File)> {
        with_unique_name(prefix, "", |name| self.open(name, Access::CreateNew))
    }
}

/// How many names are tried if one is taken.
const ATTEMPTS: u32 = 64;

/// Calls `create` with random names until one is not taken.
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
