//! What a store contains, what is wrong with it, and the results of copying it.

use std::fmt;
use std::time::SystemTime;

use url_parse::{CommitId, ModelId, ModelRef, RepoPath, Revision};

use crate::Error;

/// The content of a store, as its server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreListing {
    /// The store's address.
    pub store: String,
    /// Its names for commits, by hub, model and revision.
    pub models: Vec<StoredModel>,
    /// Commits without a name.
    pub unnamed: Vec<UnnamedCommit>,
    /// Unreadable refs.
    pub broken: Vec<StoreFinding>,
    /// The number of other files, such as those left by interrupted writers.
    pub other_files: u64,
}

/// A commit that has no name in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnnamedCommit {
    /// The commit.
    pub commit: CommitId,
    /// The size of its pack in bytes.
    pub pack_bytes: u64,
}

/// A store's name for a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredModel {
    /// The hub's base URL without its scheme, such as `huggingface.co`.
    pub hub: String,
    /// The model.
    pub model: ModelId,
    /// A branch or a tag; `None` is the default branch.
    pub revision: Option<Revision>,
    /// The commit.
    pub commit: CommitId,
    /// The number of files in the model.
    pub files: u64,
    /// Their total size in bytes.
    pub bytes: u64,
    /// When the hub said so, by its own clock.
    pub seen_at: SystemTime,
    /// The program that wrote it.
    pub by: String,
    /// Whether the store has the commit's pack, without which the name is useless.
    pub has_pack: bool,
}

/// The kind of a file in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StorePart {
    /// A blob: the content of a file.
    Blob,
    /// The pack of a commit.
    Pack,
    /// A name for a commit.
    Ref,
}

impl StorePart {
    /// The part as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Pack => "pack",
            Self::Ref => "ref",
        }
    }
}

impl fmt::Display for StorePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A problem in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreFinding {
    /// The kind of file.
    pub part: StorePart,
    /// Its address.
    pub url: String,
    /// The model that it belongs to, if known. Others may need it too.
    pub model: Option<ModelId>,
    /// The commit that it belongs to.
    pub commit: Option<CommitId>,
    /// For a blob, the model's file.
    pub file: Option<RepoPath>,
    /// The problem.
    pub problem: String,
    /// The requested model, if the store does not have it: then nothing is damaged.
    pub absent: Option<ModelRef>,
    /// The result of a repair.
    pub repair: RepairOutcome,
}

/// The result of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairOutcome {
    /// No repair was requested.
    NotAsked,
    /// It was rewritten.
    Repaired,
    /// It was not rewritten, for this reason.
    Failed(String),
}

impl StoreFinding {
    pub(crate) fn new(part: StorePart, url: &impl ToString, problem: String) -> Self {
        let (url, repair) = (url.to_string(), RepairOutcome::NotAsked);
        Self { part, url, model: None, commit: None, file: None, problem, absent: None, repair }
    }
}

/// Options of a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StoreVerifyOptions {
    /// Rewrite what is damaged or missing.
    pub repair: bool,
    /// Even of models that need a token. Everyone who can read the store can then read them.
    pub allow_private: bool,
}

impl StoreVerifyOptions {
    /// The same options with another [`repair`](field@Self::repair).
    #[must_use]
    pub const fn repair(self, repair: bool) -> Self {
        Self { repair, ..self }
    }

    /// The same options with another [`allow_private`](field@Self::allow_private).
    #[must_use]
    pub const fn allow_private(self, allow_private: bool) -> Self {
        Self { allow_private, ..self }
    }
}

/// Some files, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileCount {
    /// How many there are.
    pub files: u64,
    /// Their sizes in bytes, added up.
    pub bytes: u64,
}

impl FileCount {
    pub(crate) const fn new(files: u64, bytes: u64) -> Self {
        Self { files, bytes }
    }
}

/// The result of verifying a store.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct StoreCheck {
    /// The store's address.
    pub store: String,
    /// The number of names read.
    pub refs: u64,
    /// The number of packs scanned.
    pub packs: u64,
    /// The number of blobs hashed.
    pub blobs: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// How many of them no pack needs, and their size. `None` if only some models were verified.
    pub unneeded: Option<FileCount>,
    /// Other files, such as those left by interrupted writers. `None` as above.
    pub other_files: Option<FileCount>,
    /// The problems, including repaired ones.
    pub findings: Vec<StoreFinding>,
    /// What ended it early, if anything.
    pub failure: Option<Error>,
}

impl StoreCheck {
    /// Whether the only problem is that requested models are not in the store.
    pub fn is_only_absence(&self) -> bool {
        let mut unrepaired = self.findings.iter().filter(|finding| finding.repair != RepairOutcome::Repaired);
        self.failure.is_none() && unrepaired.all(|finding| finding.absent.is_some())
    }

    /// Whether everything is right now.
    pub fn is_sound(&self) -> bool {
        self.failure.is_none()
            && self.findings.iter().all(|finding| finding.repair == RepairOutcome::Repaired)
    }
}

/// The result of copying one commit.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct CopiedCommit {
    /// The commit.
    pub commit: CommitId,
    /// Its names: models with their revisions.
    pub names: Vec<String>,
    /// The number of files written.
    pub files: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// The number of files that were already there.
    pub files_there: u64,
    /// The sum of their sizes.
    pub bytes_there: u64,
    /// Names that were not written because the other store has a commit for them that was seen later.
    pub later: Vec<String>,
    /// Why it is not complete there.
    pub failure: Option<Error>,
}

/// The result of copying a store, or some of its models.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct CopiedStore {
    /// The result for each commit.
    pub commits: Vec<CopiedCommit>,
    /// Names to be copied that are missing or unreadable.
    pub broken: Vec<StoreFinding>,
}
