//! `HF://user/repo` and `https://huggingface.co/user/repo`, with `@revision` if need be.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ModelProblem};
use crate::excerpt::Excerpt;
use crate::guess::guess;
use crate::model_id::ModelId;
use crate::model_ref::{self, ModelRef};
use crate::platform::Platform;
use crate::revision::Revision;

const PREFIXES: [&str; 2] = ["HF://", "https://huggingface.co/"];

/// The URL of a model as MLC-LLM writes it: exactly `HF://user/repo` or `https://huggingface.co/user/repo`; with
/// `@` and a revision after it, that revision of the model.
///
/// Both name the model on whatever hub is set; the host of the second form is part of the notation. Displayed
/// as `HF://user/repo` or `HF://user/repo@revision`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelUrl(ModelRef);

impl ModelUrl {
    /// The model that the URL names.
    pub const fn id(&self) -> &ModelId {
        self.0.id()
    }

    /// The revision that the URL names, if any.
    pub const fn revision(&self) -> Option<&Revision> {
        self.0.revision()
    }

    /// The model with its revision.
    pub const fn model(&self) -> &ModelRef {
        &self.0
    }

    /// The model with its revision.
    pub fn into_model(self) -> ModelRef {
        self.0
    }

    /// Whether `text` was meant to be a URL, right or wrong: it has `://` in it, as both prefixes have in any
    /// case. For callers that take a URL or a local folder.
    pub fn looks_like(text: &str) -> bool {
        text.contains("://")
    }

    fn parse_on(text: &str, platform: Platform) -> Result<Self, ModelProblem> {
        if text.trim().is_empty() {
            return Err(ModelProblem::Empty);
        }
        if text.trim() != text {
            return Err(ModelProblem::SurroundingSpace);
        }
        let rest = strip_prefix(text)?;
        // No name and no revision holds a `?`; a `#` can be part of a revision.
        let (name, _) = model_ref::split(rest);
        match name.chars().find(|c| matches!(c, '?' | '#')) {
            Some('#') => Err(ModelProblem::Fragment),
            None if !rest.contains('?') => ModelRef::parse_on(rest, platform).map(Self),
            _ => Err(ModelProblem::Query),
        }
    }
}

fn strip_prefix(text: &str) -> Result<&str, ModelProblem> {
    if let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        return Ok(rest);
    }
    let in_other_case =
        |prefix: &&str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if PREFIXES.iter().any(in_other_case) { Err(ModelProblem::PrefixCase) } else { Err(ModelProblem::Prefix) }
}

impl FromStr for ModelUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse_on(text, Platform::here()).map_err(|problem| Error::ModelUrl {
            input: Excerpt::of_url(text),
            problem,
            suggestion: guess(text).map(Self),
        })
    }
}

impl From<ModelRef> for ModelUrl {
    fn from(model: ModelRef) -> Self {
        Self(model)
    }
}

impl From<ModelId> for ModelUrl {
    fn from(id: ModelId) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for ModelUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HF://{}", self.0)
    }
}

#[cfg(test)]
mod tests;
