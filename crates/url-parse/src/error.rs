//! The error type, and what is wrong with a text.

use std::borrow::Cow;
use std::fmt;

use crate::excerpt::Excerpt;
use crate::printable::is_invisible;

/// A text that is not the name it should be.
///
/// The message shows the input (escaped, cut if long, credentials hidden), the problem, the expected
/// form, and for a model URL a suggested correction if one can be guessed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a [`ModelUrl`](crate::ModelUrl).
    #[error("`{input}` is not a model URL: {problem}; expected `HF://user/repo`{}", did_you_mean(problem))]
    #[non_exhaustive]
    ModelUrl {
        /// The text.
        input: Excerpt,
        /// What is wrong with it; suggests the URL that was probably meant.
        problem: Problem,
    },
    /// Not a [`ModelId`](crate::ModelId).
    #[error("`{input}` is not the name of a model: {problem}; expected `user/repo`")]
    #[non_exhaustive]
    ModelId {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Not a [`ModelRef`](crate::ModelRef).
    #[error("`{input}` is not the name of a model: {problem}; expected `user/repo` or `user/repo@revision`")]
    #[non_exhaustive]
    ModelRef {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Not a [`CommitId`](crate::CommitId).
    #[error("`{input}` is not a commit: expected 40 lower-case hexadecimal digits")]
    #[non_exhaustive]
    CommitId {
        /// The text.
        input: Excerpt,
    },
    /// Not a [`Proof`](crate::Proof).
    #[error("`{input}` is not a proof: expected `git` or `endpoint`")]
    #[non_exhaustive]
    Proof {
        /// The text.
        input: Excerpt,
    },
    /// Not a [`Revision`](crate::Revision).
    #[error("`{input}` is not a revision: {problem}; expected a branch, a tag, `refs/…` or a commit")]
    #[non_exhaustive]
    Revision {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Not a [`RepoPath`](crate::RepoPath).
    #[error("`{input}` is not a path inside a repository: {problem}")]
    #[non_exhaustive]
    RepoPath {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Not an [`Endpoint`](crate::Endpoint).
    #[error(
        "`{input}` is not the address of a hub: {problem}; expected `https://host`, optionally with a port and a path"
    )]
    #[non_exhaustive]
    Endpoint {
        /// The text.
        input: Excerpt,
        /// What is wrong with it.
        problem: Problem,
        /// The URL parser's error, if it was the parser that refused.
        source: Option<url::ParseError>,
    },
}

fn did_you_mean(problem: &Problem) -> String {
    problem.suggestion().map(|text| format!("; did you mean `{text}`?")).unwrap_or_default()
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    words: Cow<'static, str>,
    position: Option<usize>,
    suggestion: Option<Box<str>>,
    elsewhere: Option<Box<Elsewhere>>,
}

/// The model that is meant by its address at another hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Elsewhere {
    /// The address of that hub, which is a valid [`Endpoint`](crate::Endpoint).
    pub hub: String,
    /// The [URL](crate::ModelUrl) of the model for a program whose hub that is.
    pub url: String,
}

impl Problem {
    /// The problem in words, such as `it has an empty segment`.
    pub fn as_str(&self) -> &str {
        &self.words
    }

    /// The byte at which the problem begins; `None` if it concerns the whole text.
    pub const fn position(&self) -> Option<usize> {
        self.position
    }

    /// The text that was probably meant. It is valid.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// The model, if the text is its address at another hub.
    pub fn elsewhere(&self) -> Option<&Elsewhere> {
        self.elsewhere.as_deref()
    }

    pub(crate) fn new(words: impl Into<Cow<'static, str>>) -> Self {
        Self { words: words.into(), position: None, suggestion: None, elsewhere: None }
    }

    /// For the address of a model at another hub.
    pub(crate) fn at_another_hub(hub: String, url: String) -> Self {
        let words = format!("it is the address of a model at another hub, {hub}");
        Self { elsewhere: Some(Box::new(Elsewhere { hub, url })), ..Self::new(words) }
    }

    /// For a query or fragment, which begins with `mark`: `?` or `#`.
    pub(crate) fn query_or_fragment(at: usize, mark: &str) -> Self {
        Self::new(if mark == "#" { "it has a fragment (`#…`)" } else { "it has a query (`?…`)" }).at(at)
    }

    /// The first invisible character of a text.
    pub(crate) fn invisible_in(text: &str) -> Option<Self> {
        let (at, c) = text.char_indices().find(|(_, c)| is_invisible(*c))?;
        Some(Self::new(format!("it has the invisible character {}", c.escape_unicode())).at(at))
    }

    pub(crate) fn at(self, position: usize) -> Self {
        Self { position: Some(position), ..self }
    }

    pub(crate) fn suggesting(self, text: Option<String>) -> Self {
        Self { suggestion: text.map(Into::into), ..self }
    }

    /// The same problem in a longer text that contains the part at `start`.
    pub(crate) fn in_part(self, start: usize) -> Self {
        let position = start + self.position.unwrap_or_default();
        self.at(position)
    }

    /// The same problem, with `what` before its text.
    pub(crate) fn about(self, what: &str) -> Self {
        Self { words: format!("{what}{}", self.words).into(), ..self }
    }

    /// The first problem that `check` finds in a component of a path.
    pub(crate) fn in_components(path: &str, check: impl Fn(&str) -> Option<Self>) -> Option<Self> {
        let mut start = 0;
        path.split('/').find_map(|component| {
            let problem = check(component).map(|problem| problem.in_part(start));
            start += component.len() + 1;
            problem
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}
