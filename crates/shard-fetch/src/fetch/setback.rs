//! Why an attempt failed, and hence what to do next.

use std::time::Duration;

use net::{BoxError, Hop, Obstacle, ServerWords};
use url_parse::{Origin, duration, of_size, size};

use crate::{Error, Mismatch};

/// The end of an attempt that did not complete the file.
pub(super) enum Setback {
    /// Another attempt may succeed.
    Passing { cause: Passing, host: Option<Origin>, wait: Option<Duration> },
    /// This version of the location is not valid, or no longer valid; `error` is the result if there is
    /// no better one.
    Refused { status: Option<u16>, error: Error, version: u64 },
    /// The host's content is wrong.
    Mismatch { host: Option<Origin>, mismatch: Mismatch },
    /// No further attempt can help.
    Final(Error),
}

impl Setback {
    pub(super) fn passing(cause: Passing, host: &Origin) -> Self {
        Self::Passing { cause, host: Some(host.clone()), wait: None }
    }

    pub(super) fn refused(status: u16, error: Error) -> Self {
        Self::Refused { status: Some(status), error, version: 0 }
    }

    /// Adds the version of the location used. If another location is known, no failure of a host is
    /// final.
    pub(super) fn of_location(self, version: u64, is_alternative: bool) -> Self {
        match self {
            Self::Refused { status, error, .. } => Self::Refused { status, error, version },
            Self::Final(error) if is_alternative => {
                let status = if let Error::Refused { status, .. } = error { Some(status) } else { None };
                Self::Refused { status, error, version }
            }
            other => other,
        }
    }
}

/// A transient failure.
#[derive(Debug, thiserror::Error)]
pub(super) enum Passing {
    #[error("cannot locate the file")]
    Locate(#[source] BoxError),
    #[error("the request failed")]
    Request { hop: Hop, source: BoxError },
    #[error("the connection broke after {}", of_size(*received, *size))]
    Body { received: u64, size: u64, source: BoxError },
    #[error("the host sent nothing for {}", duration(*.0))]
    Silence(Duration),
    #[error("the host ended its response after {}", of_size(*received, *size))]
    Truncated { received: u64, size: u64 },
    #[error("the host sent only {} of the requested range", size(*bytes))]
    ShortRange { bytes: u64 },
    #[error("the host answered with status {status}{words}")]
    Status { status: u16, words: ServerWords },
    #[error("the host's response cannot be used: {0}")]
    Malformed(&'static str),
}

impl Passing {
    /// The role of the server that failed; `None` if the locator failed.
    pub(super) fn hop(&self) -> Option<Hop> {
        match self {
            Self::Locate(_) => None,
            Self::Request { hop, .. } => Some(*hop),
            _ => Some(Hop::DataHost),
        }
    }

    /// Whether the host may be gone, or not be the right one for this file; not so if it is overloaded
    /// or slow.
    pub(super) fn is_no_overload(&self) -> bool {
        !matches!(self, Self::Status { .. } | Self::Locate(_)) && !self.is_silence()
    }

    /// Whether the host did not react: to a connection attempt, to a request, or in the middle of a
    /// response. A host with too many connections behaves like this.
    pub(super) fn is_silence(&self) -> bool {
        match self {
            Self::Silence(_) => true,
            Self::Request { source, .. } => {
                let error = source.downcast_ref();
                matches!(error, Some(net::Error::Unreachable { obstacle: Obstacle::Silence, .. }))
            }
            _ => false,
        }
    }

    /// Whether a connection broke off in the middle of a response.
    pub(super) fn is_break(&self) -> bool {
        matches!(self, Self::Body { .. } | Self::Truncated { .. })
    }
}
