//! A model in `mlc-weights remove --json`, and `mlc-weights prune --json`.

use cache_layout::RemovedEntry;
use serde::{Serialize, Serializer};

use super::{VERSION, revision, text, words};
use crate::cache::removal;

#[derive(Serialize)]
struct Removal {
    model: String,
    revision: Option<String>,
    path: String,
    entry: &'static str,
    link_target: Option<String>,
    bytes: u64,
    leftover: Option<String>,
    kept: Vec<String>,
}

#[derive(Serialize)]
struct Pruning {
    version: u32,
    dry_run: bool,
    models: Vec<PrunedModel>,
    temporary_bytes: u64,
    removed_bytes: u64,
    kept_bytes: u64,
}

#[derive(Serialize)]
struct PrunedModel {
    model: String,
    revision: Option<String>,
    removed_bytes: u64,
    kept_bytes: u64,
    in_use: bool,
    failure: Option<String>,
}

impl Serialize for removal::Removal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (entry, link_target) = match &self.entry {
            RemovedEntry::Directory => ("directory", None),
            RemovedEntry::Link { target } => ("link", Some(text(target))),
            _ => ("nothing", None),
        };
        let removal = Removal {
            model: self.model.to_string(),
            revision: revision(&self.model),
            path: text(&self.path),
            entry,
            link_target,
            bytes: self.bytes,
            leftover: self.leftover.as_ref().map(words),
            kept: self.kept.iter().map(|path| text(path)).collect(),
        };
        removal.serialize(serializer)
    }
}

impl Serialize for removal::Pruning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pruning = Pruning {
            version: VERSION,
            dry_run: self.dry_run,
            models: self.models.iter().map(PrunedModel::from).collect(),
            temporary_bytes: self.temporary_bytes,
            removed_bytes: self.removed_bytes(),
            kept_bytes: self.kept_bytes(),
        };
        pruning.serialize(serializer)
    }
}

impl From<&removal::PrunedModel> for PrunedModel {
    fn from(pruned: &removal::PrunedModel) -> Self {
        Self {
            model: pruned.model.to_string(),
            revision: revision(&pruned.model),
            removed_bytes: pruned.removed_bytes,
            kept_bytes: pruned.kept_bytes,
            in_use: pruned.in_use,
            failure: pruned.failure.as_ref().map(words),
        }
    }
}
