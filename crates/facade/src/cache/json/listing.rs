//! `mlc-weights list --json`.

use serde::{Serialize, Serializer};

use super::{VERSION, revision, seconds, text};
use crate::cache::entry::{self, Origin};

#[derive(Serialize)]
struct Listing<'a> {
    version: u32,
    models: Vec<ModelEntry<'a>>,
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
struct ModelEntry<'a> {
    model: String,
    revision: Option<String>,
    path: String,
    tier: String,
    read_only: bool,
    link_target: Option<String>,
    files: u64,
    bytes: u64,
    commit: Option<String>,
    /// Seconds since 1970.
    date: Option<u64>,
    origin: &'static str,
    whole: bool,
    missing: &'a [String],
    unreadable: Option<&'a str>,
}

#[derive(Serialize)]
struct Skipped {
    path: String,
    reason: String,
}

impl Serialize for entry::Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let skipped = self.skipped.iter().map(Skipped::from);
        let models = self.models.iter().map(ModelEntry::from);
        Listing { version: VERSION, models: models.collect(), skipped: skipped.collect() }
            .serialize(serializer)
    }
}

impl Serialize for entry::ModelEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ModelEntry::from(self).serialize(serializer)
    }
}

impl<'a> From<&'a entry::ModelEntry> for ModelEntry<'a> {
    fn from(entry: &'a entry::ModelEntry) -> Self {
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
            date: entry.date.and_then(seconds),
            origin: match entry.origin {
                Origin::Receipt => "receipt",
                Origin::Unknown => "unknown",
            },
            whole: entry.is_whole(),
            missing: &entry.missing,
            unreadable: entry.unreadable.as_deref(),
        }
    }
}

impl From<&cache_layout::Skipped> for Skipped {
    fn from(skipped: &cache_layout::Skipped) -> Self {
        Self { path: text(&skipped.path), reason: skipped.reason.to_string() }
    }
}
