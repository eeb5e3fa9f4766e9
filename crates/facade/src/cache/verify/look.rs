//! Checks one file against its requirement.

use std::fs;
use std::io;
use std::path::Path;

use cache_layout::{Met, Receipt, read_plain, walk};
use shard_fetch::{Digests, is_pointer_text};
use url_parse::{DiskError, RepoPath};

use super::demand::{Demand, Demands};
use crate::cache::report::{Basis, FileReport, FileState};
use crate::edits::is_edit;

/// A git-lfs pointer has fewer bytes than this.
const POINTER_BYTES: u64 = 1024;

/// The result if it can be known without hashing; `None` if the file must be hashed.
pub(super) fn look(
    dir: &Path,
    receipt: Option<&Receipt>,
    path: &RepoPath,
    demand: &Demand,
) -> Option<FileState> {
    let file = path.under(dir);
    let length = match fs::metadata(&file) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Some(corrupt("it is not a file")),
        Err(error) => return Some(unreadable(&error)),
    };
    let (size, reason) = match demand {
        Demand::Unusable(problem) => return Some(corrupt(problem)),
        Demand::Digest(expected) if expected.size == length => return None,
        Demand::Digest(expected) => (Some(expected.size), ""),
        Demand::Presence { size, reason } => (*size, *reason),
    };
    if length < POINTER_BYTES
        && read_plain(&file, POINTER_BYTES).is_ok_and(|content| is_pointer_text(&content))
    {
        return Some(corrupt("it is git-lfs pointer text"));
    }
    Some(match size.filter(|size| *size != length) {
        Some(_) if is_edit(receipt, dir, path) => FileState::Modified,
        Some(size) => corrupt(&format!("it has {length} bytes, expected {size}")),
        None => FileState::Unchecked { reason: reason.to_owned() },
    })
}

/// The result after hashing.
pub(super) fn state_of(
    dir: &Path,
    receipt: Option<&Receipt>,
    path: &RepoPath,
    verdict: Result<Digests, shard_fetch::Error>,
) -> FileState {
    match verdict {
        Ok(_) => FileState::Ok,
        Err(shard_fetch::Error::FileMismatch { .. }) if is_edit(receipt, dir, path) => FileState::Modified,
        Err(shard_fetch::Error::FileMismatch { mismatch, .. }) => corrupt(&mismatch.to_string()),
        Err(shard_fetch::Error::Disk(DiskError { source, .. })) => unreadable(&source),
        Err(error) => corrupt(&error.to_string()),
    }
}

/// The files that nothing requires.
pub(super) fn others(dir: &Path, demands: &Demands) -> Vec<FileReport> {
    let state = match demands.basis {
        Basis::Receipt { .. } => FileState::Extra,
        Basis::Manifest | Basis::Nothing => {
            FileState::Unchecked { reason: "it is not known whether the model has it".to_owned() }
        }
    };
    let demanded: Vec<&str> = demands.files.keys().map(RepoPath::as_str).collect();
    let mut others = Vec::new();
    walk(dir, &mut |met| match met {
        Met::Leaf(leaf, kind) => {
            let path = relative(dir, &leaf.path());
            if !is_demanded(&demanded, &path, kind.is_symlink()) {
                others.push(FileReport { path, state: state.clone() });
            }
        }
        Met::Unreadable(path, error) => others.push(FileReport {
            path: relative(dir, path),
            state: FileState::Unchecked { reason: format!("it cannot be accessed: {error}") },
        }),
        _ => {}
    });
    others
}

/// Whether a path is among the sorted required ones. A link to a folder is if anything in the folder
/// is.
fn is_demanded(demanded: &[&str], path: &str, is_link: bool) -> bool {
    let folder = format!("{path}/");
    let next = demanded.partition_point(|file| *file < folder.as_str());
    demanded.binary_search(&path).is_ok()
        || is_link && demanded.get(next).is_some_and(|file| file.starts_with(&folder))
}

fn relative(dir: &Path, path: &Path) -> String {
    let path = path.strip_prefix(dir).unwrap_or(path);
    let components: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    components.join("/")
}

fn corrupt(problem: &str) -> FileState {
    FileState::Corrupt { problem: problem.to_owned() }
}

fn unreadable(error: &io::Error) -> FileState {
    match error.kind() {
        // If a parent folder is a file, the path does not exist either.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileState::Missing,
        _ => FileState::Corrupt { problem: format!("it cannot be read: {error}") },
    }
}

#[cfg(test)]
mod tests {
    use shard_fetch::{CHAT_CONFIG_NAME, Expected, verify_file};

    use super::*;

    #[track_caller]
    fn check(name: &str, content: Option<&str>, expected: &str) {
        #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
        let folder = tempfile::tempdir().unwrap();
        let path: RepoPath = name.parse().unwrap();
        if let Some(content) = content {
            fs::write(path.under(folder.path()), content).unwrap();
        }
        let expected_bytes = Expected { size: 100, md5: None, sha256: None };
        let verdict = verify_file(&path.under(folder.path()), &expected_bytes);
        assert_eq!(state_of(folder.path(), None, &path, verdict).as_str(), expected);
    }

    #[test]
    fn a_verdict_becomes_a_state() {
        check("a.bin", Some(&"x".repeat(100)), "ok");
        check("a.bin", Some("short"), "corrupt");
        // It was there a moment ago.
        check("a.bin", None, "missing");
        check(CHAT_CONFIG_NAME, Some("{}"), "modified");
        check(CHAT_CONFIG_NAME, Some("{"), "corrupt");
    }
}
