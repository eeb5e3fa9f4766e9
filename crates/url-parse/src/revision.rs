//! Branches, tags, references and commits.

use std::fmt;
use std::str::FromStr;

use crate::commit_id::CommitId;
use crate::error::{Error, RevisionProblem};
use crate::excerpt::Excerpt;

/// What a state of a repository is asked for by: a branch, a tag, a full reference (`refs/pr/1`) or a
/// commit. The text follows the rules of `git check-ref-format`, and does not start with `-`.
///
/// It may hold `/` and characters that are not safe in a file name, so it is no component of a path as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(Box<str>);

impl Revision {
    /// The longest revision, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// The revision as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The commit, when the revision is a full one. It is immutable then, and need not be asked for.
    pub fn commit(&self) -> Option<CommitId> {
        self.0.parse().ok()
    }

    /// Whether this may be the beginning of a commit: 7 to 39 lower-case hexadecimal digits. A branch or a tag can
    /// have such a name too, and is then meant.
    pub fn may_be_short_commit(&self) -> bool {
        (7..40).contains(&self.0.len()) && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    pub(crate) fn checked(text: &str) -> Result<Self, RevisionProblem> {
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

/// The rules of `git check-ref-format --allow-onelevel`, in their order in git's manual.
fn problem(text: &str) -> Option<RevisionProblem> {
    if text.is_empty() {
        return Some(RevisionProblem::Empty);
    }
    if text.len() > Revision::MAX_BYTES {
        return Some(RevisionProblem::TooLong { bytes: text.len() });
    }
    if text.starts_with('-') {
        return Some(RevisionProblem::LeadingDash);
    }
    if let Some(problem) = text.split('/').find_map(component_problem) {
        return Some(problem);
    }
    if text.contains("..") {
        return Some(RevisionProblem::DoubleDot);
    }
    if let Some(c) = text.chars().find(|c| c.is_control() || r" ~^:?*[\".contains(*c)) {
        return Some(RevisionProblem::Character(c));
    }
    if text.ends_with('.') {
        return Some(RevisionProblem::TrailingDot);
    }
    if text.contains("@{") {
        return Some(RevisionProblem::AtBrace);
    }
    (text == "@").then_some(RevisionProblem::AtAlone)
}

fn component_problem(component: &str) -> Option<RevisionProblem> {
    if component.is_empty() {
        Some(RevisionProblem::EmptyComponent)
    } else if component.starts_with('.') {
        Some(RevisionProblem::LeadingDot)
    } else if component.strip_suffix(".lock").is_some() {
        Some(RevisionProblem::LockSuffix)
    } else {
        None
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
