//! Writing a commit's tree to a folder: verbatim, plain files only, nothing outside it.
//!
//! There is no checkout: libgit2's would apply filters and line endings and create links.

use std::fs::OpenOptions;
use std::io::Write;

use git2::{ObjectType, Odb, Oid, Repository, Tree, TreeEntry};
use url_parse::{CommitId, ModelId, RepoPath};

use super::cancel::CancelSignal;
use super::disk;
use crate::lfs_pointer::{MAX_POINTER_BYTES, Recognized, recognize};
use crate::{Error, FileKind, MetadataRequest, RepoFile, RepoSnapshot};

/// Folders nested deeper than this are an attack, not a model.
const MAX_DEPTH: usize = 32;
/// A tree can name the same subtree many times, so that a small pack unfolds without end.
const MAX_FILES: usize = 100_000;

const MODE_EXECUTABLE: i32 = 0o100_755;
const MODE_LINK: i32 = 0o120_000;
const MODE_SUBMODULE: i32 = 0o160_000;
const MODE_FOLDER: i32 = 0o040_000;

/// Writes the commit's plain files below `request.export_to` and lists all its files.
pub(super) fn export_tree(
    repository: &Repository,
    commit: Oid,
    request: &MetadataRequest,
    max_bytes: u64,
    cancelled: &CancelSignal,
) -> Result<RepoSnapshot, Error> {
    let git = |error: git2::Error| git_error(&request.model, error);
    let id = <[u8; 20]>::try_from(commit.as_bytes())
        .map(CommitId::from_bytes)
        .map_err(|_| git(git2::Error::from_str("the commit id is not a SHA-1")))?;
    let tree = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(git)?;
    let odb = repository.odb().map_err(git)?;
    let mut export =
        Export { repository, odb, request, cancelled, bytes_left: max_bytes, max_bytes, files: Vec::new() };
    export.folder(&tree, "", 0)?;
    Ok(RepoSnapshot { commit: id, files: export.files })
}

struct Export<'a> {
    repository: &'a Repository,
    odb: Odb<'a>,
    request: &'a MetadataRequest,
    cancelled: &'a CancelSignal,
    bytes_left: u64,
    max_bytes: u64,
    files: Vec<RepoFile>,
}

impl Export<'_> {
    fn folder(&mut self, tree: &Tree<'_>, prefix: &str, depth: usize) -> Result<(), Error> {
        for entry in tree {
            if self.cancelled.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let path = self.path_of(prefix, entry.name_bytes())?;
            match entry.filemode_raw() & 0o170_000 {
                MODE_FOLDER if depth < MAX_DEPTH => {
                    let subtree = self.repository.find_tree(entry.id()).map_err(|error| self.git(error))?;
                    self.folder(&subtree, &format!("{path}/"), depth + 1)?;
                }
                MODE_FOLDER => return Err(self.unusable(path.as_str(), "it is nested too deeply")),
                MODE_LINK => return Err(self.not_plain(path, "a symbolic link")),
                MODE_SUBMODULE => return Err(self.not_plain(path, "a submodule")),
                _ => self.file(path, &entry)?,
            }
        }
        Ok(())
    }

    fn path_of(&self, prefix: &str, name: &[u8]) -> Result<RepoPath, Error> {
        let Ok(name) = std::str::from_utf8(name) else {
            let shown = format!("{prefix}{}", name.escape_ascii());
            return Err(self.unusable(&shown, "its name is not UTF-8"));
        };
        let path = format!("{prefix}{name}");
        path.parse().map_err(|source| Error::UnsafePath {
            model: self.request.model.clone(),
            path: path.escape_debug().take(300).collect(),
            source,
        })
    }

    fn file(&mut self, path: RepoPath, entry: &TreeEntry<'_>) -> Result<(), Error> {
        if self.files.len() >= MAX_FILES {
            return Err(self.too_much("files", MAX_FILES as u64));
        }
        // The size is known before the content is loaded, which a hostile blob would make expensive.
        let (size, object) = self.odb.read_header(entry.id()).map_err(|error| self.git(error))?;
        if object != ObjectType::Blob {
            return Err(self.unusable(path.as_str(), "it is listed as a file and is none"));
        }
        let size = size as u64;
        self.bytes_left = self
            .bytes_left
            .checked_sub(size)
            .ok_or_else(|| self.too_much("bytes of files", self.max_bytes))?;
        let kind = self.write_unless_pointer(&path, entry, size)?;
        let size = match kind {
            FileKind::Plain => size,
            FileKind::Lfs(pointer) => pointer.size,
        };
        self.files.push(RepoFile { path, size, kind });
        Ok(())
    }

    fn write_unless_pointer(
        &self,
        path: &RepoPath,
        entry: &TreeEntry<'_>,
        size: u64,
    ) -> Result<FileKind, Error> {
        let blob = self.odb.read(entry.id()).map_err(|error| self.git(error))?;
        if size < MAX_POINTER_BYTES as u64 {
            match recognize(blob.data()) {
                Recognized::Pointer(pointer) => return Ok(FileKind::Lfs(pointer)),
                Recognized::Unusable(problem) => {
                    let model = self.request.model.clone();
                    return Err(Error::UnusablePointer { model, path: path.clone(), problem });
                }
                Recognized::PlainFile => {}
            }
        }
        let is_executable = entry.filemode_raw() == MODE_EXECUTABLE;
        self.write(path, blob.data(), is_executable)?;
        Ok(FileKind::Plain)
    }

    fn write(&self, path: &RepoPath, content: &[u8], is_executable: bool) -> Result<(), Error> {
        let target = path.under(&self.request.export_to);
        self.create_folders_of(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if is_executable {
            make_executable(&mut options);
        }
        let mut file = options.open(&target).map_err(|source| match source.kind() {
            // A tree may list one name twice, or two that a file system takes for one.
            std::io::ErrorKind::AlreadyExists => {
                self.unusable(path.as_str(), "another file of the repository has the same name")
            }
            _ => disk("create", &target, source),
        })?;
        file.write_all(content).map_err(|source| disk("write", &target, source))
    }

    /// Creates the folders between the root and the file, never the root itself: if it is gone, whoever owned
    /// it has discarded it, and it must not come back.
    fn create_folders_of(&self, path: &RepoPath) -> Result<(), Error> {
        let mut folder = self.request.export_to.clone();
        let components: Vec<&str> = path.components().collect();
        let Some((_, parents)) = components.split_last() else { return Ok(()) };
        for parent in parents {
            folder.push(parent);
            match std::fs::create_dir(&folder) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                Err(source) => return Err(disk("create the folder", &folder, source)),
            }
        }
        Ok(())
    }

    fn not_plain(&self, path: RepoPath, kind: &'static str) -> Error {
        Error::NotAPlainFile { model: self.request.model.clone(), path, kind }
    }

    fn unusable(&self, path: &str, problem: &'static str) -> Error {
        let path = path.escape_debug().take(300).collect();
        Error::UnusablePath { model: self.request.model.clone(), path, problem }
    }

    fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.request.model.clone(), what, limit }
    }

    fn git(&self, error: git2::Error) -> Error {
        git_error(&self.request.model, error)
    }
}

/// A commit whose objects do not hang together. The network is not to blame: the pack had its checksum.
fn git_error(model: &ModelId, error: git2::Error) -> Error {
    Error::BrokenCommit { model: model.clone(), source: Box::new(error) }
}

#[cfg(unix)]
fn make_executable(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    // As git does: what the process's mask leaves of it.
    options.mode(0o777);
}

#[cfg(not(unix))]
fn make_executable(_: &mut OpenOptions) {}
