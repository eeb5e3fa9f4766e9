//! What a listing holds.

use std::path::PathBuf;
use std::time::SystemTime;

use cache_layout::{Skipped, Tier};
use url_parse::{CommitId, ModelRef, Proof};

/// What [`Cache::list`](crate::Cache::list) found. Serialized, it is the document of `mlc-weights list --json`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// The models: tier by tier in the order of look-up, there by name. A model that several tiers have is
    /// there several times.
    pub models: Vec<ModelEntry>,
    /// What stands among the models and is not a model, and what cannot be looked at.
    pub skipped: Vec<Skipped>,
    /// What interrupted downloads hold, and those that are under way, by name.
    pub unfinished: Vec<Unfinished>,
}

/// What a download that has not ended well holds of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// The model.
    pub model: ModelRef,
    /// How many bytes of disk it holds. The next download of the model continues from there, and
    /// [`Cache::prune`](crate::Cache::prune) gives them back.
    pub bytes: u64,
    /// Whether the model is being downloaded, or may be on another machine.
    pub in_use: bool,
    /// When it was last written to.
    pub written: Option<SystemTime>,
}

/// One model in one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelEntry {
    /// The model, and its revision where one was asked for.
    pub model: ModelRef,
    /// The tier that it is in.
    pub tier: Tier,
    /// Its directory, or the link to it.
    pub path: PathBuf,
    /// What the link points to, when it is one.
    pub link_target: Option<PathBuf>,
    /// How many files the directory has.
    pub files: u64,
    /// Their lengths in bytes, added up.
    pub bytes: u64,
    /// The commit that it was downloaded from, when that is known.
    pub commit: Option<CommitId>,
    /// What showed then that its files are that commit's; nothing when no receipt says so.
    pub proof: Option<Proof>,
    /// When it was downloaded, else when the directory was last changed.
    pub date: Option<SystemTime>,
    /// Who put it there.
    pub origin: Origin,
    /// What the model needs and does not have, a line for each file; empty when it is whole. Nothing was
    /// hashed: [`Cache::verify`](crate::Cache::verify) does that.
    pub missing: Vec<String>,
    /// A part of the directory that cannot be read and was not counted, and why.
    pub unreadable: Option<String>,
}

/// Who put a model into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A download of this library: there is a receipt, and it is about this directory.
    Receipt,
    /// Another program, a person, or a download whose receipt is lost.
    Unknown,
}

impl ModelEntry {
    /// Whether everything that the model needs is there, with its right size.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether its revision is a commit, in full or by the first digits, and not a name that moves.
    pub fn is_pinned(&self) -> bool {
        let Some(revision) = self.model.revision() else { return false };
        let begins = |commit: CommitId| commit.to_string().starts_with(revision.as_str());
        revision.commit().is_some() || revision.may_be_short_commit() && self.commit.is_some_and(begins)
    }
}
