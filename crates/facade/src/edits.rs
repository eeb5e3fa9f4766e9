//! Defines what counts as a user's edit of a file of the commit, for verification and repair alike.

use std::path::Path;

use cache_layout::Receipt;
use shard_fetch::{CHAT_CONFIG_NAME, ChatConfig, digest_file, read_metadata_file};
use url_parse::RepoPath;

/// The SHA-256 of a file or of a link's target; `None` if it is not a plain file or cannot be read.
pub(crate) fn sha256_of(file: &Path) -> Option<[u8; 32]> {
    digest_file(file).ok()?.sha256.map(|digest| *digest.as_bytes())
}

/// Whether a file that differs from the commit's is the user's edit rather than damage: a valid chat
/// config, since people edit that, or a file that an earlier repair recorded as an edit.
pub(crate) fn is_edit(receipt: Option<&Receipt>, dir: &Path, path: &RepoPath) -> bool {
    let is_config = path.as_str() == CHAT_CONFIG_NAME;
    is_config && matches!(read_chat_config(dir), Some(Ok(_))) || is_recorded(receipt, dir, path)
}

fn is_recorded(receipt: Option<&Receipt>, dir: &Path, path: &RepoPath) -> bool {
    let mut edits = receipt.into_iter().flat_map(|receipt| &receipt.edits);
    let recorded = edits.find(|edit| edit.path == *path);
    recorded.is_some_and(|edit| sha256_of(&path.under(dir)) == Some(edit.sha256))
}

/// A directory's chat config, if there is one.
pub(crate) fn read_chat_config(dir: &Path) -> Option<Result<ChatConfig, shard_fetch::Error>> {
    let bytes = read_metadata_file(dir, CHAT_CONFIG_NAME)?;
    Some(bytes.and_then(|bytes| ChatConfig::parse(&bytes)))
}
