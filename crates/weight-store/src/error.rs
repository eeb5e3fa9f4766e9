//! Everything that can go wrong with a store.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;
use net::{ForeignError, SafeUrl, ServerWords, is_transient_status};
use url_parse::{DiskError, ErrorKind, Excerpt, shown, size};

use crate::blob_id::BlobId;
use crate::key::FORMAT;

/// Why a store could not be used.
///
/// Messages name the address of what was asked for, without user, password and query; the cause is in
/// [`source`](std::error::Error::source) alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that is none of a store's.
    #[error("`{input}` is not the address of a store: {problem}")]
    Address {
        /// What was given.
        input: Excerpt,
        /// What is wrong with it.
        problem: String,
    },
    /// It takes a feature that this program was built without: a cloud's buckets, or WebDAV lists.
    #[error("{url} cannot be used like this: this program was built without support for it")]
    NotBuiltIn {
        /// The store.
        url: SafeUrl,
    },
    /// The settings for a bucket do not fit together.
    #[error("{url} cannot be used with these settings; check {variables}")]
    Settings {
        /// The store.
        url: SafeUrl,
        /// The variables that are set for such buckets, and those that usually are.
        variables: String,
        /// What is wrong with them.
        source: ForeignError,
    },
    /// Nothing says who asks: no variable does, and the machine has no identity.
    #[error("{url} cannot be used without credentials: set {variables}, or give this machine an identity")]
    NoCredentials {
        /// The store.
        url: SafeUrl,
        /// What can be set.
        variables: &'static str,
        /// What came of asking for the machine's identity.
        source: ForeignError,
    },
    /// No answer came that could be used, or the operation was cancelled.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// A local file, or one of a store in a folder, could not be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The folder of a store is not there. It is not created: the disk that has it may not be mounted.
    #[error("the store's folder {} is missing", shown(path))]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The store, or a service that hands out credentials for it, refuses, or is in trouble.
    #[error("cannot {action} {url}: status {status}{says}")]
    Refused {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request that was refused.
        url: SafeUrl,
        /// The status.
        status: u16,
        /// The server's own words.
        says: ServerWords,
        /// How long the server asks to be left alone.
        wait: Option<Duration>,
    },
    /// The clock of this machine is so wrong that what it signs is refused.
    #[error(
        "cannot {action} {url}: it is {} by the clock of this machine and {} by the store's",
        fmt_http_date(*ours),
        fmt_http_date(*theirs)
    )]
    WrongClock {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// What it was about.
        url: SafeUrl,
        /// The time on this machine.
        ours: SystemTime,
        /// The time at the store.
        theirs: SystemTime,
    },
    /// What a bucket answered makes no sense to the library that speaks with it.
    #[error("cannot {action} {url}")]
    Bucket {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// What it was about.
        url: SafeUrl,
        /// What the library says.
        source: ForeignError,
    },
    /// The store is of a later format.
    #[error("{url} is of format {format}, and this version reads format {FORMAT}: update it")]
    LaterFormat {
        /// What says so.
        url: SafeUrl,
        /// The number.
        format: u64,
    },
    /// What the store has under a name is not what belongs there.
    #[error("{url} is corrupt: {problem}")]
    Corrupt {
        /// What was read.
        url: SafeUrl,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What the store has under a name is longer than any that is right.
    #[error("{url} has more than {}", size(*limit))]
    TooLarge {
        /// What was read.
        url: SafeUrl,
        /// As many bytes are taken.
        limit: u64,
    },
    /// The store cannot say what it has.
    #[error(
        "{url} cannot be listed: its server does not answer as WebDAV (status {status}); name the models"
    )]
    NotListable {
        /// The store.
        url: SafeUrl,
        /// What it answers.
        status: u16,
    },
    /// There is more in the store than can be listed.
    #[error("{url} has more than {limit} names, which are not listed; name the models")]
    TooMany {
        /// The store.
        url: SafeUrl,
        /// So many are listed.
        limit: usize,
    },
    /// A file that was to be put into the store holds other bytes than it was said to.
    #[error("{} is not the content {id}; nothing of it was put into the store", shown(path))]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// The content that it should be.
        id: BlobId,
    },
    /// Somebody else writes the same: a ref was another one each time, or what was about to be renamed is gone.
    #[error("{url} is being written by others; try again")]
    Contended {
        /// What is written.
        url: SafeUrl,
    },
}

impl Error {
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn wrong_clock(action: &'static str, url: &SafeUrl, theirs: SystemTime) -> Self {
        Self::WrongClock { action, url: url.clone(), ours: SystemTime::now(), theirs }
    }

    /// What sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. }
            | Self::NotBuiltIn { .. }
            | Self::Settings { .. }
            | Self::NoCredentials { .. } => ErrorKind::InvalidInput,
            Self::Net(error) => error.kind(),
            Self::Disk(error) => error.kind(),
            Self::NoFolder { .. } => ErrorKind::Disk,
            Self::Refused { status, .. } if is_transient_status(*status) => ErrorKind::Network,
            Self::Contended { .. } => ErrorKind::Network,
            Self::Refused { .. }
            | Self::Bucket { .. }
            | Self::WrongClock { .. }
            | Self::LaterFormat { .. }
            | Self::NotListable { .. }
            | Self::TooMany { .. } => ErrorKind::Refused,
            Self::Corrupt { .. } | Self::TooLarge { .. } | Self::OtherContent { .. } => ErrorKind::Integrity,
        }
    }

    /// Whether the same call may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Network
    }

    /// How long a server asked to be left alone.
    pub fn server_wait(&self) -> Option<Duration> {
        match self {
            Self::Refused { wait, .. } => *wait,
            _ => None,
        }
    }
}
