//! Everything that can go wrong on disk.

use std::io;
use std::path::{Path, PathBuf};

use url_parse::{ErrorKind, shown};

use crate::holder::Holder;
use crate::owner::naming_owner;

/// An error of this crate: what was attempted, and on which path. The cause appears in
/// [`source`](std::error::Error::source) only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A policy that is not one of the four. The message leaves the value to those who know where it is from.
    #[error("not a cache policy: expected ON, OFF, REDO or READONLY")]
    #[non_exhaustive]
    UnknownPolicy {
        /// The value.
        value: String,
    },
    /// A configured folder cannot be made absolute, for instance because the path is empty.
    #[error("{path:?} cannot be used as a cache folder")]
    #[non_exhaustive]
    UnusableFolder {
        /// The folder as configured.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Something other than a directory is where the cache needs one.
    #[error("{} is not a directory, so no model can be cached in {}", shown(path), shown(home))]
    #[non_exhaustive]
    NotADirectory {
        /// The path in the way.
        path: PathBuf,
        /// The cache's home.
        home: PathBuf,
    },
    /// A dangling link is where the cache needs a folder.
    #[error("{} is a symbolic link to nothing", shown(path))]
    #[non_exhaustive]
    DanglingLink {
        /// The link.
        path: PathBuf,
    },
    /// A symbolic link is in the cache's private folder. It is never followed.
    #[error(
        "{} is a symbolic link in the private folder of the cache, which must not contain any",
        shown(path)
    )]
    #[non_exhaustive]
    PrivateLink {
        /// The link.
        path: PathBuf,
    },
    /// A symbolic link on the way to the model, made by neither root nor the current user.
    #[error("{} is a symbolic link of another user and is not followed", shown(path))]
    #[non_exhaustive]
    ForeignLink {
        /// The link.
        path: PathBuf,
    },
    /// Something other than a file is where the cache keeps one of its own.
    #[error("{} is not a plain file, but the cache needs one there", shown(path))]
    #[non_exhaustive]
    NotAFile {
        /// The path in the way.
        path: PathBuf,
    },
    /// The private folder was moved or replaced since the work began.
    #[error("{} was moved away, or replaced by something else, while it was in use", shown(path))]
    #[non_exhaustive]
    Replaced {
        /// The folder.
        path: PathBuf,
    },
    /// A folder of the cache could not be created.
    #[error("cannot create {}, which the cache in {} needs", shown(path), shown(home))]
    #[non_exhaustive]
    CreateFolder {
        /// The first folder that could not be created.
        path: PathBuf,
        /// The cache's home.
        home: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A symbolic link is in the model's place. It belongs to the user and is never replaced.
    #[error("{} is a symbolic link and is not replaced", shown(path))]
    #[non_exhaustive]
    EntryIsLink {
        /// The link.
        path: PathBuf,
    },
    /// The place for a tree is already taken. It is not changed.
    #[error("{} already exists, and {} overwritten", shown(path), if *is_folder { "nothing in it is" } else { "it is not" })]
    #[non_exhaustive]
    Occupied {
        /// The place.
        path: PathBuf,
        /// Whether it is a folder that is not empty.
        is_folder: bool,
    },
    /// A tree was to be put into a folder of the cache's models.
    #[error("{} is inside the cache, in {}", shown(path), shown(tier))]
    InsideCache {
        /// The place for the tree.
        path: PathBuf,
        /// The tier's folder.
        tier: PathBuf,
    },
    /// A tree cannot be put at this place outside the cache.
    #[error("cannot put a model at {}", shown(path))]
    #[non_exhaustive]
    UnusableTarget {
        /// The place.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The tree was to share files with the cache, but is on another file system.
    #[error("{} cannot be linked to the cache: hard links cannot cross file systems", shown(path))]
    #[non_exhaustive]
    OtherFileSystem {
        /// The place for the tree.
        path: PathBuf,
    },
    /// The model is being downloaded.
    #[error("{} cannot be removed while it is being downloaded{}", shown(path), by(holder.as_ref()))]
    #[non_exhaustive]
    InUse {
        /// The model's directory.
        path: PathBuf,
        /// The process that downloads it, if known.
        holder: Option<Holder>,
    },
    /// Something other than a directory or a link is in the model's place.
    #[error("{} is not a directory and is not replaced", shown(path))]
    #[non_exhaustive]
    EntryIsNotADirectory {
        /// The place.
        path: PathBuf,
    },
    /// A file to be carried over is a link, a folder or a special file, or is reached through a link.
    #[error("{} is not a plain file of the entry {}", shown(path), shown(entry))]
    #[non_exhaustive]
    NotAPlainFile {
        /// The file.
        path: PathBuf,
        /// The entry that it should belong to.
        entry: PathBuf,
    },
    /// The file system does not allow the entry to be moved, so it cannot be replaced atomically.
    #[error(
        "{} cannot be replaced as a whole: its file system does not let it be moved, \
         as in a lower layer of a container's image",
        shown(path)
    )]
    #[non_exhaustive]
    EntryIsFixed {
        /// The entry.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A rename or exchange failed.
    #[error("cannot move {} to {}", shown(from), shown(to))]
    #[non_exhaustive]
    Move {
        /// The old path.
        from: PathBuf,
        /// The new path.
        to: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file could neither be linked nor copied.
    #[error("cannot link or copy {} to {}", shown(from), shown(to))]
    #[non_exhaustive]
    LinkOrCopy {
        /// The file.
        from: PathBuf,
        /// Its second name.
        to: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Any other failed operation on a path.
    #[error("cannot {action} {}", shown(path))]
    #[non_exhaustive]
    Io {
        /// The operation.
        action: Action,
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// The operation of an [`Error::Io`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Getting metadata.
    LookAt,
    /// Creating a file or folder.
    Create,
    /// Taking a lock.
    Lock,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Removing.
    Remove,
    /// Making data durable.
    Sync,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LookAt => "look at",
            Self::Create => "create",
            Self::Lock => "lock",
            Self::Read => "read",
            Self::Write => "write",
            Self::Remove => "remove",
            Self::Sync => "sync to disk",
        })
    }
}

