//! Tests of the public interface, against the local hub.

#![expect(clippy::unwrap_used, reason = "a failed step of a test's preparation ends the test")]

mod api;
mod cancelling;
mod exporting;
mod git_agrees;
mod hostile_trees;
mod lfs_batch;
mod limits;
mod locating;
mod network;
mod packs;
mod recorded;
mod redirects;
mod refusals;
mod revisions;
mod runtimes;
mod store_packs;
mod support;
mod throttling;

/// A temporary folder for a test.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
