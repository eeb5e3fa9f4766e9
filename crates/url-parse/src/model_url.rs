//! `HF://user/repo` and `https://huggingface.co/user/repo`, optionally with `@revision`.

use std::fmt;
use std::str::FromStr;

use crate::ascii_case;
use crate::endpoint::Endpoint;
use crate::error::{Error, Problem};
use crate::excerpt::Excerpt;
use crate::guess::{elsewhere, guess};
use crate::model_id::ModelId;
use crate::model_ref::{self, ModelRef};
use crate::platform::Platform;
use crate::revision::Revision;

const PREFIXES: [&str; 2] = ["HF://", "https://huggingface.co/"];

/// A model's URL in MLC-LLM's notation: exactly `HF://user/repo` or `https://huggingface.co/user/repo`,
/// optionally followed by `@` and a revision.
///
/// Both forms name the model on the configured hub, whichever that is; the host in the second one is
/// part of the notation. Displayed as `HF://user/repo` or `HF://user/repo@revision`.
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

    /// Also accepts a model's address on the configured hub: `{hub}/user/repo`, optionally with `@` and
    /// a revision.
    ///
    /// ```
    /// use url_parse::{Endpoint, ModelUrl};
    ///
    /// let mirror: Endpoint = "https://mirror.example/hf".parse()?;
    /// let url = ModelUrl::parse_at("https://mirror.example/hf/user/repo@v1", &mirror)?;
    /// assert_eq!(url.to_string(), "HF://user/repo@v1");
    /// assert!(ModelUrl::parse_at("https://elsewhere.example/user/repo", &mirror).is_err());
    /// # Ok::<(), url_parse::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ModelUrl`]; its [`Problem::elsewhere`] names the hub if the text is a model's address on another one.
    pub fn parse_at(text: &str, hub: &Endpoint) -> Result<Self, Error> {
        let Some(rest) = hub.strip_from(text) else { return text.parse() };
        let model = parse_model(rest, Platform::here());
        let refused = |problem: Problem| {
            refused(text, problem.in_part(text.len() - rest.len()), guess(&format!("HF://{rest}")))
        };
        model.map(Self).map_err(refused)
    }

    /// Whether `text` was meant to be a URL, valid or not: it contains `://`. For callers that accept a
    /// URL or a local folder.
    pub fn looks_like(text: &str) -> bool {
        text.contains("://")
    }

    fn parse_on(text: &str, platform: Platform) -> Result<Self, Problem> {
        if text.trim().is_empty() {
            return Err(Problem::new("it is empty"));
        }
        if text.trim() != text {
            let at = if text.starts_with(char::is_whitespace) { 0 } else { text.trim_end().len() };
            return Err(Problem::new("it has white space around it").at(at));
        }
        let rest = strip_prefix(text)?;
        let model = parse_model(rest, platform);
        model.map(Self).map_err(|problem| problem.in_part(text.len() - rest.len()))
    }
}

/// Parses the part after the prefix.
fn parse_model(text: &str, platform: Platform) -> Result<ModelRef, Problem> {
    // No name or revision contains a `?`; a revision may contain a `#`.
    let (name, _) = model_ref::split(text);
    let in_name = name.match_indices(['?', '#']).next();
    match in_name.or_else(|| text.match_indices('?').next()) {
        None => ModelRef::parse_on(text, platform),
        Some((at, mark)) => Err(Problem::query_or_fragment(at, mark)),
    }
}

fn strip_prefix(text: &str) -> Result<&str, Problem> {
    if let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        return Ok(rest);
    }
    if let Some((hub, model)) = elsewhere(text) {
        return Err(Problem::at_another_hub(hub.to_string(), ModelUrl(model).to_string()));
    }
    Err(Problem::new(if PREFIXES.iter().any(|prefix| ascii_case::strip_prefix(text, prefix).is_some()) {
        "its prefix is not written exactly `HF://` or `https://huggingface.co/`"
    } else {
        "it starts with neither `HF://` nor `https://huggingface.co/`"
    }))
}

impl FromStr for ModelUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse_on(text, Platform::here()).map_err(|problem| refused(text, problem, guess(text)))
    }
}

fn refused(text: &str, problem: Problem, meant: Option<ModelRef>) -> Error {
    let problem = problem.suggesting(meant.map(|model| ModelUrl(model).to_string()));
    Error::ModelUrl { input: Excerpt::of_url(text), problem }
}

impl From<ModelRef> for ModelUrl {
    fn from(model: ModelRef) -> Self {
        Self(model)
    }
}

impl From<ModelUrl> for ModelRef {
    fn from(url: ModelUrl) -> Self {
        url.into_model()
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
