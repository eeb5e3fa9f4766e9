//! Walks through a directory with untrusted contents.

use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

/// Deeper folders are ignored: no model has them.
const MAX_DEPTH: usize = 32;

/// Something found by [`walk`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Met<'a> {
    /// Anything except a folder: a file, a link or a special file.
    Leaf(&'a DirEntry, FileType),
    /// A folder or file that cannot be read, and why.
    Unreadable(&'a Path, io::Error),
}

/// Calls `visit` for everything below `dir` except folders, which are walked through, in no particular
/// order. Links are not followed, so a loop of links ends. What vanishes meanwhile is skipped. Blocks
/// for one or two system calls per folder.
pub fn walk(dir: &Path, visit: &mut dyn FnMut(Met<'_>)) {
    let mut folders = vec![(dir.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        match fs::read_dir(&folder) {
            Err(error) => tell(visit, &folder, error),
            Ok(children) => {
                for child in children {
                    if let Some(below) = meet(visit, &folder, child)
                        && depth < MAX_DEPTH
                    {
                        folders.push((below, depth + 1));
                    }
                }
            }
        }
    }
}

/// Visits a directory entry; returns its path if it is a folder.
fn meet(visit: &mut dyn FnMut(Met<'_>), folder: &Path, child: io::Result<DirEntry>) -> Option<PathBuf> {
    match child.and_then(|child| child.file_type().map(|kind| (child, kind))) {
        Ok((child, kind)) if kind.is_dir() => return Some(child.path()),
        Ok((child, kind)) => visit(Met::Leaf(&child, kind)),
        Err(error) => tell(visit, folder, error),
    }
    None
}

fn tell(visit: &mut dyn FnMut(Met<'_>), path: &Path, error: io::Error) {
    if error.kind() != io::ErrorKind::NotFound {
        visit(Met::Unreadable(path, error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn leaves(dir: &Path) -> Vec<String> {
        let mut leaves = Vec::new();
        walk(dir, &mut |met| match met {
            Met::Leaf(leaf, _) => leaves.push(leaf.file_name().into_string().unwrap()),
            Met::Unreadable(path, error) => panic!("{}: {error}", path.display()),
        });
        leaves.sort();
        leaves
    }

    #[test]
    fn only_folders_are_left_out() {
        let folder = testing::folder();
        testing::write(&folder.path().join("a"), "");
        testing::write(&folder.path().join("sub/deeper/b"), "");
        fs::create_dir(folder.path().join("empty")).unwrap();
        assert_eq!(leaves(folder.path()), ["a", "b"]);
        assert!(leaves(&folder.path().join("nothing")).is_empty());
    }

    #[test]
    fn endless_nesting_is_not_followed() {
        let folder = testing::folder();
        testing::write(&folder.path().join("d/".repeat(MAX_DEPTH)).join("inside"), "");
        testing::write(&folder.path().join("d/".repeat(MAX_DEPTH + 1)).join("outside"), "");
        assert_eq!(leaves(folder.path()), ["inside"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        let folder = testing::folder();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        assert_eq!(leaves(folder.path()), ["loop"]);
    }
}
