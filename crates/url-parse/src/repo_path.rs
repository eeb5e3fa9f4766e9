//! Paths of files inside a repository.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, PathProblem};
use crate::excerpt::Excerpt;
use crate::platform::{Platform, Unfit};

/// The path of a file inside a repository or a model's folder: relative, components separated by `/`.
///
/// It comes from a git tree or a manifest, both untrusted. Refused are absolute paths, `.` and `..`, empty
/// components, backslashes, drive letters, control characters, components named `.git` in any case, and
/// what is too long; on Windows also what the file system would read as another name. [`RepoPath::under`]
/// therefore never leaves the folder it is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Box<str>);

impl RepoPath {
    /// The longest component, in bytes; the limit of most file systems.
    pub const MAX_COMPONENT_BYTES: usize = 255;
    /// The longest path, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// The same as [`str::parse`].
    ///
    /// # Errors
    /// [`Error::RepoPath`] when `text` is not such a path.
    pub fn parse(text: &str) -> Result<Self, Error> {
        text.parse()
    }

    /// The path with `/` between its components.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of the folders, then of the file; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The file below `root`, with the platform's separator.
    pub fn under(&self, root: &Path) -> PathBuf {
        let mut path = root.to_path_buf();
        path.extend(self.components());
        path
    }
}

fn problem(text: &str, platform: Platform) -> Option<PathProblem> {
    if text.is_empty() {
        return Some(PathProblem::Empty);
    }
    if text.len() > RepoPath::MAX_BYTES {
        return Some(PathProblem::TooLong { bytes: text.len() });
    }
    if text.starts_with('/') {
        return Some(PathProblem::Absolute);
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        return Some(PathProblem::ControlCharacter(c));
    }
    if text.contains('\\') {
        return Some(PathProblem::Backslash);
    }
    if let [letter, b':', ..] = text.as_bytes()
        && letter.is_ascii_alphabetic()
    {
        return Some(PathProblem::DriveLetter);
    }
    text.split('/').find_map(|component| component_problem(component, platform))
}

fn component_problem(component: &str, platform: Platform) -> Option<PathProblem> {
    match component {
        "" => return Some(PathProblem::EmptyComponent),
        "." | ".." => return Some(PathProblem::Dots),
        long if long.len() > RepoPath::MAX_COMPONENT_BYTES => {
            return Some(PathProblem::ComponentTooLong { bytes: long.len() });
        }
        git if git.eq_ignore_ascii_case(".git") => return Some(PathProblem::GitFolder),
        _ => {}
    }
    match platform.check(component) {
        Ok(()) => None,
        Err(Unfit::DeviceName) => Some(PathProblem::DeviceName),
        Err(Unfit::TrailingDotOrSpace) => Some(PathProblem::TrailingDotOrSpace),
        Err(Unfit::Character(c)) => Some(PathProblem::WindowsCharacter(c)),
    }
}

impl FromStr for RepoPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match problem(text, Platform::here()) {
            None => Ok(Self(text.into())),
            Some(problem) => Err(Error::RepoPath { input: Excerpt::of(text), problem }),
        }
    }
}

impl AsRef<str> for RepoPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
