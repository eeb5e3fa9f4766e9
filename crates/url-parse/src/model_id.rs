//! `user/repo`.

use std::fmt;
use std::str::FromStr;

use crate::ascii_case;
use crate::error::{Error, Problem};
use crate::excerpt::Excerpt;
use crate::platform::{Platform, Unfit};

/// Which of the two names a problem concerns, and the one problem that is detected in two places.
const USER: &str = "the user ";
const REPO: &str = "the repository ";
const MISSING: &str = "is missing";

/// The name of a model on a hub: a user or organisation, and a repository.
///
/// Both consist of letters, digits, `-`, `_` and `.` (ASCII), do not start with `-` or `.`, and are at
/// most [`ModelId::MAX_NAME_BYTES`] long; as on the hub, the repository does not end in `.git`. On
/// Windows they are not device names and do not end in a dot. Case is kept. Each is therefore safe as
/// one component of a path or URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId {
    user: Box<str>,
    repo: Box<str>,
}

impl ModelId {
    /// The longest user or repository name, in bytes; the hub's own limit.
    pub const MAX_NAME_BYTES: usize = 96;

    /// The model `repo` of `user`.
    ///
    /// # Errors
    ///
    /// [`Error::ModelId`] if one of the two is not a valid name.
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

    pub(crate) fn checked(user: &str, repo: &str, platform: Platform) -> Result<Self, Problem> {
        if let Some(problem) = name_problem(user).or_else(|| unfit(user, platform)) {
            return Err(problem.about(USER));
        }
        let of_repo = name_problem(repo).or_else(|| git_suffix(repo)).or_else(|| unfit(repo, platform));
        if let Some(problem) = of_repo {
            return Err(problem.about(REPO).in_part(user.len() + 1));
        }
        Ok(Self { user: user.into(), repo: repo.into() })
    }

    /// `user/repo`, with nothing around it.
    pub(crate) fn parse_on(text: &str, platform: Platform) -> Result<Self, Problem> {
        let segments: Vec<&str> = text.split('/').collect();
        match segments.as_slice() {
            [] | [""] => Err(Problem::new(MISSING).about(USER)),
            [_] | [_, ""] => Err(Problem::new(MISSING).about(REPO).at(text.len())),
            [user, repo, ""] if !user.is_empty() && !repo.is_empty() => {
                Err(Problem::new("it ends in a slash").at(text.len() - 1))
            }
            [user, repo] if !user.is_empty() => Self::checked(user, repo, platform),
            [user, repo, ..] => Err(Problem::in_components(text, empty_segment).unwrap_or_else(|| {
                Problem::new("there is something after the repository").at(user.len() + repo.len() + 1)
            })),
        }
    }
}

fn empty_segment(segment: &str) -> Option<Problem> {
    segment.is_empty().then(|| Problem::new("it has an empty segment"))
}

fn name_problem(name: &str) -> Option<Problem> {
    if name.is_empty() {
        return Some(Problem::new(MISSING));
    }
    if matches!(name, "." | "..") {
        return Some(Problem::new("is `.` or `..`"));
    }
    let is_foreign = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    if let Some((at, c)) = name.char_indices().find(|(_, c)| is_foreign(*c)) {
        return Some(foreign_character(c, at));
    }
    if name.len() > ModelId::MAX_NAME_BYTES {
        let words = format!("is {} bytes long, more than {}", name.len(), ModelId::MAX_NAME_BYTES);
        return Some(Problem::new(words));
    }
    match name.as_bytes().first() {
        Some(b'.') => Some(Problem::new("starts with `.`")),
        // It would look like a command-line option.
        Some(b'-') => Some(Problem::new("starts with `-`")),
        _ => None,
    }
}

fn foreign_character(c: char, at: usize) -> Problem {
    let words = format!("has the character {c:?}; only letters, digits, `-`, `_` and `.` are allowed");
    Problem::new(words).at(at)
}

/// `.git` belongs to the address of a clone, not to a name.
fn git_suffix(repo: &str) -> Option<Problem> {
    let name = ascii_case::strip_suffix(repo, ".git")?;
    Some(Problem::new("ends in `.git`").at(name.len()))
}

fn unfit(name: &str, platform: Platform) -> Option<Problem> {
    platform.check(name).err().map(|unfit| match unfit {
        Unfit::DeviceName => Problem::new("is the name of a device on Windows"),
        Unfit::TrailingDotOrSpace => Problem::new("ends in `.`, which Windows drops").at(name.len() - 1),
        Unfit::Character { c, at } => foreign_character(c, at),
    })
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
