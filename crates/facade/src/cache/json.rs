//! The results as JSON. The fields are a contract, documented in docs/cache.md: fields may be added,
//! and `version` is raised when one is removed or changes its meaning.

use std::path::Path;
use std::time::SystemTime;

use cache_layout::{RemovedEntry, Skipped};
use serde::{Serialize, Serializer};
use url_parse::{ModelRef, Proof};

use super::entry::{EntryOrigin, Listing, ModelEntry, Unfinished};
use super::removal::{PrunedModel, Pruning, Removal};
use super::report::{Basis, FileReport, FileState, VerifyReport};
use super::shrink::{ShrinkOutcome, Shrinking, ShrunkModel};
use crate::words::failure;

/// The version of every document.
const VERSION: u32 = 1;

/// `mlc-weights list --json`.
#[derive(Serialize)]
struct ListingJson<'a> {
    version: u32,
    models: Vec<ModelEntryJson<'a>>,
    skipped: Vec<SkippedJson>,
    unfinished: Vec<UnfinishedJson>,
}

#[derive(Serialize)]
struct UnfinishedJson {
    model: String,
    revision: Option<String>,
    bytes: u64,
    in_use: bool,
    /// Seconds since 1970.
    written: Option<u64>,
}

#[derive(Serialize)]
struct ModelEntryJson<'a> {
    model: String,
    revision: Option<String>,
    path: String,
    tier: String,
    read_only: bool,
    link_target: Option<String>,
    files: u64,
    bytes: u64,
    commit: Option<String>,
    proof: Option<&'static str>,
    /// Seconds since 1970.
    date: Option<u64>,
    origin: &'static str,
    whole: bool,
    missing: &'a [String],
    unreadable: Option<&'a str>,
}

#[derive(Serialize)]
struct SkippedJson {
    path: String,
    reason: String,
}

impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let skipped = self.skipped.iter().map(SkippedJson::from);
        let models = self.models.iter().map(ModelEntryJson::from);
        let unfinished = self.unfinished.iter().map(UnfinishedJson::from);
        ListingJson {
            version: VERSION,
            models: models.collect(),
            skipped: skipped.collect(),
            unfinished: unfinished.collect(),
        }
        .serialize(serializer)
    }
}

impl Serialize for ModelEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ModelEntryJson::from(self).serialize(serializer)
    }
}

impl<'a> From<&'a ModelEntry> for ModelEntryJson<'a> {
    fn from(entry: &'a ModelEntry) -> Self {
        Self {
            model: entry.model.to_string(),
            revision: revision(&entry.model),
            path: text(&entry.path),
            tier: text(entry.tier.path()),
            read_only: entry.tier.is_read_only(),
            link_target: entry.link_target.as_deref().map(text),
            files: entry.files,
            bytes: entry.bytes,
            commit: entry.commit.map(|commit| commit.to_string()),
            proof: entry.proof.map(Proof::as_str),
            date: entry.date.and_then(seconds),
            origin: match entry.origin {
                EntryOrigin::Receipt => "receipt",
                EntryOrigin::Unknown => "unknown",
            },
            whole: entry.is_whole(),
            missing: &entry.missing,
            unreadable: entry.unreadable.as_deref(),
        }
    }
}

impl From<&Unfinished> for UnfinishedJson {
    fn from(unfinished: &Unfinished) -> Self {
        Self {
            model: unfinished.model.to_string(),
            revision: revision(&unfinished.model),
            bytes: unfinished.bytes,
            in_use: unfinished.in_use,
            written: unfinished.written_at.and_then(seconds),
        }
    }
}

impl From<&Skipped> for SkippedJson {
    fn from(skipped: &Skipped) -> Self {
        Self { path: text(&skipped.path), reason: skipped.reason.to_string() }
    }
}

/// A model in `mlc-weights remove --json`.
#[derive(Serialize)]
struct RemovalJson {
    model: String,
    revision: Option<String>,
    path: String,
    entry: &'static str,
    link_target: Option<String>,
    bytes: u64,
    leftover: Option<String>,
    kept: Vec<String>,
}

/// `mlc-weights prune --json`.
#[derive(Serialize)]
struct PruningJson {
    version: u32,
    dry_run: bool,
    models: Vec<PrunedModelJson>,
    temporary_bytes: u64,
    failures: Vec<String>,
    removed_bytes: u64,
    kept_bytes: u64,
}

#[derive(Serialize)]
struct PrunedModelJson {
    model: String,
    revision: Option<String>,
    removed_bytes: u64,
    kept_bytes: u64,
    in_use: bool,
    holder: Option<String>,
    kept_until: Option<u64>,
    failure: Option<String>,
}

impl Serialize for Removal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (entry, link_target) = match &self.entry {
            RemovedEntry::Directory => ("directory", None),
            RemovedEntry::Link { target, .. } => ("link", Some(text(target))),
            _ => ("nothing", None),
        };
        let removal = RemovalJson {
            model: self.model.to_string(),
            revision: revision(&self.model),
            path: text(&self.path),
            entry,
            link_target,
            bytes: self.bytes,
            leftover: self.leftover.as_ref().map(|error| failure(error)),
            kept: self.kept.iter().map(|path| text(path)).collect(),
        };
        removal.serialize(serializer)
    }
}

