//! What stands in a folder, and how it is opened.

use std::io;
use std::time::SystemTime;

/// How a folder beneath another one is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// In one system call, where the kernel has it and no sandbox refuses it; else stepwise.
    AtOnce,
    /// Component by component.
    #[cfg_attr(all(unix, not(test)), expect(dead_code, reason = "tests choose what else an old kernel does"))]
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
        self.owner.is_none_or(|owner| owner == effective_user())
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
