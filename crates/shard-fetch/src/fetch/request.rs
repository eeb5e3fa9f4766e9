//! What to fetch.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use url_parse::RepoPath;

use crate::Expected;

/// Something that must stay alive while work is going on, such as a lock. Each blocking job of a fetch
/// holds it until it ends, even if the fetch itself was dropped before.
pub type KeepAlive = Arc<dyn Any + Send + Sync>;

/// A file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// The name of the file for the locator and in messages.
    pub path: RepoPath,
    /// What its content must be.
    pub expected: Expected,
    /// Where the file is written until it is verified. If the fetch fails, its bytes stay there for a
    /// later fetch of the same content, with a journal beside it (this name plus `.journal`). Any other
    /// file at either path is removed. Both belong to this fetch alone until its [`KeepAlive`] is
    /// released.
    pub part: PathBuf,
    /// Where it is then moved by a rename; on the same file system as `part`. An existing file is
    /// replaced.
    pub destination: PathBuf,
}

/// The total size of all files.
pub(super) fn total(files: &[FileRequest]) -> u64 {
    files.iter().fold(0, |sum, file| sum.saturating_add(file.expected.size))
}
