//! Makes a pack of one commit: the commit, its trees, its plain files and LFS pointers, without its
//! history.

use std::path::Path;

use super::task::Task;
use super::unpack::{FetchedCommit, failure};
use crate::Error;

/// Larger packs are not made. Packs of models have a few megabytes, since large files are in LFS.
const LARGEST: usize = 64 << 20;

/// The pack of a commit whose objects are all present.
pub(super) fn make_pack(commit: &FetchedCommit, task: &Task, scratch: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error| failure(task, scratch, &error);
    let mut builder = commit.repository.packbuilder().map_err(failed)?;
    let cancelled = task.cancelled.clone();
    builder.set_progress_callback(move |_, _, _| !cancelled.is_cancelled()).map_err(failed)?;
    builder.insert_commit(commit.id).map_err(failed)?;
    let mut pack = Vec::new();
    let written = builder.foreach(|piece| {
        pack.extend_from_slice(piece);
        pack.len() <= LARGEST && !task.cancelled.is_cancelled()
    });
    if pack.len() > LARGEST {
        return Err(task.too_much("bytes in the pack of the commit", LARGEST as u64));
    }
    written.map_err(failed)?;
    Ok(pack)
}
