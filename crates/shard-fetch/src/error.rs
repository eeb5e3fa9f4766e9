//! The error type.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use net::{BoxError, Hop, ServerWords};
use url_parse::{DiskError, ErrorKind, Excerpt, Origin, RepoPath, duration, shown, size};

use crate::{Mismatch, ParseDigestError};

/// Why a manifest cannot be used or files could not be fetched.
///
/// A message says what was attempted; the cause appears in [`source`](std::error::Error::source) only.
/// Hosts are shown by scheme, name and port only, never with a query or headers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operation was cancelled.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// A local file or folder could not be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A host gave no usable response, and asking again does not help.
    #[error("cannot download {file} from {host}")]
    #[non_exhaustive]
    NoAnswer {
        /// The file.
        file: RepoPath,
        /// The host.
        host: Origin,
        /// The cause.
        source: net::Error,
    },
    /// A text is not a digest.
    #[error(transparent)]
    InvalidDigest(#[from] ParseDigestError),
    /// A manifest or chat config exceeds the size limit.
    #[error("{name} is larger than {}: refused", size(*limit))]
    #[non_exhaustive]
    MetadataTooLarge {
        /// The file.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A list in a manifest or chat config has more elements than any real one.
    #[error("{name}{place} has more than {limit} elements: refused")]
    #[non_exhaustive]
    TooManyElements {
        /// The file.
        name: String,
        /// The list.
        place: Place,
        /// The limit.
        limit: usize,
    },
    /// A manifest or chat config is still a git-lfs pointer instead of the file's content.
    #[error("{name} is git-lfs pointer text instead of the file's content")]
    #[non_exhaustive]
    MetadataIsPointer {
        /// The file.
        name: String,
    },
    /// A manifest or chat config is not UTF-8.
    #[error("{name} is not UTF-8 text")]
    #[non_exhaustive]
    MetadataNotUtf8 {
        /// The file.
        name: String,
        /// The invalid position.
        source: std::str::Utf8Error,
    },
    /// A manifest or chat config is not JSON, or is nested too deeply.
    #[error("{name} is not valid JSON{}", quoted(near))]
    #[non_exhaustive]
    MetadataNotJson {
        /// The file.
        name: String,
        /// The text around the position of the error.
        near: Excerpt,
        /// The error, with line and column.
        source: serde_json::Error,
    },
    /// A field in a manifest or chat config is missing, or has the wrong type or value.
    #[error("{name}{place} is {found}, expected {expected}")]
    #[non_exhaustive]
    InvalidField {
        /// The file.
        name: String,
        /// The field.
        place: Place,
        /// Its value.
        found: String,
        /// The expected value.
        expected: &'static str,
    },
    /// A path leads out of the model's folder, or is not valid on every system.
    #[error("{name}{place} must not be used as a path")]
    #[non_exhaustive]
    UnsafePath {
        /// The file that contains the path.
        name: String,
        /// The field.
        place: Place,
        /// The reason.
        source: url_parse::Error,
    },
    /// A shard would overwrite the manifest or the chat config.
    #[error("{name}{place} is `{path}`, the name of a file that describes the model: refused as a shard")]
    #[non_exhaustive]
    ReservedPath {
        /// The manifest.
        name: String,
        /// The field.
        place: Place,
        /// The path.
        path: RepoPath,
    },
    /// Two records of a manifest contradict each other.
    #[error("{name}: records[{first}] and records[{second}] contradict each other about `{path}`")]
    #[non_exhaustive]
    ConflictingRecords {
        /// The manifest.
        name: String,
        /// The index of the first record, from 0.
        first: usize,
        /// The index of the second record, from 0.
        second: usize,
        /// The second record's path.
        path: RepoPath,
    },
    /// A manifest in a form that current runtimes do not open.
    #[error("{name} has a form written before March 2023 ({form}), which MLC-LLM no longer reads")]
    #[non_exhaustive]
    OldManifest {
        /// The manifest.
        name: String,
        /// How the form was recognized.
        form: OldForm,
    },
    /// A manifest without records.
    #[error("{name} lists no shards: its `records` are empty")]
    #[non_exhaustive]
    NoRecords {
        /// The manifest.
        name: String,
    },
    /// The sizes in a manifest add up to more than 2^64.
    #[error("the shards that {name} lists have more than 2^64 bytes in total")]
    #[non_exhaustive]
    ManifestTooLong {
        /// The manifest.
        name: String,
    },
    /// A file on disk does not have the expected content.
    #[error("{} is damaged: {mismatch}", shown(path))]
    #[non_exhaustive]
    FileMismatch {
        /// The file.
        path: PathBuf,
        /// The difference.
        mismatch: Mismatch,
    },
    /// A host sent wrong content, twice in a row.
    #[error("{file}{} failed verification: {mismatch}", from(host.as_ref()))]
    #[non_exhaustive]
    DigestMismatch {
        /// The file.
        file: RepoPath,
        /// The difference.
        mismatch: Mismatch,
        /// The host; `None` for an empty file, which is not requested.
        host: Option<Origin>,
    },
    /// The locator cannot tell where a file is.
    #[error("cannot locate {file}")]
    #[non_exhaustive]
    Locate {
        /// The file.
        file: RepoPath,
        /// The kind of failure, according to the locator.
        kind: ErrorKind,
        /// The locator's error.
        source: BoxError,
    },
    /// The locator returned a URL that cannot be fetched.
    #[error("cannot use the location of {file}: {problem}")]
    #[non_exhaustive]
    UnusableLocation {
        /// The file.
        file: RepoPath,
        /// The reason.
        problem: &'static str,
    },
    /// A host refuses to send a file.
    #[error("{host} refuses to send {file} (status {status}){words}")]
    #[non_exhaustive]
    Refused {
        /// The file.
        file: RepoPath,
        /// The host.
        host: Origin,
        /// The HTTP status.
        status: u16,
        /// The server's explanation.
        words: ServerWords,
    },
    /// A host sent a web page instead of a file, as a network's login page does.
    #[error("{host} sent a web page instead of {file}: perhaps a login page is in the way{words}")]
    #[non_exhaustive]
    WebPage {
        /// The file.
        file: RepoPath,
        /// The host, or the host that the page pretends to be.
        host: Origin,
        /// The text of the page.
        words: ServerWords,
    },
    /// The network, the locator or a host failed too many times.
    #[error("gave up on {file}{} after {attempts} failed attempts in {}", from(host.as_ref()), duration(*elapsed))]
    #[non_exhaustive]
    GaveUp {
        /// The file.
        file: RepoPath,
        /// The last host; `None` if the locator failed.
        host: Option<Origin>,
        /// The role of the server that failed last; `None` if the locator failed.
        hop: Option<Hop>,
        /// The number of failed attempts in all.
        attempts: u32,
        /// The time since the file was started.
        elapsed: Duration,
        /// The last failure.
        source: BoxError,
    },
    /// All connections together receive far too little.
    #[error("gave up: only {} arrived in {}, over all connections together", size(*bytes), duration(*waited))]
    #[non_exhaustive]
    AllTooSlow {
        /// The bytes received…
        bytes: u64,
        /// …in this time.
        waited: Duration,
    },
    /// There is not enough space on the disk.
    #[error("not enough space at {}: {} needed, {} free", shown(path), size(*needed), free_bytes(*free))]
    #[non_exhaustive]
    NoSpace {
        /// The bytes still to be written.
        needed: u64,
        /// The free bytes; `None` if the system does not report them.
        free: Option<u64>,
        /// A path on the disk.
        path: PathBuf,
        /// The system's error, if a write failed.
        source: Option<io::Error>,
    },
    /// Two requests of one call use the same local file.
    #[error("two of the files to fetch would be written to {}", shown(path))]
    #[non_exhaustive]
    SameLocalFile {
        /// The local file.
        path: PathBuf,
    },
    /// The system cannot start a thread for hashing.
    #[error("cannot start a thread to hash files with")]
    #[non_exhaustive]
    Thread {
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// A file of metadata with more than `limit` bytes.
    pub fn metadata_too_large(name: impl Into<String>, limit: u64) -> Self {
        Self::MetadataTooLarge { name: name.into(), limit }
    }

    /// The local path in the message, so that a caller can replace it with one that users know.
    pub fn local_path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Disk(error) => Some(&mut error.path),
            Self::FileMismatch { path, .. } | Self::NoSpace { path, .. } | Self::SameLocalFile { path } => {
                Some(path)
            }
            _ => None,
        }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Net(error) | Self::NoAnswer { source: error, .. } => error.kind(),
            Self::Disk(error) => error.kind(),
            Self::InvalidDigest(_) | Self::SameLocalFile { .. } => ErrorKind::InvalidInput,
            Self::UnsafePath { .. } | Self::FileMismatch { .. } | Self::DigestMismatch { .. } => {
                ErrorKind::Integrity
            }
            Self::MetadataTooLarge { .. }
            | Self::TooManyElements { .. }
            | Self::MetadataIsPointer { .. }
            | Self::MetadataNotUtf8 { .. }
            | Self::MetadataNotJson { .. }
            | Self::InvalidField { .. }
            | Self::ReservedPath { .. }
            | Self::ConflictingRecords { .. }
            | Self::OldManifest { .. }
            | Self::NoRecords { .. }
            | Self::ManifestTooLong { .. }
            | Self::UnusableLocation { .. }
            | Self::Refused { .. }
            | Self::WebPage { .. } => ErrorKind::Refused,
            Self::Locate { kind, .. } => *kind,
            Self::GaveUp { .. } | Self::AllTooSlow { .. } => ErrorKind::Network,
            Self::NoSpace { .. } => ErrorKind::NoSpace,
            Self::Thread { .. } => ErrorKind::Disk,
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Network
    }
}

