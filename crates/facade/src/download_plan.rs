//! What a download would do.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use url_parse::{CommitId, Endpoint, ModelRef, RepoPath};

use crate::{Model, serialized};

/// The result of [`Downloader::plan`](crate::Downloader::plan).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "one is made for a request, and looked at once")]
pub enum DownloadPlan {
    /// The cache has the model: nothing would be downloaded.
    Cached(Model),
    /// It would be downloaded.
    Download(PlannedDownload),
}

/// A download that was not started. Serialized, it is the part for one model in the output of
/// `mlc-weights download --dry-run --json`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedDownload {
    /// The model.
    pub model: ModelRef,
    /// The base URL of the hub that it would come from.
    pub endpoint: Endpoint,
    /// The addresses of the stores that would be asked before the hub or, in the
    /// [mode](crate::stores::StoreMode) `only`, instead of it.
    pub stores: Vec<String>,
    /// Whether the hub would be asked for what they lack.
    pub asks_hub: bool,
    /// The current commit according to the hub or a store.
    pub commit: CommitId,
    /// The directory that the model would have.
    pub path: PathBuf,
    /// Whether an existing directory would be replaced.
    pub replaces: bool,
    /// Whether another process is downloading the model. A download would wait for it.
    pub in_progress: bool,
    /// Every file of the commit that the directory would have.
    pub files: Vec<PlannedFile>,
    /// Large files of the commit that would be left out because the manifest does not name them.
    pub left_out: Vec<RepoPath>,
    /// The free bytes on the cache's disk, if the system reports them.
    pub free_bytes: Option<u64>,
}

/// A file of a [`PlannedDownload`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedFile {
    /// Its path in the model.
    pub path: RepoPath,
    /// Its size in bytes.
    pub size: u64,
    /// Where it would come from.
    pub from: FileOrigin,
}

/// Where the bytes of a file would come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileOrigin {
    /// The network.
    #[non_exhaustive]
    Network {
        /// Approximately how many bytes exist from an interrupted download, or one in progress, and would not be fetched
        /// again if they turn out to be right.
        kept: u64,
    },
    /// The metadata, which is fetched first and is small.
    Metadata,
    /// An earlier, interrupted download that verified it. The download would hash it again before using
    /// it.
    Staging,
    /// Another model of the cache, or another revision, whose receipt lists it. The download would
    /// verify it.
    OtherModel,
    /// A store in a folder with a file of this name and size. The download would verify it.
    StoreFolder,
    /// The directory that would be replaced, which has a file of this name and size. The download would
    /// verify it.
    Replaced,
}

#[derive(Serialize)]
struct PlannedDownloadJson<'a> {
    #[serde(serialize_with = "serialized::text")]
    model: &'a ModelRef,
    cached: bool,
    #[serde(serialize_with = "serialized::text")]
    endpoint: &'a Endpoint,
    stores: &'a [String],
    #[serde(serialize_with = "serialized::text")]
    commit: CommitId,
    #[serde(serialize_with = "serialized::path")]
    path: &'a Path,
    replaces: bool,
    in_progress: bool,
    bytes: u64,
    bytes_to_fetch: u64,
    files_to_fetch: usize,
    free_bytes: Option<u64>,
    files: &'a [PlannedFile],
    left_out: Vec<&'a str>,
}

impl Serialize for PlannedDownload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = PlannedDownloadJson {
            model: &self.model,
            cached: false,
            endpoint: &self.endpoint,
            stores: &self.stores,
            commit: self.commit,
            path: &self.path,
            replaces: self.replaces,
            in_progress: self.in_progress,
            bytes: self.bytes(),
            bytes_to_fetch: self.bytes_to_fetch(),
            files_to_fetch: self.files_to_fetch(),
            free_bytes: self.free_bytes,
            files: &self.files,
            left_out: self.left_out.iter().map(RepoPath::as_str).collect(),
        };
        document.serialize(serializer)
    }
}

#[derive(Serialize)]
struct PlannedFileJson<'a> {
    path: &'a str,
    bytes: u64,
    bytes_to_fetch: u64,
    from: &'static str,
}

impl Serialize for PlannedFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (path, bytes, from) = (self.path.as_str(), self.size, self.from.as_str());
        PlannedFileJson { path, bytes, bytes_to_fetch: self.bytes_to_fetch(), from }.serialize(serializer)
    }
}

impl FileOrigin {
    /// The origin as a word in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network { .. } => "network",
            Self::Metadata => "metadata",
            Self::Staging => "staging",
            Self::OtherModel => "other_model",
            Self::StoreFolder => "store_folder",
            Self::Replaced => "replaced",
        }
    }
}

impl fmt::Display for FileOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PlannedDownload {
    /// How many bytes would be fetched, apart from the metadata.
    pub fn bytes_to_fetch(&self) -> u64 {
        self.files.iter().map(PlannedFile::bytes_to_fetch).sum()
    }

    /// How many files would be fetched, apart from the metadata.
    pub fn files_to_fetch(&self) -> usize {
        self.files.iter().filter(|file| matches!(file.from, FileOrigin::Network { .. })).count()
    }

    /// The total size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl PlannedFile {
    /// How many of its bytes would be fetched.
    pub fn bytes_to_fetch(&self) -> u64 {
        match self.from {
            FileOrigin::Network { kept } => self.size.saturating_sub(kept),
            FileOrigin::Metadata
            | FileOrigin::Staging
            | FileOrigin::OtherModel
            | FileOrigin::StoreFolder
            | FileOrigin::Replaced => 0,
        }
    }
}
