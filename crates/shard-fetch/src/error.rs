//! The one error type.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url_parse::{Excerpt, Origin, RepoPath};

use crate::{Checked, Mismatch};

/// The cause of an error, of whatever library it comes from.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a manifest cannot be used, or files could not be had.
///
/// A message says what was attempted on what; the cause is in [`source`](StdError::source) alone. Of hosts
/// only scheme, name and port are shown, never a query or a header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no digest.
    #[error("`{input}` is not {} {what}: expected {} hexadecimal digits", article(*what), digits(*what))]
    InvalidDigest {
        /// Which digest it should be.
        what: Checked,
        /// The text.
        input: Excerpt,
    },
    /// A manifest or chat config is too large to be one.
    #[error("{name} has more than {limit} bytes: refused")]
    MetadataTooLarge {
        /// The file.
        name: String,
        /// The limit in bytes.
        limit: u64,
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
    #[error("{name} is not valid JSON")]
    MetadataNotJson {
        /// The file.
        name: String,
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
    #[error("{} is damaged: {mismatch}", path.display())]
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
    #[error("cannot find out where to get {file} from")]
    Locate {
        /// The file.
        file: RepoPath,
        /// What the locator said.
        source: BoxError,
    },
    /// A locator gave a URL that cannot be fetched.
    #[error("cannot get {file} from where it is said to be: {problem}")]
    UnusableLocation {
        /// The file.
        file: RepoPath,
        /// What is wrong with the URL.
        problem: &'static str,
    },
    /// A host does not hand out a file.
    #[error("{host} refuses to hand out {file} (status {status}){words}")]
    Refused {
        /// The file.
        file: RepoPath,
        /// Who refused.
        host: Origin,
        /// The HTTP status.
        status: u16,
        /// What it said.
        words: HostWords,
    },
    /// A host sent a web page instead of a file, as login pages of networks do.
    #[error("{host} sent a web page instead of {file}: perhaps a login page stands in between{words}")]
    WebPage {
        /// The file.
        file: RepoPath,
        /// Who sent it, or in whose name it was sent.
        host: Origin,
        /// What the page says.
        words: HostWords,
    },
    /// A host redirects to where nobody should follow.
    #[error("{host} redirects the request for {file} in a way that is not followed: {problem}")]
    BadRedirect {
        /// The file.
        file: RepoPath,
        /// Who redirected.
        host: Origin,
        /// Why that is not followed.
        problem: &'static str,
    },
    /// Nobody who is believed vouches for a host, or not under this name. Asking again does not help.
    #[error("cannot get {file} from {host}: the host's certificate is not trusted")]
    UntrustedCertificate {
        /// The file.
        file: RepoPath,
        /// Who could not prove who it is.
        host: Origin,
        /// What the TLS library says.
        source: BoxError,
    },
    /// The network, the locator or a host failed again and again.
    #[error("gave up on {file}{} after {attempts} failed attempts in {:.1} s", from(host.as_ref()), elapsed.as_secs_f64())]
    GaveUp {
        /// The file.
        file: RepoPath,
        /// Who was asked last; `None` when it was the locator.
        host: Option<Origin>,
        /// How many attempts failed, from the first on.
        attempts: u32,
        /// The time since the file was begun.
        elapsed: Duration,
        /// The last failure.
        source: BoxError,
    },
    /// A local file or folder could not be used.
    #[error("cannot {action} {}", path.display())]
    Disk {
        /// What was attempted, to be followed by a path.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The disk has not enough room.
    #[error("not enough room at {}: {needed} bytes are needed, {} free", path.display(), free_bytes(*free))]
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
    #[error("two of the files to fetch would be written to {}", path.display())]
    SameLocalFile {
        /// The local file.
        path: PathBuf,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client")]
    ClientSetup {
        /// What the HTTP library says.
        source: BoxError,
    },
    /// A proxy setting is no URL. Its value may hold a password and is not shown.
    #[error("the proxy for {scheme} is not a usable URL")]
    UnusableProxy {
        /// `http`, `https` or `all`.
        scheme: &'static str,
    },
    /// Certificates of authorities that were given cannot be read.
    #[error("the given CA certificates cannot be used")]
    UnusableCertificates {
        /// What is wrong with them.
        source: BoxError,
    },
    /// The system does not start a thread to hash files with.
    #[error("cannot start a thread to hash files with")]
    Thread {
        /// What the system says.
        source: io::Error,
    },
    /// The runtime was shut down while files were being fetched.
    #[error("fetching was cancelled")]
    Cancelled,
}

/// What sort of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or argument that cannot be used.
    InvalidInput,
    /// A manifest or chat config that cannot be used.
    InvalidMetadata,
    /// The locator failed for good; its own error is the source.
    Locate,
    /// A host will not hand out the file.
    Refused,
    /// The bytes are not the right ones.
    Integrity,
    /// The network, or a server for the moment, after retries.
    Network,
    /// The local disk, or another thing that the local system refuses.
    Disk,
    /// The local disk is full.
    NoSpace,
    /// The work was cancelled.
    Cancelled,
}

impl Error {
    /// What sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidDigest { .. }
            | Self::SameLocalFile { .. }
            | Self::ClientSetup { .. }
            | Self::UnusableProxy { .. }
            | Self::UnusableCertificates { .. } => ErrorKind::InvalidInput,
            Self::MetadataTooLarge { .. }
            | Self::MetadataIsPointer { .. }
            | Self::MetadataNotUtf8 { .. }
            | Self::MetadataNotJson { .. }
            | Self::InvalidField { .. }
            | Self::UnsafePath { .. }
            | Self::ReservedPath { .. }
            | Self::ConflictingRecords { .. }
            | Self::OldManifest { .. }
            | Self::NoRecords { .. }
            | Self::ManifestTooLong { .. } => ErrorKind::InvalidMetadata,
            Self::FileMismatch { .. } | Self::DigestMismatch { .. } => ErrorKind::Integrity,
            Self::Locate { .. } | Self::UnusableLocation { .. } => ErrorKind::Locate,
            Self::Refused { .. }
            | Self::WebPage { .. }
            | Self::BadRedirect { .. }
            | Self::UntrustedCertificate { .. } => ErrorKind::Refused,
            Self::GaveUp { .. } => ErrorKind::Network,
            Self::Disk { .. } | Self::Thread { .. } => ErrorKind::Disk,
            Self::NoSpace { .. } => ErrorKind::NoSpace,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// Whether the same call may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Network
    }

    pub(crate) fn disk(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Disk { action, path: path.to_owned(), source }
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

/// What a host said when it refused: cut, escaped, and without anything of the request that may be secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostWords(pub(crate) Option<Excerpt>);

impl fmt::Display for HostWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(words) => write!(f, "; it says: {words}"),
            None => Ok(()),
        }
    }
}

fn article(what: Checked) -> &'static str {
    if what == Checked::Md5 { "an" } else { "a" }
}

fn digits(what: Checked) -> u8 {
    if what == Checked::Md5 { 32 } else { 64 }
}

fn from(host: Option<&Origin>) -> String {
    host.map(|host| format!(" from {host}")).unwrap_or_default()
}

fn free_bytes(free: Option<u64>) -> String {
    free.map_or_else(|| "too few are".to_owned(), |free| format!("{free} are"))
}
