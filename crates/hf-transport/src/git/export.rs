//! Walks a commit's tree and writes its files.
//!
//! There is no checkout, since libgit2's would apply filters and line endings and create links.

use std::collections::HashSet;

use git2::{ObjectType, Odb, Oid, TreeEntry};
use url_parse::{CommitId, ErrorKind, Excerpt, Platform, Proof, RepoPath};

use super::cancel::CancelSignal;
use super::plain::PlainFiles;
use super::session::Session;
use super::shelf::Shelf;
use super::task::Task;
use super::unpack::{FetchedCommit, failure};
use crate::export::{Allowance, ExportFolder, MAX_ENTRIES, MAX_NAMES, path_on};
use crate::kept::Kept;
use crate::{Error, FileKind, MetadataRequest, RepoFile, RepoSnapshot};

/// Deeper nesting is an attack, not a model.
const MAX_DEPTH: usize = 32;

const MODE_KIND: i32 = 0o170_000;
const MODE_FILE: i32 = 0o100_000;
const MODE_LINK: i32 = 0o120_000;
const MODE_SUBMODULE: i32 = 0o160_000;
const MODE_FOLDER: i32 = 0o040_000;
/// git records one permission bit, execute for the owner.
const MODE_EXECUTABLE: i32 = 0o000_100;

/// An object stored as a delta may be unpacked repeatedly, at a cost not reflected in its size.
const MAX_COST: u64 = 4;

/// Writes the commit's plain files below `request.export_to` and lists all its files. Files missing
/// from the pack are fetched, and kept, `beside` it.
pub(super) fn export_tree(
    commit: &FetchedCommit,
    request: &MetadataRequest,
    task: &Task,
    beside: Option<(&Session, &Kept)>,
) -> Result<RepoSnapshot, Error> {
    let (max_bytes, id) = (task.max_bytes, commit_id(commit.id));
    let id = id.map_err(|error| Error::broken_commit(&request.model, &error))?;
    let odb = commit.repository.odb().map_err(|error| Error::broken_commit(&request.model, &error))?;
    let export = Export {
        commit,
        odb,
        id,
        request,
        cancelled: &task.cancelled,
        plain: beside.map(|(session, kept)| PlainFiles { session, kept, commit: id }),
        bytes: Allowance::new(max_bytes),
        cost: Allowance::new(max_bytes.saturating_mul(MAX_COST)),
        entries: Allowance::new(MAX_ENTRIES),
        names: Allowance::new(MAX_NAMES),
        folders: Vec::new(),
        files: Vec::new(),
        left_out: Vec::new(),
    };
    export.all()
}

struct Export<'a> {
    commit: &'a FetchedCommit,
    id: CommitId,
    odb: Odb<'a>,
    request: &'a MetadataRequest,
    cancelled: &'a CancelSignal,
    /// The files that may be missing from the pack.
    plain: Option<PlainFiles<'a>>,
    bytes: Allowance,
    cost: Allowance,
    entries: Allowance,
    names: Allowance,
    /// Folders still to be walked; only one listing is in memory at a time.
    folders: Vec<Folder>,
    files: Vec<RepoFile>,
    left_out: Vec<Excerpt>,
}

struct Folder {
    id: Oid,
    /// Empty, or the folder's path with a slash.
    prefix: String,
    depth: usize,
}

fn commit_id(id: Oid) -> Result<CommitId, git2::Error> {
    let bytes = <[u8; 20]>::try_from(id.as_bytes());
    bytes.map(CommitId::from_bytes).map_err(|_| git2::Error::from_str("the commit id is not a SHA-1"))
}

