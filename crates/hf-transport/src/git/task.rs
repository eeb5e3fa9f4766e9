//! What every step that reads a commit has to know, wherever its objects come from.

use net::ServerWords;
use url_parse::{ModelId, Revision};

use super::advertisement::Advertisement;
use super::cancel::CancelSignal;
use super::wanted::revision_not_found;
use crate::Error;

/// A commit is to be read.
pub(super) struct Task {
    pub(super) model: ModelId,
    pub(super) revision: Option<Revision>,
    pub(super) cancelled: CancelSignal,
    /// How much metadata the caller takes.
    pub(super) max_bytes: u64,
}

impl Task {
    pub(super) fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.model.clone(), what, limit }
    }

    pub(super) fn not_found(&self) -> Error {
        revision_not_found(&self.model, self.revision.as_ref(), ServerWords::none())
    }

    /// The same where the hub has listed what there is.
    pub(super) fn not_among(&self, offered: &Advertisement) -> Error {
        match self.not_found() {
            Error::RevisionNotFound { model, revision, hub_says, .. } => {
                Error::RevisionNotFound { model, revision, known: offered.names(), hub_says }
            }
            other => other,
        }
    }
}
