//! The one error type.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use net::{BoxError, Hop, ServerWords};
use url_parse::{DiskError, ErrorKind, Excerpt, Origin, RepoPath, duration, shown, size};

use crate::{InvalidDigest, Mismatch};

/// Why a manifest cannot be used, or files could not be fetched.
///
/// A message says what was attempted on what; the cause is in [`source`](std::error::Error::source) alone. Of hosts
/// only scheme, name and port are shown, never a query or a header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operation was cancelled.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// A local file or folder could not be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A host gave no answer that could be used, and asking again does not help.
    #[error("cannot download {file} from {host}")]
    NoAnswer {
        /// The file.
        file: RepoPath,
        /// Who was asked.
        host: Origin,
        /// Why there is none.
        source: net::Error,
    },
    /// The text is no digest.
    #[error(transparent)]
    InvalidDigest(#[from] InvalidDigest),
    /// A manifest or chat config is too large to be one.
    #[error("{name} is larger than {}: refused", size(*limit))]
    MetadataTooLarge {
        /// The file.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A list in a manifest or chat config is longer than any real one.
    #[error("{name}{place} has more than {limit} elements: refused")]
    TooManyElements {
        /// The file.
        name: String,
        /// Which list.
        place: Place,
        /// How many elements it may have.
        limit: usize,
    },
    /// A manifest or chat config is git-lfs pointer text, not yet replaced by the file's content.
    #[error("{name} is git-lfs pointer text instead of the file's content")]
    MetadataIsPointer {
        /// The file.
        name: String,
    },
    /// A manifest or chat config is not UTF-8.
    #[error("{name} is not UTF-8 text")]
    MetadataNotUtf8 {
        /// The file.
        name: String,
        /// Where it is not.
        source: std::str::Utf8Error,
    },
    /// A manifest or chat config is not JSON, or nested too deeply.
    #[error("{name} is not valid JSON{}", quoted(near))]
    MetadataNotJson {
        /// The file.
        name: String,
        /// What stands around the place where it could not be read.
        near: Excerpt,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A field of a manifest or chat config is missing or of the wrong type or value.
    #[error("{name}{place} is {found}, expected {expected}")]
    InvalidField {
        /// The file.
        name: String,
        /// Which field of it.
        place: Place,
        /// What is there.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The path of a file would leave the model's folder, or cannot be a path on every system.
    #[error("{name}{place} must not be used as a path")]
    UnsafePath {
        /// The file that holds the path.
        name: String,
        /// Which field of it.
        place: Place,
        /// What is wrong with the path.
        source: url_parse::Error,
    },
    /// A shard would overwrite the manifest or the chat config.
    #[error("{name}{place} is `{path}`, the name of a file that describes the model: refused as a shard")]
    ReservedPath {
        /// The manifest.
        name: String,
        /// Which field of it.
        place: Place,
        /// The path.
        path: RepoPath,
    },
    /// Two records of a manifest contradict each other.
    #[error("{name}: records[{first}] and records[{second}] contradict each other about `{path}`")]
    ConflictingRecords {
        /// The manifest.
        name: String,
        /// The one record, counted from 0.
        first: usize,
        /// The other record, counted from 0.
        second: usize,
        /// The path of the second.
        path: RepoPath,
    },
    /// A manifest in a form that no present runtime opens.
    #[error(
        "{name} has a form written before March 2023 ({form}), which MLC-LLM no longer reads: the model must be converted again"
    )]
    OldManifest {
        /// The manifest.
        name: String,
        /// How it can be told.
        form: OldForm,
    },
    /// A manifest that lists nothing.
    #[error("{name} lists no shards: its `records` are empty")]
    NoRecords {
        /// The manifest.
        name: String,
    },
    /// The sizes in a manifest add up to more than a computer can count.
    #[error("the shards that {name} lists have more than 2^64 bytes together")]
    ManifestTooLong {
        /// The manifest.
        name: String,
    },
    /// A file on disk is not what it must be.
    #[error("{} is damaged: {mismatch}", shown(path))]
    FileMismatch {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        mismatch: Mismatch,
    },
    /// What a host sent is not the file, twice in a row.
    #[error("what came for {file}{} is not that file: {mismatch}", from(host.as_ref()))]
    DigestMismatch {
        /// The file.
        file: RepoPath,
        /// What is wrong with what came.
        mismatch: Mismatch,
        /// Who sent it; `None` for a file without bytes, for which nobody is asked.
        host: Option<Origin>,
    },
    /// The locator cannot say where a file is.
    #[error("cannot locate {file}")]
    Locate {
        /// The file.
        file: RepoPath,
        /// What sort of failure the locator calls it.
        kind: ErrorKind,
        /// What the locator said.
        source: BoxError,
    },
    /// A locator gave a URL that cannot be fetched.
    #[error("cannot use the location of {file}: {problem}")]
    UnusableLocation {
        /// The file.
        file: RepoPath,
        /// What is wrong with the URL.
        problem: &'static str,
    },
    /// A host does not hand out a file.
    #[error("{host} refuses to send {file} (status {status}){words}")]
    Refused {
        /// The file.
        file: RepoPath,
        /// Who refused.
        host: Origin,
        /// The HTTP status.
        status: u16,
        /// What it said.
        words: ServerWords,
    },
    /// A host sent a web page instead of a file, as login pages of networks do.
    #[error("{host} sent a web page instead of {file}: perhaps a login page is in the way{words}")]
    WebPage {
        /// The file.
        file: RepoPath,
        /// Who sent it, or in whose name it was sent.
        host: Origin,
        /// What the page says.
        words: ServerWords,
    },
    /// The network, the locator or a host failed again and again.
    #[error("gave up on {file}{} after {attempts} failed attempts in {}", from(host.as_ref()), duration(*elapsed))]
    GaveUp {
        /// The file.
        file: RepoPath,
        /// Who was asked last; `None` when it was the locator.
        host: Option<Origin>,
        /// Who failed last; `None` when it was the locator.
        hop: Option<Hop>,
        /// How many attempts failed, from the first on.
        attempts: u32,
        /// The time since the file was begun.
        elapsed: Duration,
        /// The last failure.
        source: BoxError,
    },
    /// Bytes come, but next to none, over all connections together.
    #[error("gave up: only {bytes} bytes arrived in {}, over all connections together", duration(*waited))]
    AllTooSlow {
        /// What came.
        bytes: u64,
        /// In which time.
        waited: Duration,
    },
    /// The disk has not enough room.
    #[error("not enough room at {}: {} needed, {} free", shown(path), size(*needed), free_bytes(*free))]
    NoSpace {
        /// How many bytes are still to be written.
        needed: u64,
        /// How many bytes are free; `None` where the system does not tell.
        free: Option<u64>,
        /// Where.
        path: PathBuf,
        /// What the system said, when it was found out by writing.
        source: Option<io::Error>,
    },
    /// Two requests of one call name the same local file.
    #[error("two of the files to fetch would be written to {}", shown(path))]
    SameLocalFile {
        /// The local file.
        path: PathBuf,
    },
    /// The system does not start a thread to hash files with.
    #[error("cannot start a thread to hash files with")]
    Thread {
        /// What the system says.
        source: io::Error,
    },
}

impl Error {
    /// The local path that the message names, for a caller who knows a better name for it.
    pub fn local_path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Disk(error) => Some(&mut error.path),
            Self::FileMismatch { path, .. } | Self::NoSpace { path, .. } | Self::SameLocalFile { path } => {
                Some(path)
            }
            _ => None,
        }
    }

    /// What sort of failure this is.
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

    /// Whether the same call may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Network
    }
}

/// A place in a manifest or chat config; follows the name of the file in a message.
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

/// How a manifest of before March 2023 can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OldForm {
    /// The records stand in a list by themselves.
    #[error("a bare list of records")]
    BareList,
    /// One file for each tensor, whose size is not written down.
    #[error("records[{index}] has no `nbytes`")]
    RecordWithoutSize {
        /// The record, counted from 0.
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
