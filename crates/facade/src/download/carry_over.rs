//! What a repair keeps of the directory that it replaces: the user's own files, links and edits.
//!
//! People edit `mlc-chat-config.json` in place and put their own files beside a model. A repair
//! replaces the whole directory, but must not lose these.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use cache_layout::{Edit, Receipt, Run};
use hf_transport::{FileKind, RepoFile, RepoSnapshot};
use shard_fetch::{
    CHAT_CONFIG_NAME, ChatConfig, Expected, MANIFEST_NAMES, Manifest, is_pointer_text, read_metadata_file,
};
use url_parse::{CommitId, DiskError, RepoPath};

use crate::edits::{is_edit, read_chat_config, sha256_of};
use crate::{Error, Repair};

/// What happened to the user's files, for the observer and the receipt.
#[derive(Debug, Default)]
pub(super) struct CarriedOver {
    /// What was kept, and its new path if that differs.
    pub(super) kept: Vec<(PathBuf, PathBuf)>,
    /// What was not kept, and why.
    pub(super) left_behind: Vec<(PathBuf, &'static str)>,
    /// Edited files that stand in place of the commit's.
    pub(super) edits: Vec<Edit>,
}

/// The commit of the new tree.
pub(super) struct Commit<'a> {
    id: CommitId,
    files: HashMap<&'a RepoPath, &'a RepoFile>,
    plain_shards: HashSet<&'a RepoPath>,
    /// Files that its configuration names and it does not have.
    lacking: HashSet<&'a RepoPath>,
}

/// The records about the old directory.
#[derive(Clone, Copy)]
pub(super) struct Receipts<'a> {
    /// The receipt that describes it.
    pub(super) about: Option<&'a Receipt>,
    /// The most recent receipt, which may describe an earlier directory. The files that it lists are
    /// not the user's either.
    pub(super) last: Option<&'a Receipt>,
}

/// Carries over from the old directory what the new tree should keep.
///
/// `receipts` distinguish the files of an earlier download from the user's. An edit (see [`is_edit`])
/// stays in place if the directory had this commit. Any other plain file that matches neither the old
/// nor the new commit may be an edit of another commit's file, or damage. It is kept beside the right
/// one, as `NAME.own`, unless it is recognizably broken: an unreadable configuration, a git-lfs
/// pointer, or the beginning of the right file. The kind of repair requested may override this
/// ([`Repair`]). Shards, other LFS files and manifests are never carried over here; intact ones are
/// already in the tree.
pub(super) fn carry_over(
    run: &Run,
    entry: &Path,
    new: &Commit<'_>,
    receipts: Receipts<'_>,
    repair: Option<Repair>,
) -> Result<CarriedOver, Error> {
    let mut carried = CarriedOver::default();
    let old = Old { run, entry, receipts, shards: shards_of(entry), committed: committed(receipts.last) };
    let (mut edited, mut beside) = (Vec::new(), Vec::new());
    for (path, is_link) in files_below(entry, &mut carried.left_behind)? {
        match old.judge(new, repair, &path, is_link) {
            Verdict::Keep => carried.kept.push((path.clone(), run.adopt_instead(&entry.join(&path))?)),
            Verdict::Edited(edit) => edited.push((path, edit)),
            Verdict::Beside => beside.push(path),
            Verdict::Drop => {}
            Verdict::Leave(reason) => carried.left_behind.push((path, reason)),
        }
    }
    // By now the user's other files have their places.
    for (path, edit) in edited {
        if is_served(run.tree(), entry, &path, &new.lacking) {
            carried.kept.push((path.clone(), run.adopt_instead(&entry.join(&path))?));
            carried.edits.push(edit);
        } else {
            beside.push(path);
        }
    }
    for path in beside {
        let place = run.adopt_beside(&entry.join(&path))?;
        carried.kept.push((path, place));
    }
    Ok(carried)
}

enum Verdict {
    Keep,
    /// The user's edit, which may stay in place of the commit's file.
    Edited(Edit),
    /// The tree has the commit's file, and this one goes beside it.
    Beside,
    /// The tree has the commit's file, or needs none.
    Drop,
    Leave(&'static str),
}

/// The commit's rule for a file in the old directory.
enum Rule {
    /// The commit does not have it.
    Own,
    /// It comes from the commit, unless it was edited or is a link to the same content.
    Editable,
    /// The right file is already in the tree.
    Done,
}

impl<'a> Commit<'a> {
    pub(super) fn new(
        snapshot: &'a RepoSnapshot,
        plain_shards: &'a [(RepoPath, Expected)],
        lacking: &'a [RepoPath],
    ) -> Self {
        Self {
            id: snapshot.commit,
            files: snapshot.files.iter().map(|file| (&file.path, file)).collect(),
            plain_shards: plain_shards.iter().map(|(path, _)| path).collect(),
            lacking: lacking.iter().collect(),
        }
    }

