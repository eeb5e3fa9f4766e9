//! What a commit of a model's repository contains, and the interface for finding out.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use url_parse::{CommitId, Excerpt, ModelId, Proof, RepoPath, Revision};

use crate::{Error, LfsPointer};

/// git's name for a repository's default branch.
pub(crate) const DEFAULT_BRANCH: &str = "HEAD";

/// Something that every blocking job of a fetch holds, so that it outlives the job.
///
/// A future can be dropped while a blocking thread that it started is still writing. The owner of the
/// written directory passes in its guard (a lock, a staging folder), which is released when the last
/// job has ended.
pub type KeepAlive = Arc<dyn Any + Send + Sync>;

/// A way to learn what a model's repository contains and to get its plain files.
///
/// [`GitMetadata`](crate::GitMetadata) is the one for hubs with git. An application can provide its
/// own.
///
/// ```
/// use async_trait::async_trait;
/// use hf_transport::{Error, MetadataRequest, MetadataSource, RepoFile, RepoSnapshot};
/// use url_parse::{CommitId, Proof, RepoPath};
///
/// /// Has the same small file for each model.
/// struct Archive(RepoPath);
///
/// #[async_trait]
/// impl MetadataSource for Archive {
///     async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
///         std::fs::write(self.0.under(&request.export_to), "A model")
///             .map_err(|error| Error::own_source(request.model, false, error))?;
///         let files = vec![RepoFile::plain(self.0.clone(), 7)];
///         Ok(RepoSnapshot::new(CommitId::from_bytes([7; 20]), Proof::Word, files))
///     }
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let (scratch, files) = (folder.path(), folder.path());
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let archive = Archive("README.md".parse()?);
/// let snapshot = archive.fetch(MetadataRequest::new("user/model".parse()?, scratch, files)).await?;
/// assert_eq!(std::fs::read_to_string(files.join("README.md"))?, "A model");
/// assert_eq!(snapshot.files.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait MetadataSource: Send + Sync {
    /// Resolves the revision to a commit, writes that commit's plain files below
    /// [`export_to`](MetadataRequest::export_to), and lists all its files.
    ///
    /// LFS files are listed but not written. Plain files are written verbatim, without filters or
    /// line-ending conversion.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; files already written remain for the caller to discard. One call is one attempt:
    /// if [`Error::is_transient`], the caller may retry, into an empty folder.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the work. A blocking job may continue for a moment; it holds
    /// [`keep_alive`](MetadataRequest::keep_alive) until it has ended.
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error>;

    /// The commit that the revision currently resolves to (`None`: the default branch), with as few
    /// requests as possible. One call is one attempt. Returns `None` if the source cannot tell, as the
    /// default does.
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

/// Which repository to read, and where to put the result.
#[derive(Clone)]
#[non_exhaustive]
pub struct MetadataRequest {
    /// The model.
    pub model: ModelId,
    /// The revision; `None` is the repository's default branch.
    pub revision: Option<Revision>,
    /// An existing folder for temporary files during the fetch.
    pub scratch_parent: PathBuf,
    /// An existing, empty folder for the plain files.
    pub export_to: PathBuf,
    /// An existing folder where received data is kept, so that a later fetch of the same commit need
    /// not request it again. Several fetches may share it; its content is hashed before use. `None`:
    /// nothing is kept.
    pub keep_in: Option<PathBuf>,
    /// Held by every blocking job until it has ended.
    pub keep_alive: KeepAlive,
}

impl MetadataRequest {
    /// A request for a model's default branch that keeps nothing, into these existing folders.
    pub fn new(model: ModelId, scratch_parent: impl Into<PathBuf>, export_to: impl Into<PathBuf>) -> Self {
        Self {
            model,
            revision: None,
            scratch_parent: scratch_parent.into(),
            export_to: export_to.into(),
            keep_in: None,
            keep_alive: Arc::new(()),
        }
    }
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
#[non_exhaustive]
pub struct RepoSnapshot {
    /// The commit that the revision resolved to.
    pub commit: CommitId,
    /// What proves that the files belong to the commit. Which commit a branch or a tag stands for is
    /// always the hub's claim.
    pub proof: Proof,
    /// Every file of that commit, in the order of the tree.
    pub files: Vec<RepoFile>,
    /// Files and folders of that commit that are not valid names on this system. Empty except on
    /// Windows.
    pub left_out: Vec<Excerpt>,
}

impl RepoSnapshot {
    /// A commit with these files, in the order of its tree, of which none is left out.
    pub const fn new(commit: CommitId, proof: Proof, files: Vec<RepoFile>) -> Self {
        Self { commit, proof, files, left_out: Vec::new() }
    }
}

/// One file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepoFile {
    /// Its path in the repository.
    pub path: RepoPath,
    /// Its size in bytes; for an LFS file that of the content, not of the pointer.
    pub size: u64,
    /// How the repository stores it.
    pub kind: FileKind,
}

impl RepoFile {
    /// A file whose content is in git, with its size in bytes.
    pub const fn plain(path: RepoPath, size: u64) -> Self {
        Self { path, size, kind: FileKind::Plain }
    }

    /// A file that git has a pointer for.
    pub const fn lfs(path: RepoPath, pointer: LfsPointer) -> Self {
        Self { path, size: pointer.size, kind: FileKind::Lfs(pointer) }
    }
}

/// How a repository stores a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// The content is in git, and has been written.
    Plain,
    /// The content must be fetched by its digest.
    Lfs(LfsPointer),
}
