//! The context of every step that reads a commit, wherever its objects come from.

use net::ServerWords;
use url_parse::{ModelId, Revision};

use super::advertisement::Advertisement;
use super::cancel::CancelSignal;
use super::wanted::revision_not_found;
use crate::Error;

/// The task of reading a commit.
pub(super) struct Task {
    pub(super) model: ModelId,
    pub(super) revision: Option<Revision>,
    pub(super) cancelled: CancelSignal,
    /// The caller's limit on metadata.
    pub(super) max_bytes: u64,
}

impl Task {
    pub(super) fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.model.clone(), what, limit }
    }

    pub(super) fn not_found(&self) -> Error {
        revision_not_found(&self.model, self.revision.as_ref(), ServerWords::none())
    }

    /// The same error, with the names that the hub has listed.
    pub(super) fn not_among(&self, offered: &Advertisement) -> Error {
        match self.not_found() {
            Error::RevisionNotFound { model, revision, hub_says, .. } => {
                Error::RevisionNotFound { model, revision, known: offered.names(), hub_says }
            }
            other => other,
        }
    }
}
