//! The results as JSON. Its fields are a contract, written down in docs/cache.md: new ones may be added, and
//! `version` is raised when an old one goes or changes its meaning.

mod listing;
mod removal;
mod report;

use std::error::Error as StdError;
use std::path::Path;
use std::time::SystemTime;

use url_parse::ModelRef;

/// Of every document.
const VERSION: u32 = 1;

fn revision(model: &ModelRef) -> Option<String> {
    model.revision().map(ToString::to_string)
}

/// JSON has no other texts than Unicode; what is none of it is replaced by U+FFFD.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Seconds since 1970; nothing for a time before.
fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// An error with its causes, in one line.
fn words(error: &crate::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}
