//! What the errors of all crates have in common. It is in the lowest crate so that no crate has to
//! translate another's errors.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::printable::shown;

/// The kind of an error: what a caller can do about it. Every crate's `Error::kind` returns this type.
///
/// Deliberately exhaustive: when a kind is added, the compiler points out every program that treats
/// kinds differently.
///
/// The exceptions of the Python original correspond to it: `InvalidInput` and `Integrity` are its
/// `ValueError`, `NotCached` its `RuntimeError`, `NotFound` its `FileNotFoundError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A malformed name, argument, setting or environment variable.
    InvalidInput,
    /// Not in the cache, and a download is forbidden.
    NotCached,
    /// A local path given as a model holds none.
    NotFound,
    /// A server has no such thing, or will not give it, or it is not an MLC model.
    Refused,
    /// A digest or size does not match, or a repository contains something unsafe.
    Integrity,
    /// A network failure or a temporary failure of a server. The same call may succeed a little later.
    Network,
    /// The local disk: permissions, a path in the way, a failing device.
    Disk,
    /// The local disk, or the user's share of it, is full.
    NoSpace,
    /// Another process or task is working on the model.
    InUse,
    /// The operation was cancelled.
    Cancelled,
    /// Any other failure of the local system.
    Other,
}

impl ErrorKind {
    /// The kind as a word, for programs: `not_cached`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::NotCached => "not_cached",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Integrity => "integrity",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::NoSpace => "no_space",
            Self::InUse => "in_use",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }

    /// The kind of a failed operation on the local disk.
    pub fn of_disk(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Disk,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A local file or folder could not be used. The cause is the error's `source`.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", shown(path))]
#[non_exhaustive]
pub struct DiskError {
    /// The action attempted; the path follows it in the message.
    pub action: &'static str,
    /// The path.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

impl DiskError {
    /// The failure of `action` on `path`.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// [`ErrorKind::NoSpace`] or [`ErrorKind::Disk`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::of_disk(&self.source)
    }
}

/// An error and its causes, the outermost first.
pub fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_kind_is_displayed_as_a_word() {
        assert_eq!(ErrorKind::NoSpace.to_string(), "no_space");
        assert_eq!(format!("{:>6}", ErrorKind::Disk), "  disk");
    }

    #[test]
    fn a_full_disk_is_a_kind_of_its_own() {
        for (cause, expected) in [
            (io::ErrorKind::StorageFull, ErrorKind::NoSpace),
            (io::ErrorKind::QuotaExceeded, ErrorKind::NoSpace),
            (io::ErrorKind::PermissionDenied, ErrorKind::Disk),
            (io::ErrorKind::NotFound, ErrorKind::Disk),
        ] {
            assert_eq!(DiskError::new("write", Path::new("/c/f"), cause.into()).kind(), expected);
        }
    }

    #[test]
    fn the_message_names_verb_and_path_and_not_the_cause() {
        let error = DiskError::new("write to", Path::new("/c/f"), io::Error::other("the cause"));
        assert_eq!(error.to_string(), "cannot write to /c/f");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the cause"));
    }
}