impl Serialize for Pruning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pruning = PruningJson {
            version: VERSION,
            dry_run: self.dry_run,
            models: self.models.iter().map(PrunedModelJson::from).collect(),
            temporary_bytes: self.temporary_bytes,
            failures: self.failures.iter().map(|error| failure(error)).collect(),
            removed_bytes: self.removed_bytes(),
            kept_bytes: self.kept_bytes(),
        };
        pruning.serialize(serializer)
    }
}

impl From<&PrunedModel> for PrunedModelJson {
    fn from(pruned: &PrunedModel) -> Self {
        Self {
            model: pruned.model.to_string(),
            revision: revision(&pruned.model),
            removed_bytes: pruned.removed_bytes,
            kept_bytes: pruned.kept_bytes,
            in_use: pruned.in_use,
            holder: pruned.holder.as_ref().map(ToString::to_string),
            kept_until: pruned.kept_until.and_then(seconds),
            failure: pruned.failure.as_ref().map(|error| failure(error)),
        }
    }
}

/// The member `cache` in `mlc-weights prune --keep --json`.
#[derive(Serialize)]
struct ShrinkingJson {
    limit: u64,
    fits: bool,
    bytes_before: u64,
    bytes_after: u64,
    models: Vec<ShrunkModelJson>,
}

#[derive(Serialize)]
struct ShrunkModelJson {
    model: String,
    revision: Option<String>,
    path: String,
    bytes: u64,
    /// Seconds since 1970.
    last_used: Option<u64>,
    outcome: &'static str,
    failure: Option<String>,
}

impl Serialize for Shrinking {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shrinking = ShrinkingJson {
            limit: self.limit,
            fits: self.fits(),
            bytes_before: self.bytes_before(),
            bytes_after: self.bytes_after(),
            models: self.models.iter().map(ShrunkModelJson::from).collect(),
        };
        shrinking.serialize(serializer)
    }
}

impl From<&ShrunkModel> for ShrunkModelJson {
    fn from(shrunk: &ShrunkModel) -> Self {
        let (outcome, error) = match &shrunk.outcome {
            ShrinkOutcome::Removed { leftover } => ("removed", leftover.as_ref()),
            ShrinkOutcome::Fits => ("fits", None),
            ShrinkOutcome::InUse => ("in_use", None),
            ShrinkOutcome::OnlyCopy => ("only_copy", None),
            ShrinkOutcome::NotWhole => ("not_whole", None),
            ShrinkOutcome::Failed(error) => ("failed", Some(error)),
        };
        Self {
            model: shrunk.model.to_string(),
            revision: revision(&shrunk.model),
            path: text(&shrunk.path),
            bytes: shrunk.bytes,
            last_used: shrunk.last_used.and_then(seconds),
            outcome,
            failure: error.map(|error| failure(error)),
        }
    }
}

/// A model in `mlc-weights verify --json`.
#[derive(Serialize)]
struct VerifyReportJson<'a> {
    model: String,
    revision: Option<String>,
    path: String,
    tier: String,
    read_only: bool,
    basis: &'static str,
    commit: Option<String>,
    proof: Option<&'static str>,
    sound: bool,
    bytes_hashed: u64,
    files: Vec<FileReportJson<'a>>,
}

#[derive(Serialize)]
struct FileReportJson<'a> {
    path: &'a str,
    state: &'static str,
    detail: Option<&'a str>,
}

impl Serialize for VerifyReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (basis, commit) = match self.basis {
            Basis::Receipt { commit } => ("receipt", Some(commit.to_string())),
            Basis::Manifest => ("manifest", None),
            Basis::Nothing => ("nothing", None),
        };
        let report = VerifyReportJson {
            model: self.model.to_string(),
            revision: revision(&self.model),
            path: text(&self.path),
            tier: text(self.tier.path()),
            read_only: self.tier.is_read_only(),
            basis,
            commit,
            proof: self.proof.map(Proof::as_str),
            sound: self.is_sound(),
            bytes_hashed: self.bytes_hashed,
            files: self.files.iter().map(FileReportJson::from).collect(),
        };
        report.serialize(serializer)
    }
}

impl<'a> From<&'a FileReport> for FileReportJson<'a> {
    fn from(file: &'a FileReport) -> Self {
        let detail = match &file.state {
            FileState::Corrupt { problem } => Some(problem.as_str()),
            FileState::Unchecked { reason } => Some(reason.as_str()),
            FileState::Ok | FileState::Modified | FileState::Missing | FileState::Extra => None,
        };
        Self { path: &file.path, state: file.state.as_str(), detail }
    }
}

fn revision(model: &ModelRef) -> Option<String> {
    model.revision().map(ToString::to_string)
}

/// JSON text is Unicode; bytes that are not are replaced by U+FFFD.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Seconds since 1970; nothing for a time before.
fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}
