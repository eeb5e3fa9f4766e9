//! The content of a listing.

use std::path::PathBuf;
use std::time::SystemTime;

use cache_layout::{Skipped, Tier};
use url_parse::{CommitId, ModelRef, Proof};

/// The result of [`Cache::list`](crate::Cache::list). Serialized, it is the output of `mlc-weights list
/// --json`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// The models, by tier in search order, then by name. A model in several tiers appears several
    /// times.
    pub models: Vec<ModelEntry>,
    /// Everything else among the models, including what cannot be read.
    pub skipped: Vec<Skipped>,
    /// The remains of interrupted downloads, and running ones, by name.
    pub unfinished: Vec<Unfinished>,
}

/// What an unfinished download holds of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The model.
    pub model: ModelRef,
    /// The bytes on disk that it uses. The next download of the model continues from there, and
    /// [`Cache::prune`](crate::Cache::prune) frees them.
    pub bytes: u64,
    /// Whether the model is being downloaded, possibly on another machine.
    pub in_use: bool,
    /// When it was last written.
    pub written_at: Option<SystemTime>,
}

/// One model in one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelEntry {
    /// The model, with its revision if one was requested.
    pub model: ModelRef,
    /// Its tier.
    pub tier: Tier,
    /// Its directory, or the link to it.
    pub path: PathBuf,
    /// The target, if it is a link.
    pub link_target: Option<PathBuf>,
    /// The number of files in the directory.
    pub files: u64,
    /// The sum of their lengths in bytes.
    pub bytes: u64,
    /// The commit that it was downloaded from, if known.
    pub commit: Option<CommitId>,
    /// What proved then that its files belong to the commit; `None` if no receipt says so.
    pub proof: Option<Proof>,
    /// When its download was published, by this machine's clock, as its receipt says; without a receipt,
    /// when the directory was last modified, according to the file system. `None` if neither is known.
    /// Serialized, it is in whole seconds since 1970 (UTC).
    pub date: Option<SystemTime>,
    /// Who put it there.
    pub origin: EntryOrigin,
    /// What the model lacks, one line for each file; empty if it is whole. Nothing was hashed:
    /// [`Cache::verify`](crate::Cache::verify) does that.
    pub missing: Vec<String>,
    /// A part of the directory that could not be read and was not counted, and why.
    pub unreadable: Option<String>,
}

/// Who put a model into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryOrigin {
    /// A download of this library: a receipt describes this directory.
    Receipt,
    /// Another program, a person, or a download whose receipt is lost.
    Unknown,
}

impl ModelEntry {
    /// Whether all the files that the model needs are there, with the right sizes.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether its revision is a commit, in full or abbreviated, rather than a name that can move.
    pub fn is_pinned(&self) -> bool {
        let Some(revision) = self.model.revision() else { return false };
        let begins = |commit: CommitId| commit.to_string().starts_with(revision.as_str());
        revision.commit().is_some() || revision.may_be_short_commit() && self.commit.is_some_and(begins)
    }
}
