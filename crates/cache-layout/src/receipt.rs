//! What an entry was made from.

use std::io;
use std::time::SystemTime;

use url_parse::{CommitId, Endpoint, Excerpt, ModelId, ModelRef, Proof, RepoPath, Revision, shown};

use crate::error::is_absence;
use crate::layout::CacheLayout;
use crate::place::Place;
use crate::slot::{self, Slot};
use crate::slot_name;

mod wire;

/// The commit that a run published, and its files. Kept outside the model's directory, which another
/// program may replace: a receipt counts only while `manifest_sha256` matches the directory's manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The commit that every file belongs to.
    pub commit: CommitId,
    /// What proves that the files belong to the commit; `None` in a receipt of an earlier version.
    pub proof: Option<Proof>,
    /// The base URL of the hub that they came from; `None` in a receipt of an earlier version, and if a
    /// store provided the metadata.
    pub endpoint: Option<Endpoint>,
    /// The requested revision, which resolved to this commit; `None` for the default branch.
    pub revision: Option<Revision>,
    /// When the hub resolved the revision to this commit, by its own clock or according to a store;
    /// `None` if unknown.
    pub seen_at: Option<SystemTime>,
    /// The SHA-256 of the manifest in the directory.
    pub manifest_sha256: [u8; 32],
    /// When the receipt was made, by this machine's clock; whole seconds once written.
    pub made_at: SystemTime,
    /// The files in the commit.
    pub files: Vec<ReceiptFile>,
    /// Files that the model's configuration names and the commit lacks.
    pub lacking: Vec<RepoPath>,
    /// Files of the commit for which a repair kept the user's edited versions.
    pub edits: Vec<Edit>,
}

/// A file of the commit that the user has edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Its path in the model's directory.
    pub path: RepoPath,
    /// The SHA-256 of the edited file.
    pub sha256: [u8; 32],
}

/// One file of a [`Receipt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFile {
    /// Its path in the model's directory.
    pub path: RepoPath,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, if the repository provides one or it was computed.
    pub sha256: Option<[u8; 32]>,
    /// Its MD5, if the manifest provides one.
    pub md5: Option<[u8; 16]>,
}

impl Receipt {
    /// A receipt without files, made now.
    pub fn new(commit: CommitId, manifest_sha256: [u8; 32]) -> Self {
        let made_at = SystemTime::now();
        Self {
            commit,
            proof: None,
            endpoint: None,
            revision: None,
            seen_at: None,
            manifest_sha256,
            made_at,
            files: Vec::new(),
            lacking: Vec::new(),
            edits: Vec::new(),
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Numbers and strings always serialize.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

/// A receipt of ten thousand files has a few megabytes.
pub(crate) const LARGEST: u64 = 64 << 20;

impl CacheLayout {
    /// The receipt of the slot's entry in the writable tier. An unreadable one counts as missing, with
    /// a warning in the log.
    pub fn receipt(&self, slot: &Slot) -> Option<Receipt> {
        read_if_any(&slot.receipt_file(), LARGEST)
    }

    /// The slot that a private file or folder is named after, if any.
    pub(crate) fn slot_of_file_name(&self, name: &str) -> Option<Slot> {
        let (user, entry) = name.split_once('+')?;
        self.slot_of_entry(user, entry)
    }

    /// The slot of the entry `hf/<user>/<name>`, if that is a valid name. If the name was cut, the
    /// receipt has the full revision.
    pub(crate) fn slot_of_entry(&self, user: &str, name: &str) -> Option<Slot> {
        let model = slot_name::parse(user, name).or_else(|| self.model_by_receipt(user, name))?;
        let slot = self.slot(&model);
        (slot.file_name() == slot::file_name(user, name)).then_some(slot)
    }

    fn model_by_receipt(&self, user: &str, name: &str) -> Option<ModelRef> {
        let (repo, _) = name.split_once('@')?;
        let id = ModelId::new(user, repo).ok()?;
        // The rest of the name must be valid in a path before a path is made from it.
        if name.bytes().any(|byte| !(byte.is_ascii_alphanumeric() || b"-_.%@".contains(&byte))) {
            return None;
        }
        let file = slot::receipt_file(self.private(), &slot::file_name(user, name));
        Some(ModelRef::new(id, Some(read_if_any(&file, LARGEST)?.revision?)))
    }
}

pub(crate) fn read_if_any(place: &Place, limit: u64) -> Option<Receipt> {
    match read(place, limit) {
        Ok(receipt) => Some(receipt),
        Err(e) if is_absence(&e) => None,
        Err(error) => {
            // It may quote text that another user wrote.
            let error = Excerpt::of(&error.to_string());
            tracing::warn!(path = %shown(place.path()), %error, "ignoring an unusable receipt");
            None
        }
    }
}

fn read(place: &Place, limit: u64) -> io::Result<Receipt> {
    Ok(serde_json::from_slice(&place.read(limit)?)?)
}

#[cfg(test)]
mod tests;
