//! What a repair keeps of the directory that it replaces: the user's own files, links and edits.
//!
//! People edit `mlc-chat-config.json` in place and put files of their own beside a model. A directory that
//! lost a shard is replaced as a whole, and they must not lose those with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cache_layout::{Run, read_plain};
use hf_transport::{FileKind, RepoFile, RepoSnapshot};
use shard_fetch::{
    CHAT_CONFIG_NAME, ChatConfig, Expected, MANIFEST_NAMES, MAX_METADATA_BYTES, is_pointer_text,
};
use url_parse::{DiskError, RepoPath};

use crate::Error;

/// What became of the user's own, for the observer.
#[derive(Debug, Default)]
pub(super) struct CarriedOver {
    /// What was kept, and its new place if that is another one.
    pub(super) kept: Vec<(PathBuf, PathBuf)>,
    /// What was not kept, and why.
    pub(super) left_behind: Vec<(PathBuf, &'static str)>,
}

/// Which of the files that the commit has, and that differ from the commit's, count as edited. Files and links
/// that the commit does not have are the user's own, and stay whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edits {
    /// All plain files.
    All,
    /// The configuration alone; others are damaged.
    Config,
    /// None.
    None,
}

impl Edits {
    fn includes(self, file: &RepoFile) -> bool {
        let is_config = file.path.as_str() == CHAT_CONFIG_NAME;
        match self {
            Self::All => is_config || file.kind == FileKind::Plain,
            Self::Config => is_config,
            Self::None => false,
        }
    }
}

/// Takes over from the old directory what the new tree should keep of it.
///
/// An edited file stays as it is, unless it is broken: an unreadable configuration, pointer text, a beginning
/// of the right file. Shards, other LFS files and manifests are never taken here; those that are good are in
/// the tree already.
pub(super) fn carry_over(
    run: &Run,
    entry: &Path,
    snapshot: &RepoSnapshot,
    plain_shards: &[(RepoPath, Expected)],
    edits: Edits,
) -> Result<CarriedOver, Error> {
    let mut carried = CarriedOver::default();
    for (path, is_link) in files_below(entry, &mut carried.left_behind)? {
        let rule = |name: &RepoPath| rule_for(snapshot, plain_shards, edits, name);
        match judge(run, entry, rule, &path, is_link)? {
            Verdict::Keep => {
                let place = keep(run, entry, &path)?;
                carried.kept.push((path, place));
            }
            Verdict::Drop => {}
            Verdict::Leave(reason) => carried.left_behind.push((path, reason)),
        }
    }
    Ok(carried)
}

