//! Paths of files inside a repository.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::ascii_case;
use crate::error::{Error, Problem};
use crate::excerpt::Excerpt;
use crate::platform::{Platform, Unfit};

/// The path of a file in a repository or a model's folder: relative, with components separated by `/`.
///
/// Such paths come from git trees and manifests, which are untrusted. Refused are absolute paths, `.`
/// and `..`, empty components, backslashes, control, invisible and reordering characters, components
/// that some file system takes for `.git`, and names that are too long; on Windows also names that the
/// file system would read differently. [`RepoPath::under`] therefore never leaves the given folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Box<str>);

impl RepoPath {
    /// The longest component, in bytes; the limit of most file systems.
    pub const MAX_COMPONENT_BYTES: usize = 255;
    /// The longest path, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// Parses by the rules of `platform`; [`str::parse`] uses this system's.
    ///
    /// # Errors
    /// [`Error::RepoPath`] if `text` is no such path.
    pub fn parse_on(text: &str, platform: Platform) -> Result<Self, Error> {
        match problem(text, platform) {
            None => Ok(Self(text.into())),
            Some(problem) => Err(Error::RepoPath { input: Excerpt::of(text), problem }),
        }
    }

    /// The path with `/` between its components.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of the folders, then of the file; at least one component.
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

fn problem(text: &str, platform: Platform) -> Option<Problem> {
    if text.is_empty() {
        return Some(Problem::new("it is empty"));
    }
    if text.len() > RepoPath::MAX_BYTES {
        let words = format!("it is {} bytes long, more than {}", text.len(), RepoPath::MAX_BYTES);
        return Some(Problem::new(words));
    }
    if text.starts_with('/') {
        return Some(Problem::new("it is absolute").at(0));
    }
    if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_control()) {
        return Some(Problem::new(format!("it has the control character {c:?}")).at(at));
    }
    if let Some(problem) = Problem::invisible_in(text) {
        return Some(problem);
    }
    // It is a separator on Windows.
    if let Some(at) = text.find('\\') {
        return Some(Problem::new("it has a backslash").at(at));
    }
    Problem::in_components(text, |component| component_problem(component, platform))
}

fn component_problem(component: &str, platform: Platform) -> Option<Problem> {
    let bytes = component.len();
    if component.is_empty() {
        return Some(Problem::new("it has an empty component"));
    }
    if matches!(component, "." | "..") {
        return Some(Problem::new("it has a component `.` or `..`"));
    }
    if bytes > RepoPath::MAX_COMPONENT_BYTES {
        let words =
            format!("it has a component of {bytes} bytes, more than {}", RepoPath::MAX_COMPONENT_BYTES);
        return Some(Problem::new(words));
    }
    if is_git_folder(component) {
        return Some(Problem::new("it leads into a `.git` folder"));
    }
    platform.check(component).err().map(|unfit| match unfit {
        Unfit::DeviceName => Problem::new("it has a component that is the name of a device on Windows"),
        Unfit::TrailingDotOrSpace => {
            Problem::new("it has a component that ends in a dot or a space, which Windows drops")
                .at(bytes - 1)
        }
        Unfit::Character { c, at } => {
            Problem::new(format!("it has the character {c:?}, which Windows does not allow in a file name"))
                .at(at)
        }
    })
}

/// Whether some file system takes this name for `.git`. HFS+ also ignores invisible characters, which
/// are refused anyway.
fn is_git_folder(component: &str) -> bool {
    // NTFS takes text after a colon for a stream of the file, and drops trailing dots and spaces.
    let name = component.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    // The short name that NTFS generates for it.
    let number = ascii_case::strip_prefix(name, "git~").unwrap_or_default();
    name.eq_ignore_ascii_case(".git") || (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

impl FromStr for RepoPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse_on(text, Platform::here())
    }
}

impl AsRef<str> for RepoPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// For messages: a long path is cut like an [`Excerpt`]. [`as_str`](RepoPath::as_str) returns all of
/// it.
impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kept, mark) = Excerpt::cut(&self.0);
        write!(f, "{kept}{mark}")
    }
}

#[cfg(test)]
mod tests;