impl Error {
    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownPolicy { .. }
            | Self::UnusableFolder { .. }
            | Self::Occupied { .. }
            | Self::InsideCache { .. } => ErrorKind::InvalidInput,
            Self::InUse { .. } => ErrorKind::InUse,
            Self::NotADirectory { .. }
            | Self::EntryIsNotADirectory { .. }
            | Self::DanglingLink { .. }
            | Self::PrivateLink { .. }
            | Self::ForeignLink { .. }
            | Self::NotAFile { .. }
            | Self::Replaced { .. }
            | Self::EntryIsLink { .. }
            | Self::OtherFileSystem { .. }
            | Self::NotAPlainFile { .. } => ErrorKind::Disk,
            Self::CreateFolder { source, .. }
            | Self::EntryIsFixed { source, .. }
            | Self::UnusableTarget { source, .. }
            | Self::Move { source, .. }
            | Self::LinkOrCopy { source, .. }
            | Self::Io { source, .. } => ErrorKind::of_disk(source),
        }
    }

    /// Whether the operation failed because its target does not exist.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Self::CreateFolder { source, .. } | Self::Io { source, .. } => is_absence(source),
            _ => false,
        }
    }

    /// The error for a folder at `path`, or a file in it, that cannot be created in the cache `home`.
    pub(crate) fn creating(path: &Path, home: &Path, source: io::Error) -> Self {
        let (source, path, home) = (naming_owner(source, path), path.to_path_buf(), home.to_path_buf());
        Self::CreateFolder { path, home, source }
    }

    pub(crate) fn moving(from: &Path, to: &Path, source: io::Error) -> Self {
        Self::of(source, |source| Self::Move { from: from.to_path_buf(), to: to.to_path_buf(), source })
    }

    pub(crate) fn linking(from: &Path, to: &Path, source: io::Error) -> Self {
        Self::of(source, |source| Self::LinkOrCopy { from: from.to_path_buf(), to: to.to_path_buf(), source })
    }

    /// Wraps this error for functions that return the system's errors.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// Unwraps an error of this crate, or converts another one with `otherwise`.
    pub(crate) fn of(error: io::Error, otherwise: impl FnOnce(io::Error) -> Self) -> Self {
        error.downcast().unwrap_or_else(otherwise)
    }
}

/// Formats `, by process 4711 on build-7, for 3 min 12 s`.
fn by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(", by {holder}")).unwrap_or_default()
}

/// Whether a path does not exist, or cannot exist.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Adds the path and the operation to an I/O error, which has neither.
pub(crate) trait Attempt<T> {
    fn attempt(self, action: Action, path: &Path) -> Result<T, Error>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, action: Action, path: &Path) -> Result<T, Error> {
        self.map_err(|source| {
            let path = path.to_path_buf();
            Error::of(source, |source| Error::Io { action, source: naming_owner(source, &path), path })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cause: io::ErrorKind, expected: ErrorKind) {
        let path = Path::new("/cache");
        let io = || io::Error::from(cause);
        assert_eq!(Err::<(), _>(io()).attempt(Action::Write, path).unwrap_err().kind(), expected);
        assert_eq!(Error::moving(path, path, io()).kind(), expected);
        let create = Error::CreateFolder { path: path.into(), home: path.into(), source: io() };
        assert_eq!(create.kind(), expected);
    }

    #[test]
    fn the_cause_decides_the_kind() {
        check(io::ErrorKind::StorageFull, ErrorKind::NoSpace);
        check(io::ErrorKind::QuotaExceeded, ErrorKind::NoSpace);
        check(io::ErrorKind::PermissionDenied, ErrorKind::Disk);
        check(io::ErrorKind::ReadOnlyFilesystem, ErrorKind::Disk);
        check(io::ErrorKind::NotADirectory, ErrorKind::Disk);
        check(io::ErrorKind::CrossesDevices, ErrorKind::Disk);
        check(io::ErrorKind::TimedOut, ErrorKind::Disk);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_recognized_by_its_error_number() {
        for (number, expected) in [(28, ErrorKind::NoSpace), (122, ErrorKind::NoSpace), (5, ErrorKind::Disk)]
        {
            assert_eq!(ErrorKind::of_disk(&io::Error::from_raw_os_error(number)), expected, "{number}");
        }
    }

    #[test]
    fn a_message_names_verb_and_path_and_not_the_cause() {
        let cause = io::Error::other("the cause");
        let error = Err::<(), _>(cause).attempt(Action::Sync, Path::new("/c/f")).unwrap_err();
        assert_eq!(error.to_string(), "cannot sync to disk /c/f");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the cause");
    }
}
