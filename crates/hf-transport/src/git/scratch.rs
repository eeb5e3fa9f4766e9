//! A folder for libgit2, for as long as it is needed.

use std::path::Path;

use url_parse::{DiskError, shown};

use super::cancel::CancelSignal;
use super::library;
use crate::{Error, MetadataRequest};

/// Does some work with libgit2 in a folder that is removed afterwards.
pub(super) fn with_scratch<T>(
    cancelled: &CancelSignal,
    request: &MetadataRequest,
    work: impl FnOnce(&Path) -> Result<T, Error>,
) -> Result<T, Error> {
    if cancelled.is_cancelled() {
        // It waited for a thread too long.
        return Err(net::Error::Cancelled.into());
    }
    library::prepare()?;
    let scratch = tempfile::Builder::new()
        .prefix("mlc-weights-git-")
        .tempdir_in(&request.scratch_parent)
        .map_err(|source| DiskError::new("create a scratch folder in", &request.scratch_parent, source))?;
    let outcome = work(scratch.path());
    let folder = scratch.path().to_owned();
    if let Err(error) = scratch.close() {
        tracing::warn!(folder = %shown(&folder), %error, "cannot remove a scratch folder");
    }
    outcome
}