    fn rule_for(&self, name: &RepoPath) -> Rule {
        let is_manifest = MANIFEST_NAMES.contains(&name.as_str());
        let is_config = name.as_str() == CHAT_CONFIG_NAME;
        match self.files.get(name) {
            None if !is_manifest => Rule::Own,
            Some(_) if is_manifest || self.plain_shards.contains(name) => Rule::Done,
            Some(file) if is_config || file.kind == FileKind::Plain => Rule::Editable,
            _ => Rule::Done,
        }
    }
}

/// The directory being repaired.
struct Old<'a> {
    run: &'a Run,
    entry: &'a Path,
    receipts: Receipts<'a>,
    /// The shards that its manifest names.
    shards: HashSet<RepoPath>,
    /// The files of the most recent receipt.
    committed: HashMap<&'a RepoPath, Option<[u8; 32]>>,
}

fn committed(last: Option<&Receipt>) -> HashMap<&RepoPath, Option<[u8; 32]>> {
    last.into_iter().flat_map(|receipt| &receipt.files).map(|file| (&file.path, file.sha256)).collect()
}

const REPLACED_LINK: &str = "a link that leads to something else than this file, which has taken its place";

impl Old<'_> {
    fn judge(&self, new: &Commit<'_>, repair: Option<Repair>, path: &Path, is_link: bool) -> Verdict {
        let Some(name) = repo_path(path) else { return Verdict::Keep };
        match new.rule_for(&name) {
            Rule::Own if self.is_left_of_the_old_commit(&name) => Verdict::Drop,
            Rule::Own => Verdict::Keep,
            Rule::Editable => self.judge_editable(&name, new.id, repair, is_link),
            Rule::Done if is_link && self.run.tree().join(path).is_symlink() => Verdict::Drop,
            Rule::Done => replaced(is_link),
        }
    }

    fn judge_editable(
        &self,
        name: &RepoPath,
        commit: CommitId,
        repair: Option<Repair>,
        is_link: bool,
    ) -> Verdict {
        let (old, new) = (name.under(self.entry), name.under(self.run.tree()));
        let Some(sha256) = sha256_of(&old) else { return replaced(is_link) };
        if sha256_of(&new) == Some(sha256) {
            return if is_link { Verdict::Keep } else { Verdict::Drop };
        }
        let is_same_commit = self.receipts.about.is_some_and(|receipt| receipt.commit == commit);
        if self.is_committed(name, sha256)
            || repair == Some(Repair::DamagedAndModified)
            || is_broken(name, self.entry, self.run.tree())
        {
            replaced(is_link)
        } else if !is_same_commit {
            Verdict::Beside
        } else if is_edit(self.receipts.about, self.entry, name) {
            Verdict::Edited(Edit { path: name.clone(), sha256 })
        } else if repair == Some(Repair::Damaged) {
            replaced(is_link)
        } else {
            Verdict::Beside
        }
    }

    /// Whether this is the content that the old commit has there.
    fn is_committed(&self, name: &RepoPath, sha256: [u8; 32]) -> bool {
        self.committed.get(name) == Some(&Some(sha256))
    }

    /// Whether a file that the new commit does not have came from the old commit rather than the user.
    /// A shard always did, whatever its content.
    fn is_left_of_the_old_commit(&self, name: &RepoPath) -> bool {
        self.shards.contains(name)
            || self.committed.contains_key(name)
                && sha256_of(&name.under(self.entry)).is_some_and(|sha256| self.is_committed(name, sha256))
    }
}

/// The verdict for a file that the commit's file replaces. The loss of a link is reported.
fn replaced(is_link: bool) -> Verdict {
    if is_link { Verdict::Leave(REPLACED_LINK) } else { Verdict::Drop }
}

/// The shards that a directory's own manifest names.
fn shards_of(dir: &Path) -> HashSet<RepoPath> {
    let manifests = MANIFEST_NAMES.iter().filter_map(|name| {
        let bytes = read_metadata_file(dir, name)?.ok()?;
        Manifest::parse(&bytes, name).ok()
    });
    manifests
        .flat_map(|manifest| manifest.records().iter().map(|record| record.path.clone()).collect::<Vec<_>>())
        .collect()
}

/// Whether the new tree has the files that an edited configuration names. Other files name none.
fn is_served(tree: &Path, entry: &Path, path: &Path, lacking: &HashSet<&RepoPath>) -> bool {
    let is_there = |file: &RepoPath| lacking.contains(file) || file.under(tree).exists();
    path != Path::new(CHAT_CONFIG_NAME)
        || matches!(read_chat_config(entry), Some(Ok(config)) if config.tokenizer_files().iter().all(is_there))
}

/// The path in a repository's form.
fn repo_path(path: &Path) -> Option<RepoPath> {
    let names: Option<Vec<&str>> = path.iter().map(|name| name.to_str()).collect();
    names?.join("/").parse().ok()
}

/// Whether a small file that differs from the right one is a broken copy of it. Large files are not
/// examined.
fn is_broken(name: &RepoPath, entry: &Path, tree: &Path) -> bool {
    let read = |dir| read_metadata_file(dir, name.as_str()).and_then(Result::ok);
    read(entry).is_some_and(|old| is_broken_copy(name, &old, &read(tree).unwrap_or_default()))
}

fn is_broken_copy(name: &RepoPath, old: &[u8], new: &[u8]) -> bool {
    new.starts_with(old)
        || is_pointer_text(old)
        || name.as_str() == CHAT_CONFIG_NAME && ChatConfig::parse(old).is_err()
}

/// The files and links below a folder, sorted, each with whether it is a link; links are not followed.
/// Anything else goes to `left_behind`.
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
mod tests;
