//! What a fetch is asked for.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use url_parse::RepoPath;

use crate::Expected;

/// Something that must live as long as work is going on, such as a lock. Each blocking job of a fetch holds
/// it until it ends, also when the fetch itself was dropped before.
pub type KeepAlive = Arc<dyn Any + Send + Sync>;

/// A file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// What the locator and messages call it.
    pub path: RepoPath,
    /// What it must be.
    pub expected: Expected,
    /// Where its bytes are written until they are verified. When fetching fails, what had come stays there,
    /// and beside it, under this name with `.journal` at its end, what of it may be used; a later fetch of
    /// the same content goes on from there. Anything else that is there is removed. Both files belong to
    /// this fetch alone until the fetch's [`KeepAlive`] is released.
    pub part: PathBuf,
    /// Where it is moved then, by a rename; on the same file system as `part`. A file that is there is
    /// replaced.
    pub destination: PathBuf,
}

/// The bytes of all files.
pub(super) fn total(files: &[FileRequest]) -> u64 {
    files.iter().fold(0, |sum, file| sum.saturating_add(file.expected.size))
}
