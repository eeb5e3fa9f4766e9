//! What a store has, what is wrong with it, and what became of a copy of it.

use std::time::SystemTime;

use url_parse::{CommitId, ModelId, ModelRef, RepoPath, Revision};

use crate::Error;

/// What a store has, by its own word.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreListing {
    /// The store's address.
    pub store: String,
    /// Its names for commits, by hub, model and revision.
    pub models: Vec<StoredModel>,
    /// Commits that no name stands for, and the sizes of their packs.
    pub unnamed: Vec<(CommitId, u64)>,
    /// Refs that cannot be read.
    pub broken: Vec<StoreFinding>,
    /// How many files there are beside these, as interrupted writers leave them.
    pub other_files: u64,
}

/// A name for a commit, as a store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredModel {
    /// The hub, without its scheme.
    pub hub: String,
    /// The model.
    pub model: ModelId,
    /// A branch or a tag; `None` is the default branch.
    pub revision: Option<Revision>,
    /// The commit.
    pub commit: CommitId,
    /// How many files the model has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// When the hub said so.
    pub seen_at: SystemTime,
    /// What wrote it.
    pub by: String,
    /// Whether the store has the commit's pack, without which the name is of no use.
    pub has_pack: bool,
}

/// What a part of a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StorePart {
    /// A content.
    Blob,
    /// The pack of a commit.
    Pack,
    /// A name for a commit.
    Ref,
}

impl StorePart {
    /// The part in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Pack => "pack",
            Self::Ref => "ref",
        }
    }
}

/// Something in a store that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreFinding {
    /// What it is.
    pub part: StorePart,
    /// Its address.
    pub url: String,
    /// The model that it is for, if that is known. It may be needed by others too.
    pub model: Option<ModelId>,
    /// The commit that it is for.
    pub commit: Option<CommitId>,
    /// Of a content, the model's file.
    pub file: Option<RepoPath>,
    /// What is wrong.
    pub problem: String,
    /// The model that was asked for, when it is its name that is missing: then nothing is damaged.
    pub absent: Option<ModelRef>,
    /// What became of it.
    pub repair: StoreRepair,
}

/// What became of something that was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreRepair {
    /// It was not asked for.
    NotAsked,
    /// It was rewritten.
    Repaired,
    /// It was not, and this is why.
    Failed(String),
}

impl StoreFinding {
    pub(crate) fn new(part: StorePart, url: &impl ToString, problem: String) -> Self {
        let (url, repair) = (url.to_string(), StoreRepair::NotAsked);
        Self { part, url, model: None, commit: None, file: None, problem, absent: None, repair }
    }
}

/// How a store is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreVerifyOptions {
    /// Rewrite what is damaged or missing.
    pub repair: bool,
    /// Of models that need a token too. All readers of the store can read them then.
    pub allow_private: bool,
}

/// What reading a store has shown.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct StoreCheck {
    /// The store's address.
    pub store: String,
    /// How many names were read.
    pub refs: u64,
    /// How many packs were looked through.
    pub packs: u64,
    /// How many contents were hashed.
    pub blobs: u64,
    /// Their sizes, added up.
    pub bytes: u64,
    /// Of them, those that no pack of the store needs. `None` where only some models were looked at.
    pub unneeded: Option<(u64, u64)>,
    /// How many other files there are, as interrupted writers leave them, and their sizes, added up. `None` as above.
    pub others: Option<(u64, u64)>,
    /// What is wrong, or was.
    pub findings: Vec<StoreFinding>,
    /// What ended it before everything was read.
    pub failure: Option<Error>,
}

impl StoreCheck {
    /// Whether all that is wrong is that models are not there which were asked for.
    pub fn is_only_absence(&self) -> bool {
        let mut unrepaired = self.findings.iter().filter(|finding| finding.repair != StoreRepair::Repaired);
        self.failure.is_none() && unrepaired.all(|finding| finding.absent.is_some())
    }

    /// Whether everything is right by now.
    pub fn is_sound(&self) -> bool {
        self.failure.is_none() && self.findings.iter().all(|finding| finding.repair == StoreRepair::Repaired)
    }
}

/// What became of copying one commit from a store to another.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct CopiedCommit {
    /// The commit.
    pub commit: CommitId,
    /// What it is called: models, with their revisions.
    pub names: Vec<String>,
    /// How many files were written.
    pub files: u64,
    /// Their sizes, added up.
    pub bytes: u64,
    /// How many files were there.
    pub files_there: u64,
    /// Their sizes, added up.
    pub bytes_there: u64,
    /// Names that were not written, since the other store has a commit for them that was seen later.
    pub later: Vec<String>,
    /// Why it is not whole there.
    pub failure: Option<Error>,
}

/// What became of copying a store, or some models of it.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct CopiedStore {
    /// Commit by commit.
    pub commits: Vec<CopiedCommit>,
    /// Names that were to be copied and are missing, or cannot be read.
    pub broken: Vec<StoreFinding>,
}
