//! One setting, where its value comes from, and what is to be said about it.

use std::path::PathBuf;

use crate::Error;
use crate::env::values::Lookup;
use crate::words::failure;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// What it is called, the same at all times: `home`, `read_only_tier`, `policy`, …
    pub name: &'static str,
    /// Its value, fit to be shown: of a secret only that there is one. `None` if it is not set.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// What is to be said about it.
    pub findings: Vec<Finding>,
}

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Nobody set it.
    Default,
    /// An environment variable.
    Variable(&'static str),
    /// A file that was found in its usual place.
    File(PathBuf),
}

/// Something to be said about a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in words.
    pub message: String,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// As it should be; good to know.
    Note,
    /// Works, but probably not as it was meant.
    Warning,
    /// Cannot be used: downloads will fail.
    Error,
}

impl Setting {
    pub(super) fn new(name: &'static str, value: Option<String>, source: Source) -> Self {
        Self { name, value, source, findings: Vec::new() }
    }

    /// A setting that has its value from one variable alone.
    pub(super) fn of_variable(
        name: &'static str,
        variable: &'static str,
        lookup: Lookup<'_>,
        value: Option<String>,
    ) -> Self {
        Self::new(name, value, by(&[variable], lookup))
    }

    pub(super) fn with(mut self, severity: Severity, message: impl Into<String>) -> Self {
        self.findings.push(Finding { severity, message: message.into() });
        self
    }

    pub(super) fn with_error(self, error: &Error) -> Self {
        self.with(Severity::Error, failure(error))
    }
}

/// The first of some variables that is set.
pub(super) fn by(variables: &[&'static str], lookup: Lookup<'_>) -> Source {
    let set = variables.iter().find(|name| lookup(name).is_some());
    set.map_or(Source::Default, |name| Source::Variable(name))
}
