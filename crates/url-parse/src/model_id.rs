//! `user/repo`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ModelProblem, NameProblem, Part};
use crate::excerpt::Excerpt;
use crate::platform::{Platform, Unfit};

/// The name of a model on a hub: a user (or organisation) and a repository.
///
/// Both are letters, digits, `-`, `_` and `.` (ASCII), do not start with `-` or `.`, and are at most
/// [`ModelId::MAX_NAME_BYTES`] long; the repository does not end in `.git`, as on the hub. On Windows they
/// are no device names and do not end in a dot. Case is kept. Each is therefore one safe component of a
/// path and of a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId {
    user: Box<str>,
    repo: Box<str>,
}

impl ModelId {
    /// The longest user and the longest repository name, in bytes; the hub's own limit.
    pub const MAX_NAME_BYTES: usize = 96;

    /// The model `repo` of `user`.
    ///
    /// # Errors
    /// [`Error::ModelId`] when one of the two is not such a name.
    pub fn new(user: &str, repo: &str) -> Result<Self, Error> {
        Self::checked(user, repo, Platform::here())
            .map_err(|problem| Error::ModelId { input: Excerpt::of(&format!("{user}/{repo}")), problem })
    }

    /// The user or organisation.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The repository.
    pub fn repo(&self) -> &str {
        &self.repo
    }

    pub(crate) fn checked(user: &str, repo: &str, platform: Platform) -> Result<Self, ModelProblem> {
        check_name(Part::User, user, platform)?;
        check_name(Part::Repo, repo, platform)?;
        Ok(Self { user: user.into(), repo: repo.into() })
    }

    /// `user/repo`, with nothing before or after.
    pub(crate) fn parse_on(text: &str, platform: Platform) -> Result<Self, ModelProblem> {
        let segments: Vec<&str> = text.split('/').collect();
        match segments.as_slice() {
            [""] => Err(ModelProblem::Missing(Part::User)),
            [_] | [_, ""] => Err(ModelProblem::Missing(Part::Repo)),
            [user, repo, ""] if !user.is_empty() && !repo.is_empty() => Err(ModelProblem::TrailingSlash),
            all if all.contains(&"") => Err(ModelProblem::EmptySegment),
            [user, repo] => Self::checked(user, repo, platform),
            _ => Err(ModelProblem::ExtraSegment),
        }
    }
}

fn check_name(part: Part, name: &str, platform: Platform) -> Result<(), ModelProblem> {
    if name.is_empty() {
        return Err(ModelProblem::Missing(part));
    }
    match name_problem(part, name, platform) {
        Some(problem) => Err(ModelProblem::Name { part, problem }),
        None => Ok(()),
    }
}

fn name_problem(part: Part, name: &str, platform: Platform) -> Option<NameProblem> {
    if matches!(name, "." | "..") {
        return Some(NameProblem::Dots);
    }
    if let Some(c) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c))) {
        return Some(NameProblem::Character(c));
    }
    if name.len() > ModelId::MAX_NAME_BYTES {
        return Some(NameProblem::TooLong { bytes: name.len() });
    }
    match name.as_bytes().first() {
        Some(b'.') => return Some(NameProblem::LeadingDot),
        Some(b'-') => return Some(NameProblem::LeadingDash),
        _ => {}
    }
    if part == Part::Repo && name.to_ascii_lowercase().ends_with(".git") {
        return Some(NameProblem::GitSuffix);
    }
    match platform.check(name) {
        Ok(()) => None,
        Err(Unfit::DeviceName) => Some(NameProblem::DeviceName),
        Err(Unfit::TrailingDotOrSpace) => Some(NameProblem::TrailingDot),
        Err(Unfit::Character(c)) => Some(NameProblem::Character(c)),
    }
}

impl FromStr for ModelId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse_on(text, Platform::here())
            .map_err(|problem| Error::ModelId { input: Excerpt::of(text), problem })
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.user, self.repo)
    }
}

#[cfg(test)]
mod tests;
