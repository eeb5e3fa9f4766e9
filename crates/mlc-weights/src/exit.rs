//! The exit status: one number for each thing that a script may want to tell apart.

use std::io;
use std::process::ExitCode;

use facade::ErrorKind;

/// Why a command ended.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The libraries' error.
    Facade(facade::Error),
    /// The result could not be written to stdout.
    Output(io::Error),
    /// The runtime could not be started.
    Runtime(io::Error),
    /// Ctrl-C, or a request to terminate.
    Interrupted,
}

impl From<facade::Error> for Failure {
    fn from(error: facade::Error) -> Self {
        Self::Facade(error)
    }
}

/// The exit statuses. Their numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Done = 0,
    Other = 1,
    /// Usage, a malformed model URL, an unusable environment value.
    Usage = 2,
    /// Not in the cache, and a download is forbidden.
    NotCached = 3,
    /// The hub refused, or has no such thing.
    Refused = 4,
    /// A digest or size does not match, or the repository holds something unsafe.
    Integrity = 5,
    /// The network, after retries.
    Network = 6,
    /// The local disk.
    Disk = 7,
    Interrupted = 130,
}

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Facade(error) => error.kind().into(),
            Failure::Output(_) | Failure::Runtime(_) => Self::Other,
            Failure::Interrupted => Self::Interrupted,
        }
    }
}

impl From<ErrorKind> for Status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidInput | ErrorKind::NotFound => Self::Usage,
            ErrorKind::NotCached => Self::NotCached,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Integrity => Self::Integrity,
            ErrorKind::Network => Self::Network,
            ErrorKind::Disk => Self::Disk,
            ErrorKind::Cancelled => Self::Interrupted,
            _ => Self::Other,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}
