//! Everything that can go wrong with a store.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;
use net::{ForeignError, SafeUrl, ServerWords, is_transient_status};
use url_parse::{DiskError, ErrorKind, Excerpt, shown, size};

use crate::blob_id::{BlobId, ParseBlobIdError};
use crate::key::FORMAT;

/// Why a store could not be used.
///
/// Messages name the requested address, without user, password and query; the cause appears in
/// [`source`](std::error::Error::source) only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not the address of a store.
    #[error("`{input}` is not the address of a store: {problem}")]
    #[non_exhaustive]
    Address {
        /// What was given.
        input: Excerpt,
        /// The reason.
        problem: String,
    },
    /// Not the name of a content.
    #[error(transparent)]
    BlobId(#[from] ParseBlobIdError),
    /// The address needs a feature that this program was built without: buckets of a cloud, or WebDAV
    /// listings.
    #[error("{url} cannot be used like this: this program was built without support for it")]
    #[non_exhaustive]
    NotBuiltIn {
        /// The store.
        url: SafeUrl,
    },
    /// The settings for a bucket do not fit together.
    #[error("{url} cannot be used with the settings in {variables}")]
    #[non_exhaustive]
    Settings {
        /// The store.
        url: SafeUrl,
        /// The variables that are set for such buckets, and those that usually are.
        variables: String,
        /// The reason.
        source: ForeignError,
    },
    /// There are no credentials: no variable provides them, and the machine has no identity.
    #[error(
        "{url} cannot be used without credentials: this machine has no identity, and {variables} are not set"
    )]
    #[non_exhaustive]
    NoCredentials {
        /// The store.
        url: SafeUrl,
        /// The variables that could be set.
        variables: &'static str,
        /// The result of asking for the machine's identity.
        source: ForeignError,
    },
    /// There was no usable response, or the operation was cancelled.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// A local file, or a file of a store in a folder, could not be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The folder of a store does not exist. It is not created, since its disk may just not be mounted.
    #[error("the store's folder {} is missing", shown(path))]
    #[non_exhaustive]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The store, or a service that issues credentials for it, refused or has a temporary failure.
    #[error("cannot {action} {url}: status {status}{says}")]
    #[non_exhaustive]
    Refused {
        /// The action attempted.
        action: &'static str,
        /// The request that was refused.
        url: SafeUrl,
        /// The status.
        status: u16,
        /// The server's explanation.
        says: ServerWords,
        /// How long the server asks the client to wait.
        wait: Option<Duration>,
    },
    /// This machine's clock is so wrong that signed requests are refused.
    #[error(
        "cannot {action} {url}: it is {} by the clock of this machine and {} by the store's",
        fmt_http_date(*ours),
        fmt_http_date(*theirs)
    )]
    #[non_exhaustive]
    WrongClock {
        /// The action attempted.
        action: &'static str,
        /// The URL.
        url: SafeUrl,
        /// The time on this machine.
        ours: SystemTime,
        /// The time at the store.
        theirs: SystemTime,
    },
    /// A bucket's response that the library does not understand.
    #[error("cannot {action} {url}")]
    #[non_exhaustive]
    Bucket {
        /// The action attempted.
        action: &'static str,
        /// The URL.
        url: SafeUrl,
        /// The library's error.
        source: ForeignError,
    },
    /// The store has a later format.
    #[error("{url} has format {format}, but this program reads format {FORMAT}")]
    #[non_exhaustive]
    LaterFormat {
        /// The file that says so.
        url: SafeUrl,
        /// The format's number.
        format: u64,
    },
    /// A file in the store does not have the right content.
    #[error("{url} is corrupt: {problem}")]
    #[non_exhaustive]
    Corrupt {
        /// The file.
        url: SafeUrl,
        /// The reason.
        problem: &'static str,
    },
    /// A file in the store is longer than any valid one.
    #[error("{url} has more than {}", size(*limit))]
    #[non_exhaustive]
    TooLarge {
        /// The file.
        url: SafeUrl,
        /// The limit in bytes.
        limit: u64,
    },
    /// The store cannot be listed.
    #[error("{url} cannot be listed: its server does not answer as WebDAV (status {status})")]
    #[non_exhaustive]
    NotListable {
        /// The store.
        url: SafeUrl,
        /// The status of its response.
        status: u16,
    },
    /// The store has too many files to be listed.
    #[error("{url} has more than {limit} names, which are not listed")]
    #[non_exhaustive]
    TooMany {
        /// The store.
        url: SafeUrl,
        /// The limit.
        limit: usize,
    },
    /// A file to be written to the store does not have the expected content.
    #[error("{} does not have the expected SHA-256; it was not put into the store", shown(path))]
    #[non_exhaustive]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// The expected blob.
        id: BlobId,
    },
    /// Another writer interfered: a ref changed each time, or the file to be renamed is gone.
    #[error("{url} is being written by others")]
    #[non_exhaustive]
    Contended {
        /// The file being written.
        url: SafeUrl,
    },
}

impl Error {
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn wrong_clock(action: &'static str, url: &SafeUrl, theirs: SystemTime) -> Self {
        Self::WrongClock { action, url: url.clone(), ours: SystemTime::now(), theirs }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. }
            | Self::BlobId(_)
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

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Network
    }

    /// How long a server asked the client to wait.
    pub fn server_wait(&self) -> Option<Duration> {
        match self {
            Self::Refused { wait, .. } => *wait,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_kind() {
        let refused = |status| Error::Refused {
            action: "read",
            url: SafeUrl::of(&"s3://bucket/x".parse().unwrap()),
            status,
            says: ServerWords::none(),
            wait: None,
        };
        for (status, kind) in
            [(401, ErrorKind::Refused), (429, ErrorKind::Network), (503, ErrorKind::Network)]
        {
            let error = refused(status);
            assert_eq!((error.kind(), error.is_transient()), (kind, kind == ErrorKind::Network), "{status}");
            assert_eq!(error.to_string(), format!("cannot read s3://bucket/x: status {status}"));
        }
    }
}
