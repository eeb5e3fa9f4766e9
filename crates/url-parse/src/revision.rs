//! Branches, tags, references and commits.

use std::fmt;
use std::str::FromStr;

use crate::commit_id::CommitId;
use crate::error::{Error, Problem};
use crate::excerpt::Excerpt;

/// The name of a state of a repository: a branch, a tag, a full reference (`refs/pr/1`) or a commit. It
/// follows the rules of `git check-ref-format`, does not start with `-`, and has no invisible
/// characters.
///
/// It may contain `/` and characters that are not safe in file names, so it must be encoded to be used
/// as a path component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(Box<str>);

impl Revision {
    /// The longest revision, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// The revision as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The commit, if the revision is a full commit id. It is then immutable and need not be resolved.
    pub fn commit(&self) -> Option<CommitId> {
        self.0.parse().ok()
    }

    /// Whether this may be an abbreviated commit: 7 to 39 lower-case hexadecimal digits. A branch or
    /// tag of that name takes precedence.
    pub fn may_be_short_commit(&self) -> bool {
        (7..40).contains(&self.0.len()) && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    pub(crate) fn checked(text: &str) -> Result<Self, Problem> {
        problem(text).map_or_else(|| Ok(Self(text.into())), Err)
    }
}

impl From<CommitId> for Revision {
    fn from(commit: CommitId) -> Self {
        Self(commit.to_string().into())
    }
}

impl FromStr for Revision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::checked(text).map_err(|problem| Error::Revision { input: Excerpt::of(text), problem })
    }
}

/// The rules of `git check-ref-format --allow-onelevel`, in the order of git's manual, and our own.
fn problem(text: &str) -> Option<Problem> {
    if text.is_empty() {
        return Some(Problem::new("it is empty"));
    }
    if text.len() > Revision::MAX_BYTES {
        let words = format!("it is {} bytes long, more than {}", text.len(), Revision::MAX_BYTES);
        return Some(Problem::new(words));
    }
    // It would look like a command-line option.
    if text.starts_with('-') {
        return Some(Problem::new("it starts with `-`").at(0));
    }
    if let Some(problem) = Problem::in_components(text, component_problem) {
        return Some(problem);
    }
    // A range.
    if let Some(at) = text.find("..") {
        return Some(Problem::new("it has `..`").at(at));
    }
    if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_control() || r" ~^:?*[\".contains(*c)) {
        return Some(Problem::new(format!("it has the character {c:?}")).at(at));
    }
    if let Some(problem) = Problem::invisible_in(text) {
        return Some(problem);
    }
    if let Some(rest) = text.strip_suffix('.') {
        return Some(Problem::new("it ends in `.`").at(rest.len()));
    }
    // An entry of the reference log.
    if let Some(at) = text.find("@{") {
        return Some(Problem::new("it has `@{`").at(at));
    }
    // Another name of `HEAD`.
    (text == "@").then(|| Problem::new("`@` alone is not a name"))
}

fn component_problem(component: &str) -> Option<Problem> {
    if component.is_empty() {
        Some(Problem::new("it has an empty component"))
    } else if component.starts_with('.') {
        Some(Problem::new("it has a component that starts with `.`"))
    } else if component.strip_suffix(".lock").is_some() {
        Some(Problem::new("it has a component that ends in `.lock`"))
    } else {
        None
    }
}

impl AsRef<str> for Revision {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