enum Verdict {
    Keep,
    /// The tree has the commit's own.
    Drop,
    Leave(&'static str),
}

/// What the commit says of a file that stands in the old directory.
enum Rule {
    /// The commit does not have it.
    Own,
    /// It is taken from the commit, unless it was edited.
    Editable,
    /// It is taken from the commit, unless it is a link to the same content.
    Fixed,
    /// It is in the tree already, right.
    Done,
}

fn rule_for(
    snapshot: &RepoSnapshot,
    plain_shards: &[(RepoPath, Expected)],
    edits: Edits,
    name: &RepoPath,
) -> Rule {
    let is_manifest = MANIFEST_NAMES.contains(&name.as_str());
    let is_shard = |file: &RepoFile| plain_shards.iter().any(|(path, _)| *path == file.path);
    match snapshot.files.iter().find(|file| file.path == *name) {
        None if !is_manifest => Rule::Own,
        Some(file) if is_manifest || is_shard(file) => Rule::Done,
        Some(file) if edits.includes(file) => Rule::Editable,
        Some(file) if file.kind == FileKind::Plain => Rule::Fixed,
        _ => Rule::Done,
    }
}

fn judge(
    run: &Run,
    entry: &Path,
    rule: impl Fn(&RepoPath) -> Rule,
    path: &Path,
    is_link: bool,
) -> Result<Verdict, Error> {
    let Some(name) = repo_path(path) else { return Ok(Verdict::Keep) };
    let (old, new) = (entry.join(path), run.tree().join(path));
    match rule(&name) {
        Rule::Own => Ok(Verdict::Keep),
        Rule::Editable => judge_plain(&name, &old, &new, is_link, true),
        Rule::Fixed if is_link => judge_plain(&name, &old, &new, is_link, false),
        Rule::Done if is_link && !new.is_symlink() => Ok(Verdict::Leave(REPLACED_LINK)),
        Rule::Fixed | Rule::Done => Ok(Verdict::Drop),
    }
}

const REPLACED_LINK: &str = "a link that leads to something else than this file, which has taken its place";

fn judge_plain(
    name: &RepoPath,
    old: &Path,
    new: &Path,
    is_link: bool,
    is_editable: bool,
) -> Result<Verdict, Error> {
    let old_bytes = match read_plain(old, MAX_METADATA_BYTES) {
        Ok(bytes) => bytes,
        // Whatever it is, it is no beginning of the commit's file and no pointer.
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge && !is_link => {
            let is_edited = is_editable && name.as_str() != CHAT_CONFIG_NAME;
            return Ok(if is_edited { Verdict::Keep } else { Verdict::Drop });
        }
        Err(_) if is_link => return Ok(Verdict::Leave(REPLACED_LINK)),
        Err(source) => return Err(DiskError::new("read", old, source).into()),
    };
    let new_bytes = fs::read(new).map_err(|source| DiskError::new("read", new, source))?;
    let is_edited = is_editable && is_valid_edit(name, &old_bytes, &new_bytes);
    Ok(if is_edited || is_link && old_bytes == new_bytes {
        Verdict::Keep
    } else if is_link {
        Verdict::Leave(REPLACED_LINK)
    } else {
        Verdict::Drop
    })
}

/// Answers the place below the tree.
fn keep(run: &Run, entry: &Path, path: &Path) -> Result<PathBuf, Error> {
    let new = run.tree().join(path);
    // The commit's own file, which was edited.
    if fs::symlink_metadata(&new).is_ok_and(|found| !found.is_dir()) {
        fs::remove_file(&new).map_err(|source| DiskError::new("replace", &new, source))?;
    }
    Ok(run.adopt_own(&entry.join(path))?)
}

/// The path as a repository would name it.
fn repo_path(path: &Path) -> Option<RepoPath> {
    let names: Option<Vec<&str>> = path.iter().map(|name| name.to_str()).collect();
    names?.join("/").parse().ok()
}

/// Whether a plain file that the user has is an edit of the commit's, rather than a broken copy of it.
fn is_valid_edit(path: &RepoPath, old: &[u8], new: &[u8]) -> bool {
    let is_broken = new.starts_with(old)
        || is_pointer_text(old)
        || (path.as_str() == CHAT_CONFIG_NAME && ChatConfig::parse(old).is_err());
    !is_broken
}

/// The files and links below a folder, sorted, each with whether it is a link; links are not followed. What is
/// neither goes to `left_behind`.
fn files_below(
    root: &Path,
    left_behind: &mut Vec<(PathBuf, &'static str)>,
) -> Result<Vec<(PathBuf, bool)>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(prefix) = folders.pop() {
        let folder = root.join(&prefix);
        let unreadable = |source| DiskError::new("list", &folder, source);
        for found in fs::read_dir(&folder).map_err(unreadable)? {
            let found = found.map_err(unreadable)?;
            let kind = found.file_type().map_err(unreadable)?;
            let path = prefix.join(found.file_name());
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() || kind.is_symlink() {
                files.push((path, kind.is_symlink()));
            } else {
                left_behind.push((path, "neither a file, a folder nor a link"));
            }
        }
    }
    files.sort();
    Ok(files)
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
