//! What a failure means to its caller.

use std::time::Duration;

use url_parse::ErrorKind;

use crate::error::Error;

impl Error {
    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Net(error) => error.kind(),
            Self::Disk(error) => error.kind(),
            Self::ObjectRefused { code, .. } if net::is_transient_status(*code) => ErrorKind::Network,
            Self::UnusableToken { .. } | Self::GitSetup { .. } => ErrorKind::InvalidInput,
            Self::MissingOrPrivate { .. }
            | Self::Gated { .. }
            | Self::Disabled { .. }
            | Self::BadToken { .. }
            | Self::RevisionNotFound { .. }
            | Self::NoShortCommits { .. }
            | Self::UnusableAnswer { .. }
            | Self::ObjectRefused { .. }
            | Self::UnusableObject { .. }
            | Self::EmptyRepository { .. }
            | Self::FileNotFound { .. }
            | Self::UnexpectedStatus { .. }
            | Self::NotAHub { .. }
            | Self::DumbGit { .. }
            | Self::NoMetadata { .. }
            | Self::GitRefused { .. }
            | Self::ObjectFormat { .. }
            | Self::OwnSource { is_transient: false, .. }
            | Self::TooMuchMetadata { .. } => ErrorKind::Refused,
            Self::UnsafePath { .. }
            | Self::BrokenCommit { .. }
            | Self::BrokenPack { .. }
            | Self::UnusablePath { .. }
            | Self::NotAPlainFile { .. }
            | Self::WrongContent { .. }
            | Self::UnusablePointer { .. } => ErrorKind::Integrity,
            Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::OwnSource { is_transient: true, .. }
            | Self::Git { .. } => ErrorKind::Network,
            Self::Scratch { .. } => ErrorKind::Disk,
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Network
    }

    /// Whether this shows that the endpoint does not serve git, or the API.
    pub(crate) fn is_not_served(&self) -> bool {
        match self {
            Self::UnexpectedStatus { status, .. } => matches!(status, 400..=499 | 501),
            Self::NotAHub { .. } | Self::DumbGit { .. } => true,
            Self::Net(error) => {
                matches!(error, net::Error::BadRedirect { .. } | net::Error::TooManyRedirects { .. })
            }
            _ => false,
        }
    }

    /// Whether this response to `/resolve/` may come from a server without it, such as a git host that
    /// is not a model hub. A hub's refusal of access is not such a response.
    pub fn may_lack_resolve(&self) -> bool {
        matches!(
            self,
            Self::FileNotFound { .. }
                | Self::MissingOrPrivate { .. }
                | Self::UnexpectedStatus { .. }
                | Self::NotAHub { .. }
        )
    }

    /// Whether bytes arrived, but far too slowly over a whole window of the [`Floor`](net::Floor).
    pub fn is_too_slow(&self) -> bool {
        matches!(self, Self::Net(net::Error::TooSlow { .. }))
    }

    /// How long the hub asked the client to wait.
    pub fn server_wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } | Self::Unavailable { wait, .. } => *wait,
            _ => None,
        }
    }
}
