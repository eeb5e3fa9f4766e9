//! A temporary folder for libgit2.

use std::path::Path;

use url_parse::{DiskError, shown};

use super::cancel::CancelSignal;
use super::library;
use crate::{Error, MetadataRequest};

/// Runs a job with libgit2 in a folder that is removed afterwards.
pub(super) fn with_scratch<T>(
    cancelled: &CancelSignal,
    request: &MetadataRequest,
    work: impl FnOnce(&Path) -> Result<T, Error>,
) -> Result<T, Error> {
    if cancelled.is_cancelled() {
        // Cancelled while it waited for a thread.
        return Err(net::Error::Cancelled.into());
    }
    library::prepare()?;
    let scratch = tempfile::Builder::new()
        .prefix("mlc-weights-git-")
        .tempdir_in(&request.scratch_parent)
        .map_err(|source| DiskError::new("create a scratch folder in", &request.scratch_parent, source))?;
    let outcome = work(scratch.path());
    let folder = scratch.path().to_owned();
    if let Err(error) = make_removable(&folder).and_then(|()| scratch.close()) {
        tracing::warn!(folder = %shown(&folder), %error, "cannot remove a scratch folder");
    }
    outcome
}

/// libgit2's packs are read-only, which prevents their removal on some Windows versions and file
/// systems.
#[cfg(windows)]
fn make_removable(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = std::fs::symlink_metadata(&path)?;
        let mut permissions = found.permissions();
        if found.is_dir() {
            make_removable(&path)?;
        } else if permissions.readonly() {
            permissions.set_readonly(false);
            std::fs::set_permissions(&path, permissions)?;
        }
    }
    Ok(())
}

#[cfg(not(windows))]
#[expect(clippy::unnecessary_wraps, reason = "as on Windows")]
fn make_removable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
