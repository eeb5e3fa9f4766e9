//! What a commit of a model's repository holds, and the seam for getting to know it.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use url_parse::{CommitId, Excerpt, ModelId, Proof, RepoPath, Revision};

use crate::{Error, LfsPointer};

/// git's name for a repository's default branch.
pub(crate) const DEFAULT_BRANCH: &str = "HEAD";

/// Something that every blocking job of a fetch holds on to, so that it outlives the job.
///
/// A future can be dropped while a blocking thread that it started still writes. Whoever owns the directory
/// being written (a lock, a staging folder) hands it in here, and it is released when the last job has ended.
pub type KeepAlive = Arc<dyn Any + Send + Sync>;

/// A way to learn what a model's repository holds and to get its plain files.
///
/// [`GitMetadata`](crate::GitMetadata) is the one for hubs that serve git. An application can bring another.
#[async_trait]
pub trait MetadataSource: Send + Sync {
    /// Resolves the revision to one commit, writes that commit's plain files below
    /// [`export_to`](MetadataRequest::export_to), and lists all its files.
    ///
    /// Files that stand for LFS content are listed, not written. Files are written verbatim, with no filter
    /// and no line-ending conversion.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; what was written so far stays and is the caller's to discard. One call is one attempt:
    /// the caller retries when [`Error::is_transient`] says so, into an empty folder.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the work. A blocking job may run on for a moment; it holds
    /// [`keep_alive`](MetadataRequest::keep_alive) until it has ended.
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error>;

    /// Which commit the revision stands for today (`None`: the default branch), by as few requests as that takes. One
    /// call is one attempt. A source that cannot tell says `None`, as it does by default.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the work.
    async fn commit_of(
        &self,
        _model: &ModelId,
        _revision: Option<&Revision>,
    ) -> Result<Option<CommitId>, Error> {
        Ok(None)
    }
}

/// Which repository to look at, and where to put what is found.
#[derive(Clone)]
pub struct MetadataRequest {
    /// The model.
    pub model: ModelId,
    /// The revision; `None` is the repository's default branch.
    pub revision: Option<Revision>,
    /// An existing folder in which scratch space may be made for the time of the fetch.
    pub scratch_parent: PathBuf,
    /// An existing, empty folder below which the plain files are written.
    pub export_to: PathBuf,
    /// An existing folder in which what came is kept, so that a later fetch of the same commit need not ask for it
    /// again. It may be shared by several fetches at once, and what is in it is hashed before it is used. `None`: nothing
    /// is kept.
    pub keep_in: Option<PathBuf>,
    /// Held by every blocking job until it has ended.
    pub keep_alive: KeepAlive,
}

impl fmt::Debug for MetadataRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataRequest")
            .field("model", &self.model)
            .field("revision", &self.revision)
            .field("scratch_parent", &self.scratch_parent)
            .field("export_to", &self.export_to)
            .field("keep_in", &self.keep_in)
            .finish_non_exhaustive()
    }
}

/// One commit of a repository.
#[derive(Clone, Debug)]
pub struct RepoSnapshot {
    /// The commit that the revision stood for.
    pub commit: CommitId,
    /// What shows that the files are that commit's. Which commit a branch or a tag stands for is always the hub's word.
    pub proof: Proof,
    /// Every file of that commit, in the order of the tree.
    pub files: Vec<RepoFile>,
    /// Files and folders of that commit that this system's file names do not allow. Empty but on Windows.
    pub left_out: Vec<Excerpt>,
}

/// One file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoFile {
    /// Where it is in the repository.
    pub path: RepoPath,
    /// Its size in bytes; for LFS files that of the content, not of the pointer.
    pub size: u64,
    /// How the repository stores it.
    pub kind: FileKind,
}

/// How a repository stores a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The content is in git, and has been written.
    Plain,
    /// The content is to be fetched by its digest.
    Lfs(LfsPointer),
}
