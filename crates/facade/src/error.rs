//! Everything that can go wrong between a model's name and its directory.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use cache_layout::{CachePolicy, PassedOver};
use url_parse::{
    CommitId, DiskError, ErrorKind, Excerpt, ModelId, ModelRef, RepoPath, causes, duration, shown, size,
};

use crate::proof_problem::ProofProblem;
use crate::store_mode::ParseStoreModeError;
use crate::words::not_cached;

/// Why a model could not be downloaded.
///
/// The message says what was attempted; the cause, if any, is in [`source`](std::error::Error::source).
/// [`kind`](Self::kind) sorts errors into the few groups that callers treat differently.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An unusable model URL, revision or endpoint; nothing was touched.
    #[error(transparent)]
    Name(#[from] url_parse::Error),
    /// Not a store mode.
    #[error(transparent)]
    StoreMode(#[from] ParseStoreModeError),
    /// An environment variable has an unusable value.
    #[error("the environment variable {name}{} cannot be used", Shown(value.as_ref()))]
    #[non_exhaustive]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value, unless it may be secret.
        value: Option<Excerpt>,
        /// The reason.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Nothing says where the cache is.
    #[error(
        "no folder for the cache is known: neither MLC_LLM_HOME nor XDG_CACHE_HOME nor HOME (on Windows, LOCALAPPDATA) is set"
    )]
    NoHome,
    /// A concurrency of zero.
    #[error("the number of shards fetched at once must be at least 1")]
    ZeroProcesses,
    /// The policy forbids a download, and no tier has the whole model.
    #[error(
        "{}, and a download is forbidden by the policy {policy}{}",
        not_cached(model, passed_over),
        Looked(looked_in, passed_over)
    )]
    #[non_exhaustive]
    NotCached {
        /// The model asked for.
        model: ModelRef,
        /// The policy.
        policy: CachePolicy,
        /// Every directory that was searched, in order.
        looked_in: Vec<PathBuf>,
        /// Those with something that is not the whole model.
        passed_over: Vec<PassedOver>,
    },
    /// No tier has the model, whole or not.
    #[error("{model} is not in the cache{}", Looked(looked_in, &[]))]
    #[non_exhaustive]
    NotInCache {
        /// The model asked for.
        model: ModelRef,
        /// Every directory that was searched.
        looked_in: Vec<PathBuf>,
    },
    /// Only a read-only tier has the model, and those are never changed.
    #[error("{model} is only in the read-only tier {}, which is never changed", shown(tier))]
    OnlyReadOnly {
        /// The model asked for.
        model: ModelRef,
        /// The tier's folder.
        tier: PathBuf,
    },
    /// Files in the cache do not have the right content, so they were not used.
    #[error("{model} in the cache is damaged: {problem}")]
    #[non_exhaustive]
    Unsound {
        /// The model.
        model: ModelRef,
        /// The first such file, and the difference.
        problem: String,
    },
    /// Nothing proves that the files belong to the commit, and either proof is required, or the
    /// endpoint could prove it and does not.
    #[error("the files of {model} are not proven to be those of its commit{}: {problem}", At(*commit))]
    #[non_exhaustive]
    Unproven {
        /// The model asked for.
        model: ModelRef,
        /// The commit, if known.
        commit: Option<CommitId>,
        /// The reason.
        problem: ProofProblem,
        /// The read-only tier that has the model. A forced download does not replace that copy.
        read_only_tier: Option<PathBuf>,
    },
    /// A forced download under a policy that forbids downloads; nothing was touched.
    #[error("{model} cannot be downloaded again: the policy {policy} forbids it")]
    #[non_exhaustive]
    ForceForbidden {
        /// The model asked for.
        model: ModelRef,
        /// The policy.
        policy: CachePolicy,
    },
    /// The policy forbids asking the hub, or a store, for the newest commit.
    #[error("{model} cannot be compared with the hub: the policy {policy} forbids it")]
    #[non_exhaustive]
    AskForbidden {
        /// The model.
        model: ModelRef,
        /// The policy.
        policy: CachePolicy,
    },
    /// A local path without a model.
    #[error("{} is not the directory of a model: {problem}", shown(path))]
    #[non_exhaustive]
    NotAModelDirectory {
        /// The path.
        path: PathBuf,
        /// What it lacks.
        problem: &'static str,
    },
    /// The repository lacks a file that makes it an MLC model. Detected before any shard was requested.
    #[error("{model} is not an MLC model: commit {commit} has no {missing}")]
    #[non_exhaustive]
    NotAnMlcModel {
        /// The model asked for.
        model: ModelId,
        /// The commit.
        commit: CommitId,
        /// The missing file.
        missing: &'static str,
    },
    /// The manifest or the configuration is unusable. Detected before any shard was requested.
    #[error("cannot use {path} of {model}")]
    #[non_exhaustive]
    Unusable {
        /// The model asked for.
        model: ModelId,
        /// The manifest, or the configuration.
        path: RepoPath,
        /// The reason.
        source: shard_fetch::Error,
    },
    /// The repository has a folder where MLC models have a file. Detected before any shard was
    /// requested.
    #[error("{model} is not an MLC model: {path} must be a file, but is a folder in commit {commit}")]
    #[non_exhaustive]
    FolderForFile {
        /// The model asked for.
        model: ModelId,
        /// The commit.
        commit: CommitId,
        /// The folder.
        path: RepoPath,
    },
    /// The manifest names a shard that the commit does not have. Detected before any shard was
    /// requested.
    #[error(
        "{model} is incomplete at its source: the manifest names {path}, which commit {commit} does not contain"
    )]
    #[non_exhaustive]
    MissingShard {
        /// The model asked for.
        model: ModelId,
        /// The commit.
        commit: CommitId,
        /// The shard.
        path: RepoPath,
    },
    /// Manifest, LFS pointer and hub disagree about a file's size or digest. Detected before it was
    /// requested.
    #[error("{path} of {model} cannot be verified: {first} says {expected}, {second} says {actual}")]
    #[non_exhaustive]
    Contradiction {
        /// The model asked for.
        model: ModelId,
        /// The file.
        path: RepoPath,
        /// The first source.
        first: &'static str,
        /// Its value.
        expected: String,
        /// The second source.
        second: &'static str,
        /// Its value.
        actual: String,
    },
    /// The hub's metadata could not be fetched, after retries.
    #[error("gave up on the metadata of {model} after {attempts} attempts in {}", duration(*elapsed))]
    #[non_exhaustive]
    MetadataGaveUp {
        /// The model asked for.
        model: ModelRef,
        /// The number of attempts.
        attempts: u32,
        /// The time in all.
        elapsed: Duration,
        /// The last failure.
        source: hf_transport::Error,
    },
    /// The hub did not resolve a branch or tag, after retries. In another
    /// [mode](crate::stores::StoreMode) the stores would have been asked for it.
    #[error(
        "the hub did not say which commit {model} refers to, in {attempts} attempts over {}",
        duration(*elapsed)
    )]
    #[non_exhaustive]
    CommitNotNamed {
        /// The model asked for.
        model: ModelRef,
        /// The number of attempts.
        attempts: u32,
        /// The time in all.
        elapsed: Duration,
        /// The last failure.
        source: hf_transport::Error,
    },
    /// The hub refused, or could not be reached.
    #[error(transparent)]
    Hub(#[from] hf_transport::Error),
    /// A store could not be used.
    #[error(transparent)]
    Store(#[from] weight_store::Error),
    /// No store is configured.
    #[error("no store is set")]
    NoStore,
    /// The model can only be read with a token, and must not be put where others can read it.
    #[error("{model} is gated or private, and all readers of the store could read it")]
    #[non_exhaustive]
    Private {
        /// The model.
        model: ModelId,
        /// The hub's answer without a token.
        source: hf_transport::Error,
    },
    /// Only stores may be asked, and what they have is wrong.
    #[error(
        "{model} cannot be downloaded: {store} has a damaged copy of {what}, and the hub is not asked in the store mode `only`"
    )]
    #[non_exhaustive]
    WrongInStore {
        /// The model asked for.
        model: ModelRef,
        /// The store, or all of them.
        store: String,
        /// What is wrong.
        what: String,
        /// The problem, if it is more than a wrong digest.
        source: Option<Box<Self>>,
    },
    /// Only stores may be asked, and they do not have what the model needs.
    #[error(
        "{model} cannot be downloaded: {stores} has no {missing}, and the hub is not asked in the store mode `only`"
    )]
    #[non_exhaustive]
    NotInStore {
        /// The model asked for.
        model: ModelRef,
        /// The stores.
        stores: String,
        /// What is missing.
        missing: String,
    },
    /// The files' bytes could not be downloaded or verified.
    #[error(transparent)]
    Fetch(#[from] shard_fetch::Error),
    /// The cache's disk, or the user's share of it, is full.
    #[error("{model} needs {} more, and {} has {} free", size(*needed), shown(home), free_bytes(*free))]
    #[non_exhaustive]
    NoSpace {
        /// The model asked for.
        model: ModelRef,
        /// The cache's home.
        home: PathBuf,
        /// The bytes still to be written.
        needed: u64,
        /// The free bytes; `None` if the system does not report them.
        free: Option<u64>,
        /// The system's error, if a write failed.
        source: Option<io::Error>,
    },
    /// A copy outside the cache does not fit on its disk.
    #[error(
        "cannot copy {model} to {}: it needs {}, and {} free there",
        shown(to),
        size(*needed),
        free_there(*free)
    )]
    #[non_exhaustive]
    NoSpaceForCopy {
        /// The model.
        model: ModelRef,
        /// Where the copy was to be.
        to: PathBuf,
        /// The size of the copy in bytes.
        needed: u64,
        /// The free bytes, if they were found to be too few before the first one was written.
        free: Option<u64>,
        /// What failed, otherwise.
        source: Option<cache_layout::Error>,
    },
    /// The cache could not be read or written.
    #[error(transparent)]
    Cache(#[from] cache_layout::Error),
    /// The HTTP client could not be set up, or the operation was cancelled.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// A file of the model could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A blocking call could not start a runtime.
    #[error("cannot start a runtime for the download")]
    Runtime {
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Name(_)
            | Self::StoreMode(_)
            | Self::Variable { .. }
            | Self::NoHome
            | Self::NoStore
            | Self::ZeroProcesses => ErrorKind::InvalidInput,
            Self::NotCached { .. }
            | Self::ForceForbidden { .. }
            | Self::AskForbidden { .. }
            | Self::NotInCache { .. }
            | Self::NotInStore { .. } => ErrorKind::NotCached,
            Self::NotAModelDirectory { .. } => ErrorKind::NotFound,
            Self::NotAnMlcModel { .. }
            | Self::FolderForFile { .. }
            | Self::MissingShard { .. }
            | Self::Private { .. } => ErrorKind::Refused,
            Self::Contradiction { .. }
            | Self::Unproven { .. }
            | Self::Unsound { .. }
            | Self::WrongInStore { .. } => ErrorKind::Integrity,
            Self::Hub(error)
            | Self::MetadataGaveUp { source: error, .. }
            | Self::CommitNotNamed { source: error, .. } => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Fetch(error) | Self::Unusable { source: error, .. } => error.kind(),
            Self::Cache(error) => error.kind(),
            Self::Net(error) => error.kind(),
            Self::Disk(error) => error.kind(),
            Self::OnlyReadOnly { .. } => ErrorKind::Disk,
            Self::NoSpace { .. } | Self::NoSpaceForCopy { .. } => ErrorKind::NoSpace,
            Self::Runtime { .. } => ErrorKind::Other,
        }
    }

    /// The local path in the message.
    pub(crate) fn local_path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Hub(error)
            | Self::MetadataGaveUp { source: error, .. }
            | Self::CommitNotNamed { source: error, .. } => error.local_path_mut(),
            Self::Fetch(error) | Self::Unusable { source: error, .. } => error.local_path_mut(),
            Self::Disk(error) => Some(&mut error.path),
            _ => None,
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.kind() == ErrorKind::Network
    }

    /// Whether the proxy could not be reached, or did not forward a request.
    pub fn is_proxy_failure(&self) -> bool {
        let hop = match self {
            Self::Fetch(shard_fetch::Error::GaveUp { hop, .. }) => *hop,
            _ => self.net_error().and_then(net::Error::hop),
        };
        hop == Some(net::Hop::Proxy) && self.kind() == ErrorKind::Network
    }

    /// Whether this machine seems to have no network: a name could not be resolved, or there is no
    /// route.
    pub fn seems_offline(&self) -> bool {
        use net::Obstacle::{Name, NoRoute};
        matches!(self.net_error(), Some(net::Error::Unreachable { obstacle: Name | NoRoute, .. }))
    }

    /// Whether the certificate of a server, or of a proxy, is not trusted.
    pub fn is_untrusted_certificate(&self) -> bool {
        matches!(self.net_error(), Some(net::Error::UntrustedCertificate { .. }))
    }

    /// The failure between this machine and a server, if that is all it is.
    pub fn net_error(&self) -> Option<&net::Error> {
        match self {
            Self::Net(error)
            | Self::Fetch(shard_fetch::Error::Net(error))
            | Self::Hub(hf_transport::Error::Net(error))
            | Self::MetadataGaveUp { source: hf_transport::Error::Net(error), .. }
            | Self::CommitNotNamed { source: hf_transport::Error::Net(error), .. }
            | Self::Store(weight_store::Error::Net(error)) => Some(error),
            Self::Fetch(error) => causes(error).find_map(|cause| cause.downcast_ref()),
            _ => None,
        }
    }

    /// Whether the local disk or a quota on it is full.
    pub fn is_out_of_space(&self) -> bool {
        self.kind() == ErrorKind::NoSpace || causes(self).any(is_full)
    }
}

fn free_bytes(free: Option<u64>) -> String {
    free.map_or_else(|| "too little".to_owned(), size)
}

fn free_there(free: Option<u64>) -> String {
    free.map_or_else(|| "too little is".to_owned(), |free| format!("{} is", size(free)))
}

fn is_full(cause: &(dyn StdError + 'static)) -> bool {
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

/// A setting's value in a message, if it may be shown.
struct Shown<'a>(Option<&'a Excerpt>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |value| write!(f, "=`{value}`"))
    }
}

/// A commit, possibly unknown, in a message.
struct At(Option<CommitId>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |commit| write!(f, " ({commit})"))
    }
}

/// The searched directories, in a message.
struct Looked<'a>(&'a [PathBuf], &'a [PassedOver]);

impl fmt::Display for Looked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.0.iter().map(|path| shown(path)).collect();
        write!(f, "; looked in {}", places.join(", "))?;
        self.1.iter().try_for_each(|entry| write!(f, "; {entry}"))
    }
}

#[cfg(test)]
mod tests;
