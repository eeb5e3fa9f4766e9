//! Metadata of a file or folder, and how to open one.

use std::io;
use std::time::SystemTime;

/// How a nested folder is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// With one system call, if the kernel has it and no sandbox refuses it; otherwise step by step.
    AtOnce,
    /// Component by component.
    #[cfg_attr(all(unix, not(test)), expect(dead_code, reason = "tests choose what else an old kernel does"))]
    Stepwise,
}

/// Metadata of a name; for a link, of the link itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) kind: FoundKind,
    pub(crate) len: u64,
    /// The space on disk in bytes.
    pub(crate) disk_bytes: u64,
    pub(crate) modified: Option<SystemTime>,
    /// Device and inode, if available: distinguishes two names of one file from two files.
    pub(crate) identity: Option<(u64, u64)>,
    /// Whether the group may write to it.
    pub(crate) is_groups: bool,
    /// `None` on systems where files have no owner.
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

    /// Whether the current user owns it.
    pub(crate) fn is_own(&self) -> bool {
        self.owner.is_none_or(|owner| owner == effective_user())
    }

    /// Whether root or the current user owns it.
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_own() || self.owner == Some(0)
    }
}

/// How a file is opened. Anything but a plain file is an error, and opening never blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// Reading and writing.
    Write,
    /// Like `Write`, creating the file if it does not exist.
    Create,
    /// Like `Write`, but the file must not exist yet.
    CreateNew,
}

#[cfg(unix)]
fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
const fn effective_user() -> u32 {
    0
}

pub(super) fn not_plain() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a plain file")
}