impl Export<'_> {
    fn all(mut self) -> Result<RepoSnapshot, Error> {
        let id = self.commit.id;
        self.unpack(id)?;
        let tree = self.commit.repository.find_commit(id).map(|commit| commit.tree_id());
        let id = tree.map_err(|error| self.git(&error))?;
        self.folders.push(Folder { id, prefix: String::new(), depth: 0 });
        while let Some(folder) = self.folders.pop() {
            self.folder(&folder)?;
        }
        // In git's order.
        self.files.sort_by(|one, other| one.path.as_str().cmp(other.path.as_str()));
        let commit = self.id;
        Ok(RepoSnapshot { commit, proof: Proof::Git, files: self.files, left_out: self.left_out })
    }

    /// The kind and size of an object, counted against the limits. Both are known before the content is
    /// loaded, which a hostile object would make expensive.
    fn unpack(&mut self, id: Oid) -> Result<(ObjectType, u64), Error> {
        let (size, kind) = self.odb.read_header(id).map_err(|error| self.git(&error))?;
        let size = size as u64;
        self.bytes.spend(size).map_err(|limit| self.too_much("bytes to unpack", limit))?;
        let cost = self.commit.costs.of(id.as_bytes()).unwrap_or(size);
        self.cost.spend(cost).map_err(|limit| self.too_much("bytes to unfold all deltas", limit))?;
        Ok((kind, size))
    }

    fn folder(&mut self, folder: &Folder) -> Result<(), Error> {
        let (kind, _) = self.unpack(folder.id)?;
        if kind != ObjectType::Tree {
            return Err(self.unusable(&folder.prefix, "it is listed as a folder but is not one"));
        }
        let tree = self.commit.repository.find_tree(folder.id).map_err(|error| self.git(&error))?;
        let mut names = HashSet::new();
        for entry in &tree {
            if self.cancelled.is_cancelled() {
                return Err(net::Error::Cancelled.into());
            }
            self.entries.spend(1).map_err(|limit| self.too_much("files and folders", limit))?;
            let Some(path) = self.path_of(&folder.prefix, entry.name_bytes())? else { continue };
            let length = path.as_str().len() as u64;
            self.names.spend(length).map_err(|limit| self.too_much("bytes in names of files", limit))?;
            if !names.insert(entry.name_bytes().to_owned()) {
                return Err(self.unusable(path.as_str(), "it is listed twice"));
            }
            self.entry(path, &entry, folder.depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: RepoPath, entry: &TreeEntry<'_>, depth: usize) -> Result<(), Error> {
        match entry.filemode_raw() & MODE_KIND {
            MODE_FILE => self.file(path, entry),
            MODE_FOLDER if depth < MAX_DEPTH => {
                self.folders.push(Folder { id: entry.id(), prefix: format!("{path}/"), depth: depth + 1 });
                Ok(())
            }
            MODE_FOLDER => Err(self.unusable(path.as_str(), "it is nested too deeply")),
            MODE_LINK => Err(self.not_plain(path, "a symbolic link")),
            MODE_SUBMODULE => Err(self.not_plain(path, "a submodule")),
            _ => Err(self.not_plain(path, "an entry of unknown kind")),
        }
    }

    /// The path of an entry; `None`, after recording it, if it is left out.
    fn path_of(&mut self, prefix: &str, name: &[u8]) -> Result<Option<RepoPath>, Error> {
        let Ok(name) = std::str::from_utf8(name) else {
            let shown = format!("{prefix}{}", String::from_utf8_lossy(name));
            return Err(self.unusable(&shown, "its name is not UTF-8"));
        };
        let path = format!("{prefix}{name}");
        if name.contains('/') {
            return Err(self.unusable(&path, "a single name contains a slash"));
        }
        let parsed = path_on(Platform::here(), &path).map_err(|source| self.unsafe_path(&path, source))?;
        if parsed.is_none() {
            self.left_out.push(Excerpt::of(&path));
        }
        Ok(parsed)
    }

    fn file(&mut self, path: RepoPath, entry: &TreeEntry<'_>) -> Result<(), Error> {
        let is_executable = entry.filemode_raw() & MODE_EXECUTABLE != 0;
        let (kind, size) = if self.is_left_out(entry.id()) {
            self.left_out_file(&path, entry.id(), is_executable)?
        } else {
            let (kind, size) = self.unpack(entry.id())?;
            if kind != ObjectType::Blob {
                return Err(self.unusable(path.as_str(), "it is listed as a file but is not one"));
            }
            let blob = self.odb.read(entry.id()).map_err(|error| self.git(&error))?;
            (self.take(&path, blob.data(), is_executable)?, size)
        };
        let size = match kind {
            FileKind::Plain => size,
            FileKind::Lfs(pointer) => pointer.size,
        };
        self.files.push(RepoFile { path, size, kind });
        Ok(())
    }

    fn take(&self, path: &RepoPath, content: &[u8], is_executable: bool) -> Result<FileKind, Error> {
        ExportFolder { model: &self.request.model, root: &self.request.export_to }.take(
            path,
            content,
            is_executable,
        )
    }

    fn is_left_out(&self, blob: Oid) -> bool {
        self.plain.is_some() && !self.odb.exists(blob)
    }

    /// Fetches a file missing from the pack. If that fails, the next attempt asks for the complete
    /// pack.
    fn left_out_file(
        &mut self,
        path: &RepoPath,
        blob: Oid,
        is_executable: bool,
    ) -> Result<(FileKind, u64), Error> {
        let Some(plain) = &self.plain else {
            return Err(self.unusable(path.as_str(), "the commit lacks it"));
        };
        let session = plain.session;
        let content = plain.bring(path, blob).map_err(|error| {
            if matches!(error.kind(), ErrorKind::Network | ErrorKind::Cancelled | ErrorKind::Disk) {
                return error;
            }
            tracing::info!(file = %path, %error, "a plain file cannot be fetched on its own: requesting all together");
            self.commit.shelf.iter().for_each(Shelf::clear);
            plain.session.failed("a plain file cannot be fetched by itself")
        })?;
        let size = content.len() as u64;
        self.bytes.spend(size).map_err(|limit| self.too_much("bytes to unpack", limit))?;
        // A pack made of the commit must have it.
        let repository = self.commit.repository.path();
        let written = self.odb.write(ObjectType::Blob, &content);
        written.map_err(|error| failure(session.task(), repository, &error))?;
        Ok((self.take(path, &content, is_executable)?, size))
    }

    fn not_plain(&self, path: RepoPath, kind: &'static str) -> Error {
        Error::NotAPlainFile { model: self.request.model.clone(), path, kind }
    }

    fn unsafe_path(&self, path: &str, source: url_parse::Error) -> Error {
        Error::UnsafePath { model: self.request.model.clone(), path: Excerpt::of(path), source }
    }

    fn unusable(&self, path: &str, problem: &'static str) -> Error {
        Error::UnusablePath { model: self.request.model.clone(), path: Excerpt::of(path), problem }
    }

    fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.request.model.clone(), what, limit }
    }

    fn git(&self, error: &git2::Error) -> Error {
        Error::broken_commit(&self.request.model, error)
    }
}
