//! A folder by its handle. What is done in it is done to what the handle means, whatever becomes of the
//! folder's path meanwhile, and no symbolic link is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

#[cfg(not(unix))]
#[path = "dir/checked.rs"]
mod system;
#[cfg(unix)]
#[path = "dir/handle.rs"]
mod system;

pub(crate) use system::{Dir, is_link_refusal, look_at_file, open_plain};

/// Folders nested deeper than this are not deleted: nothing of ours is, and each takes a handle.
const MAX_DEPTH: usize = 128;

/// How a folder beneath another one is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// In one system call, where the kernel has it and no sandbox refuses it; else stepwise.
    AtOnce,
    /// Component by component.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests choose what else an old kernel does"))]
    Stepwise,
}

/// What stands under a name. Of a link, the link itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) kind: FoundKind,
    pub(crate) len: u64,
    /// How many bytes of disk it takes up.
    pub(crate) disk_bytes: u64,
    pub(crate) modified: Option<SystemTime>,
    /// Device and number, where files have such a thing: what tells two names of one file from two files.
    pub(crate) identity: Option<(u64, u64)>,
    /// Whether the group may write it.
    pub(crate) is_groups: bool,
    /// Nothing where files have no owners.
    pub(crate) owner: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundKind {
    File,
    Folder,
    Link,
    Other,
}

impl Found {
    pub(crate) fn is_file(&self) -> bool {
        self.kind == FoundKind::File
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.kind == FoundKind::Folder
    }

    pub(crate) fn is_link(&self) -> bool {
        self.kind == FoundKind::Link
    }

    /// Whether it belongs to the user who runs this.
    pub(crate) fn is_own(&self) -> bool {
        self.owner.is_none_or(|owner| owner == system::effective_user())
    }

    /// Whether root or the user who runs this made it.
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_own() || self.owner == Some(0)
    }
}

/// What a file is opened for. It is a plain file, or that is an error; opening never waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// Reading and writing.
    Write,
    /// The same, and it is created if it is not there.
    Create,
    /// The same, and it must not be there.
    CreateNew,
}

impl Dir {
    /// Removes what is under a name, and if it is a folder everything in it. Of a link, the link.
    pub(crate) fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        self.remove_nested(name, MAX_DEPTH)
    }

    fn remove_nested(&self, name: &OsStr, depth: usize) -> io::Result<()> {
        if !self.look(name)?.is_folder() {
            return self.remove_file(name);
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
        self.remove_dir(name)
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

fn not_plain() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a plain file")
}

#[cfg(all(test, unix))]
mod tests;
