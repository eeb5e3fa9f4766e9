//! Walking a commit's tree and writing its files.
//!
//! There is no checkout: libgit2's would apply filters and line endings and create links.

use std::collections::HashSet;

use git2::{ObjectType, Odb, Oid, Repository, TreeEntry};
use url_parse::{CommitId, Proof, RepoPath};

use super::cancel::CancelSignal;
use crate::export::{Allowance, ExportFolder, MAX_ENTRIES, shown};
use crate::{Error, FileKind, MetadataRequest, RepoFile, RepoSnapshot};

/// Folders nested deeper than this are an attack, not a model.
const MAX_DEPTH: usize = 32;

const MODE_KIND: i32 = 0o170_000;
const MODE_FILE: i32 = 0o100_000;
const MODE_LINK: i32 = 0o120_000;
const MODE_SUBMODULE: i32 = 0o160_000;
const MODE_FOLDER: i32 = 0o040_000;
/// git knows one bit of permissions, the owner's to execute.
const MODE_EXECUTABLE: i32 = 0o000_100;

/// Writes the commit's plain files below `request.export_to` and lists all its files.
pub(super) fn export_tree(
    repository: &Repository,
    commit: Oid,
    request: &MetadataRequest,
    max_bytes: u64,
    cancelled: &CancelSignal,
) -> Result<RepoSnapshot, Error> {
    let export = Export {
        repository,
        odb: repository.odb().map_err(|error| Error::broken_commit(&request.model, error))?,
        request,
        cancelled,
        bytes: Allowance::new(max_bytes),
        entries: Allowance::new(MAX_ENTRIES),
        files: Vec::new(),
    };
    export.commit(commit)
}

struct Export<'a> {
    repository: &'a Repository,
    odb: Odb<'a>,
    request: &'a MetadataRequest,
    cancelled: &'a CancelSignal,
    bytes: Allowance,
    entries: Allowance,
    files: Vec<RepoFile>,
}

impl Export<'_> {
    fn commit(mut self, id: Oid) -> Result<RepoSnapshot, Error> {
        let bytes = <[u8; 20]>::try_from(id.as_bytes());
        let commit = bytes.map(CommitId::from_bytes);
        let commit = commit.map_err(|_| self.git(git2::Error::from_str("the commit id is not a SHA-1")))?;
        self.unpack(id)?;
        let tree = self.repository.find_commit(id).map(|commit| commit.tree_id());
        let tree = tree.map_err(|error| self.git(error))?;
        self.folder(tree, "", 0)?;
        Ok(RepoSnapshot { commit, proof: Proof::Git, files: self.files })
    }

    /// The kind and size of an object, charged to the limit. Both are known before the content is loaded, which a
    /// hostile object would make expensive.
    fn unpack(&mut self, id: Oid) -> Result<(ObjectType, u64), Error> {
        let (size, kind) = self.odb.read_header(id).map_err(|error| self.git(error))?;
        let size = size as u64;
        self.bytes.spend(size).map_err(|limit| self.too_much("bytes to unpack", limit))?;
        Ok((kind, size))
    }

    fn folder(&mut self, id: Oid, prefix: &str, depth: usize) -> Result<(), Error> {
        let (kind, _) = self.unpack(id)?;
        if kind != ObjectType::Tree {
            return Err(self.unusable(prefix, "it is listed as a folder and is none"));
        }
        let tree = self.repository.find_tree(id).map_err(|error| self.git(error))?;
        let mut names = HashSet::new();
        for entry in &tree {
            if self.cancelled.is_cancelled() {
                return Err(net::Error::Cancelled.into());
            }
            self.entries.spend(1).map_err(|limit| self.too_much("files and folders", limit))?;
            let path = self.path_of(prefix, entry.name_bytes())?;
            if !names.insert(entry.name_bytes().to_owned()) {
                return Err(self.unusable(path.as_str(), "it is listed twice"));
            }
            self.entry(path, &entry, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: RepoPath, entry: &TreeEntry<'_>, depth: usize) -> Result<(), Error> {
        match entry.filemode_raw() & MODE_KIND {
            MODE_FILE => self.file(path, entry),
            MODE_FOLDER if depth < MAX_DEPTH => self.folder(entry.id(), &format!("{path}/"), depth + 1),
            MODE_FOLDER => Err(self.unusable(path.as_str(), "it is nested too deeply")),
            MODE_LINK => Err(self.not_plain(path, "a symbolic link")),
            MODE_SUBMODULE => Err(self.not_plain(path, "a submodule")),
            _ => Err(self.not_plain(path, "an entry of unknown kind")),
        }
    }

    fn path_of(&self, prefix: &str, name: &[u8]) -> Result<RepoPath, Error> {
        let Ok(name) = std::str::from_utf8(name) else {
            let shown = format!("{prefix}{}", String::from_utf8_lossy(name));
            return Err(self.unusable(&shown, "its name is not UTF-8"));
        };
        let path = format!("{prefix}{name}");
        if name.contains('/') {
            return Err(self.unusable(&path, "a single name holds a slash"));
        }
        path.parse().map_err(|source| self.unsafe_path(&path, source))
    }

    fn file(&mut self, path: RepoPath, entry: &TreeEntry<'_>) -> Result<(), Error> {
        let (kind, size) = self.unpack(entry.id())?;
        if kind != ObjectType::Blob {
            return Err(self.unusable(path.as_str(), "it is listed as a file and is none"));
        }
        let kind = self.write_unless_pointer(&path, entry)?;
        let size = match kind {
            FileKind::Plain => size,
            FileKind::Lfs(pointer) => pointer.size,
        };
        self.files.push(RepoFile { path, size, kind });
        Ok(())
    }

    fn write_unless_pointer(&self, path: &RepoPath, entry: &TreeEntry<'_>) -> Result<FileKind, Error> {
        let blob = self.odb.read(entry.id()).map_err(|error| self.git(error))?;
        let folder = ExportFolder { model: &self.request.model, root: &self.request.export_to };
        folder.take(path, blob.data(), entry.filemode_raw() & MODE_EXECUTABLE != 0)
    }

    fn not_plain(&self, path: RepoPath, kind: &'static str) -> Error {
        Error::NotAPlainFile { model: self.request.model.clone(), path, kind }
    }

    fn unsafe_path(&self, path: &str, source: url_parse::Error) -> Error {
        Error::UnsafePath { model: self.request.model.clone(), path: shown(path), source }
    }

    fn unusable(&self, path: &str, problem: &'static str) -> Error {
        Error::UnusablePath { model: self.request.model.clone(), path: shown(path), problem }
    }

    fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.request.model.clone(), what, limit }
    }

    fn git(&self, error: git2::Error) -> Error {
        Error::broken_commit(&self.request.model, error)
    }
}
