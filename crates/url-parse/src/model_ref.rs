//! `user/repo` and `user/repo@revision`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Problem};
use crate::excerpt::Excerpt;
use crate::model_id::ModelId;
use crate::platform::Platform;
use crate::revision::Revision;

/// A model, optionally at a revision: `user/repo` or `user/repo@revision`.
///
/// Without a revision it means the repository's default branch. Everything after the first `@` is the
/// revision, including slashes and further `@`; nothing is percent-decoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelRef {
    id: ModelId,
    revision: Option<Revision>,
}

impl ModelRef {
    /// A model at a revision, or at its default branch.
    pub const fn new(id: ModelId, revision: Option<Revision>) -> Self {
        Self { id, revision }
    }

    /// The model.
    pub const fn id(&self) -> &ModelId {
        &self.id
    }

    /// The revision; `None` is the repository's default branch.
    pub const fn revision(&self) -> Option<&Revision> {
        self.revision.as_ref()
    }

    /// The same model at another revision.
    #[must_use]
    pub fn at(&self, revision: Option<Revision>) -> Self {
        Self::new(self.id.clone(), revision)
    }

    /// Parses a text with nothing around the name.
    pub(crate) fn parse_on(text: &str, platform: Platform) -> Result<Self, Problem> {
        let (name, revision) = split(text);
        let id = ModelId::parse_on(name, platform)?;
        let revision = revision
            .map(Revision::checked)
            .transpose()
            .map_err(|problem| problem.about("its revision cannot be used: ").in_part(name.len() + 1))?;
        Ok(Self { id, revision })
    }
}

/// The parts before and after the `@` of a revision. An `@` in the user's part does not count.
pub(crate) fn split(text: &str) -> (&str, Option<&str>) {
    let user = text.find('/').unwrap_or(text.len());
    match text.get(user..).and_then(|rest| rest.find('@')).and_then(|at| text.split_at_checked(user + at)) {
        Some((name, revision)) => (name, revision.strip_prefix('@')),
        None => (text, None),
    }
}

impl From<ModelId> for ModelRef {
    fn from(id: ModelId) -> Self {
        Self::new(id, None)
    }
}

impl FromStr for ModelRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse_on(text, Platform::here())
            .map_err(|problem| Error::ModelRef { input: Excerpt::of(text), problem })
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.id),
            None => self.id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
