//! The size of a directory.

use std::collections::HashSet;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::place::Place;
use crate::walk::{Met, walk};

/// The result of [`usage_of`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Usage {
    /// The number of files.
    pub files: u64,
    /// The sum of their lengths in bytes.
    pub bytes: u64,
    /// The first folder or file that could not be read, and why.
    pub unreadable: Option<(PathBuf, io::Error)>,
}

/// Counts the files below `dir`. A link to a file counts as that file; links to folders are not
/// followed. Files that vanish meanwhile are not counted. Blocks for one system call per file.
pub fn usage_of(dir: &Path) -> Usage {
    let mut usage = Usage::default();
    walk(dir, &mut |met| match met {
        Met::Leaf(leaf, kind) if kind.is_symlink() => usage.count(leaf, fs::metadata(leaf.path())),
        Met::Leaf(leaf, _) => usage.count(leaf, leaf.metadata()),
        Met::Unreadable(path, error) => usage.note(path, error),
    });
    usage
}

impl Usage {
    fn count(&mut self, leaf: &DirEntry, found: io::Result<Metadata>) {
        match found {
            Ok(found) if found.is_file() => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(found.len());
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.note(&leaf.path(), error),
            _ => {}
        }
    }

    fn note(&mut self, path: &Path, error: io::Error) {
        if self.unreadable.is_none() {
            self.unreadable = Some((path.to_path_buf(), error));
        }
    }
}

/// The bytes on disk of everything at a place. A file with two names counts once.
pub(crate) fn disk_usage(place: &Place, seen: &mut HashSet<(u64, u64)>) -> u64 {
    let Ok(found) = place.look() else { return 0 };
    if found.is_folder() {
        let children = place.children_if_any().unwrap_or_default();
        return children.iter().map(|child| disk_usage(child, seen)).sum();
    }
    match found.identity {
        Some(identity) if !seen.insert(identity) => 0,
        _ => found.disk_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[track_caller]
    fn check(dir: &Path, files: u64, bytes: u64) {
        let usage = usage_of(dir);
        assert_eq!((usage.files, usage.bytes), (files, bytes), "{usage:?}");
        assert!(usage.unreadable.is_none(), "{usage:?}");
    }

    #[test]
    fn files_at_every_depth_count() {
        let folder = testing::folder();
        check(&folder.path().join("nothing"), 0, 0);
        check(folder.path(), 0, 0);
        testing::write(&folder.path().join("a"), "12345");
        testing::write(&folder.path().join("sub/deeper/b"), "123");
        check(folder.path(), 2, 8);
    }

    #[cfg(unix)]
    #[test]
    fn links_to_files_count_and_links_to_folders_do_not() {
        use std::os::unix::fs::symlink;
        let folder = testing::folder();
        let (dir, other) = (folder.path().join("dir"), folder.path().join("other"));
        testing::write(&other, "12345");
        testing::write(&dir.join("own"), "1");
        symlink(&other, dir.join("to-a-file")).unwrap();
        symlink(&dir, dir.join("loop")).unwrap();
        symlink("nowhere", dir.join("dangling")).unwrap();
        check(&dir, 2, 6);
        symlink("self", dir.join("self")).unwrap();
        let usage = usage_of(&dir);
        assert_eq!((usage.files, usage.bytes), (2, 6));
        assert!(usage.unreadable.is_some_and(|(path, _)| path.ends_with("self")), "a link to itself");
    }

    #[cfg(unix)]
    #[test]
    fn unreadable_files_are_named() {
        let folder = testing::folder();
        testing::write(&folder.path().join("seen"), "1");
        testing::write(&folder.path().join("sub/hidden"), "1");
        let sub = folder.path().join("sub");
        let Some(_forbidden) = testing::without_permission(&sub) else { return };
        let usage = usage_of(folder.path());
        assert_eq!((usage.files, usage.unreadable.map(|(path, _)| path)), (1, Some(sub)));
    }
}
