//! What a repair keeps of the directory that it replaces: the user's own files, and the user's edits.
//!
//! People edit `mlc-chat-config.json` in place and put files of their own beside a model. A directory that
//! lost a shard is replaced as a whole, and they must not lose those with it.

use std::fs;
use std::path::Path;

use cache_layout::Run;
use hf_transport::{FileKind, RepoSnapshot};
use shard_fetch::{CHAT_CONFIG_NAME, ChatConfig, MANIFEST_NAMES, is_pointer_text};
use url_parse::RepoPath;

use crate::Error;

/// Folders nested deeper than this are left behind.
const MAX_DEPTH: usize = 32;

/// Takes over from the old directory what the new tree should keep of it. Returns what was taken.
///
/// Files that the commit does not have are the user's. A plain file that differs from the commit's was
/// edited, and stays as it is, unless it is broken: an unreadable configuration, pointer text, a beginning
/// of the right file. Shards, other LFS files and manifests are never taken.
pub(super) fn carry_over(
    run: &Run,
    entry: &Path,
    snapshot: &RepoSnapshot,
    plain_shards: &[RepoPath],
) -> Result<Vec<RepoPath>, Error> {
    let mut carried = Vec::new();
    for path in files_below(entry)? {
        if !plain_shards.contains(&path) && should_keep(run, entry, snapshot, &path)? {
            let new = path.under(run.tree());
            if new.exists() {
                fs::remove_file(&new).map_err(|source| failed("replace", &new, source))?;
            }
            run.adopt(&path.under(entry), &path)?;
            carried.push(path);
        }
    }
    Ok(carried)
}

fn should_keep(run: &Run, entry: &Path, snapshot: &RepoSnapshot, path: &RepoPath) -> Result<bool, Error> {
    if MANIFEST_NAMES.contains(&path.as_str()) {
        return Ok(false);
    }
    match snapshot.files.iter().find(|file| file.path == *path) {
        None => Ok(true),
        Some(file) if matches!(file.kind, FileKind::Lfs(_)) => Ok(false),
        Some(_) => {
            let (old, new) = (path.under(entry), path.under(run.tree()));
            let old = fs::read(&old).map_err(|source| failed("read", &old, source))?;
            let new = fs::read(&new).map_err(|source| failed("read", &new, source))?;
            Ok(is_valid_edit(path, &old, &new))
        }
    }
}

/// Whether a plain file that the user has is an edit of the commit's, rather than a broken copy of it.
fn is_valid_edit(path: &RepoPath, old: &[u8], new: &[u8]) -> bool {
    let is_broken = new.starts_with(old)
        || is_pointer_text(old)
        || (path.as_str() == CHAT_CONFIG_NAME && ChatConfig::parse(old).is_err());
    !is_broken
}

/// The plain files below a folder whose names a repository could have, links not followed.
fn files_below(root: &Path) -> Result<Vec<RepoPath>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), 0)];
    while let Some((prefix, depth)) = folders.pop() {
        let folder = root.join(&prefix);
        let unreadable = |source| failed("list", &folder, source);
        for found in fs::read_dir(&folder).map_err(unreadable)? {
            let found = found.map_err(unreadable)?;
            let kind = found.file_type().map_err(unreadable)?;
            let Some(path) = found.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
                tracing::warn!(path = %found.path().display(), "left behind: its name is not UTF-8");
                continue;
            };
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((format!("{path}/"), depth + 1));
            } else if let Ok(path) = path.parse()
                && kind.is_file()
            {
                files.push(path);
            } else {
                tracing::warn!(path = %found.path().display(), "left behind: not a plain file that a model could have");
            }
        }
    }
    files.sort();
    Ok(files)
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Disk { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

    #[track_caller]
    fn check(path: &str, old: &[u8], new: &[u8], expected: bool) {
        assert_eq!(is_valid_edit(&path.parse().unwrap(), old, new), expected);
    }

    #[test]
    fn an_edit_is_kept_and_a_broken_copy_is_not() {
        check("README.md", b"mine", b"theirs", true);
        check("README.md", b"theirs", b"theirs", false);
        check("README.md", b"the", b"theirs", false);
        check("README.md", b"", b"theirs", false);
        check("tokenizer.model", POINTER, b"theirs", false);
        check(CHAT_CONFIG_NAME, br#"{"temperature": 0.1}"#, br#"{"temperature": 0.7}"#, true);
        check(CHAT_CONFIG_NAME, br#"{"temperature": 0."#, br#"{"top_p": 0.7}"#, false);
    }
}
