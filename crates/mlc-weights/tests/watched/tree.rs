//! The contents of a directory at one moment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use local_hub::PublishedModel;

/// Every file's path and content.
pub(super) type Tree = BTreeMap<String, Vec<u8>>;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    Directory(Tree),
    /// It was replaced or removed while being read, so the result means nothing.
    Change,
}

/// Reads what is at a path.
pub(super) fn look(dir: &Path) -> Seen {
    // Kept open, so that a later directory cannot have the same inode number.
    let Ok(open) = File::open(dir) else { return if dir.exists() { Seen::Change } else { Seen::Nothing } };
    let mut tree = Tree::new();
    let complete = read(dir, "", &mut tree);
    let is_same = open
        .metadata()
        .and_then(|one| Ok((one, fs::metadata(dir)?)))
        .is_ok_and(|(one, other)| (one.dev(), one.ino()) == (other.dev(), other.ino()));
    if is_same && complete { Seen::Directory(tree) } else { Seen::Change }
}

fn read(dir: &Path, prefix: &str, tree: &mut Tree) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries.flatten().all(|entry| {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            return read(&entry.path(), &format!("{path}/"), tree);
        }
        fs::read(entry.path()).is_ok_and(|bytes| {
            tree.insert(path, bytes);
            true
        })
    })
}

/// The tree of a whole model.
pub(super) fn whole(model: &PublishedModel) -> Tree {
    model.files.iter().map(|file| (file.path.clone(), file.cached_bytes())).collect()
}

/// Writes a tree.
pub(super) fn write(tree: &Tree, dir: &Path) -> std::io::Result<()> {
    tree.iter().try_for_each(|(path, bytes)| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(path, bytes)
    })
}

/// Describes how a tree differs from the expected one, for a message.
pub(super) fn difference(seen: &Tree, expected: &Tree) -> String {
    let lacks =
        expected.iter().filter(|(path, _)| !seen.contains_key(*path)).map(|(path, _)| format!("no {path}"));
    let other = seen
        .iter()
        .filter(|(path, bytes)| expected.get(*path) != Some(bytes))
        .map(|(path, bytes)| format!("{path} of {} bytes", bytes.len()));
    lacks.chain(other).collect::<Vec<_>>().join(", ")
}
