//! Tests of the public interface, against the local hub's data host and on real directories.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers end the test, in preparation or by their verdict, as the test functions themselves may"
)]

mod adapting;
mod answers;
mod anything;
mod cancelling;
mod crawling;
mod disk;
mod fetching;
mod locating;
mod model_dir;
mod ranges;
mod redirects;
mod resuming;
mod slowness;
mod support;
mod verify;

/// A temporary folder for a test.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