/// A field in a manifest or chat config; follows the file's name in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    element: Option<(&'static str, usize)>,
    field: Option<&'static str>,
}

impl Place {
    pub(crate) const TOP: Self = Self { element: None, field: None };

    pub(crate) fn field(field: &'static str) -> Self {
        Self { element: None, field: Some(field) }
    }

    pub(crate) fn element(list: &'static str, index: usize) -> Self {
        Self { element: Some((list, index)), field: None }
    }

    pub(crate) fn record(index: usize) -> Self {
        Self::element("records", index)
    }

    pub(crate) fn record_field(index: usize, field: &'static str) -> Self {
        Self { field: Some(field), ..Self::record(index) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.element, self.field) {
            (None, None) => Ok(()),
            (None, Some(field)) => write!(f, ": {field}"),
            (Some((list, index)), None) => write!(f, ": {list}[{index}]"),
            (Some((list, index)), Some(field)) => write!(f, ": {list}[{index}].{field}"),
        }
    }
}

/// How a manifest from before March 2023 was recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OldForm {
    /// The records are a bare list.
    #[error("a bare list of records")]
    BareList,
    /// There is one file per tensor, without a size.
    #[error("records[{index}] has no `nbytes`")]
    #[non_exhaustive]
    RecordWithoutSize {
        /// The index of the record, from 0.
        index: usize,
    },
}

fn quoted(near: &Excerpt) -> String {
    if near.as_str().is_empty() { String::new() } else { format!(" near `{near}`") }
}

fn from(host: Option<&Origin>) -> String {
    host.map(|host| format!(" from {host}")).unwrap_or_default()
}

fn free_bytes(free: Option<u64>) -> String {
    free.map_or_else(|| "too little".to_owned(), size)
}
