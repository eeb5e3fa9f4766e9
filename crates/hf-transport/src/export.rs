//! Writes a commit's files to a folder: verbatim, plain files only, nothing outside it.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use url_parse::{DiskError, Excerpt, ModelId, Platform, RepoPath};

use crate::lfs_pointer::{MAX_POINTER_BYTES, Recognized, recognize};
use crate::{Error, FileKind};

/// A tree can refer to the same subtree many times, so a small pack could expand without limit.
pub(crate) const MAX_ENTRIES: u64 = 100_000;

/// The total length of the paths in a commit. A folder can occur many times, each time under a long
/// path.
pub(crate) const MAX_NAMES: u64 = 16 << 20;

/// A remaining allowance.
pub(crate) struct Allowance {
    limit: u64,
    left: u64,
}

impl Allowance {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, left: limit }
    }

    /// Uses up part of it; the error is the limit.
    pub(crate) fn spend(&mut self, amount: u64) -> Result<(), u64> {
        self.left = self.left.checked_sub(amount).ok_or(self.limit)?;
        Ok(())
    }
}

/// The folder below which a model's plain files are written.
pub(crate) struct ExportFolder<'a> {
    pub(crate) model: &'a ModelId,
    pub(crate) root: &'a Path,
}

impl ExportFolder<'_> {
    /// Writes a file of the commit, unless it is an LFS pointer.
    pub(crate) fn take(
        &self,
        path: &RepoPath,
        content: &[u8],
        is_executable: bool,
    ) -> Result<FileKind, Error> {
        if content.len() < MAX_POINTER_BYTES {
            match recognize(content) {
                Recognized::Pointer(pointer) => return Ok(FileKind::Lfs(pointer)),
                Recognized::Unusable(problem) => {
                    let model = self.model.clone();
                    return Err(Error::UnusablePointer { model, path: path.clone(), problem });
                }
                Recognized::PlainFile => {}
            }
        }
        self.write(path, content, is_executable)?;
        Ok(FileKind::Plain)
    }

    fn write(&self, path: &RepoPath, content: &[u8], is_executable: bool) -> Result<(), Error> {
        let target = path.under(self.root);
        if let Some(folder) = target.parent() {
            let failed = |source| self.not_created(path, DiskError::new("create the folder", folder, source));
            self.create_folder(folder).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        set_mode(&mut options, is_executable);
        let failed = |source| self.not_created(path, DiskError::new("create", &target, source));
        let mut file = options.open(&target).map_err(failed)?;
        Ok(file.write_all(content).map_err(|source| DiskError::new("write", &target, source))?)
    }

    /// Creates a folder and its parents below the root, but never the root itself: if it is gone, its
    /// owner has discarded it, and it must not reappear.
    fn create_folder(&self, folder: &Path) -> std::io::Result<()> {
        if folder == self.root {
            return Ok(());
        }
        match (create_dir(folder), folder.parent()) {
            (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
                self.create_folder(parent)?;
                create_dir(folder)
            }
            (Err(error), _) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            (created, _) => created,
        }
    }

    /// Names that differ only in case may be the same file on this file system.
    fn not_created(&self, path: &RepoPath, error: DiskError) -> Error {
        if error.source.kind() != ErrorKind::AlreadyExists {
            return error.into();
        }
        Error::UnusablePath {
            model: self.model.clone(),
            path: Excerpt::of(path.as_str()),
            problem: "something with that name already exists on the disk",
        }
    }
}

/// The path of an entry; `None` if only this platform's rules forbid it. Such a file is left out: if
/// the model needs it, its manifest or configuration refers to it and is refused for that.
pub(crate) fn path_on(platform: Platform, text: &str) -> Result<Option<RepoPath>, url_parse::Error> {
    match RepoPath::parse_on(text, platform) {
        Err(_) if RepoPath::parse_on(text, Platform::Other).is_ok() => Ok(None),
        path => path.map(Some),
    }
}

/// The mode that git uses, reduced by the umask, and never writable for everyone.
#[cfg(unix)]
fn set_mode(options: &mut OpenOptions, is_executable: bool) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(if is_executable { 0o775 } else { 0o664 });
}

#[cfg(not(unix))]
fn set_mode(_: &mut OpenOptions, _: bool) {}

fn create_dir(folder: &Path) -> std::io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes"))]
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o775);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_windows_refuses_are_left_out_there() {
        for name in ["aux.md", "a:b.png", "C:/x", "con/x", "dot.", "space ", "what?"] {
            assert_eq!(path_on(Platform::Windows, name), Ok(None), "{name}");
            let path = path_on(Platform::Other, name).unwrap().unwrap();
            assert_eq!(path.as_str(), name);
        }
        for name in ["../x", ".git ", "git~1", "a\u{202e}b", "a\\b", ""] {
            for platform in [Platform::Windows, Platform::Other] {
                assert!(path_on(platform, name).is_err(), "{name}");
            }
        }
    }
}
