//! One setting, its source, and the findings about it.

use std::path::PathBuf;

use crate::Error;
use crate::env::values::Lookup;
use crate::words::failure;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// Its fixed name: `home`, `read_only_tier`, `policy`, …
    pub name: &'static str,
    /// Its value as it may be shown; a secret is only shown to exist. `None` if it is not set.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Findings about it.
    pub findings: Vec<Finding>,
}

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Not set.
    Default,
    /// An environment variable.
    Variable(&'static str),
    /// A file in its usual place.
    File(PathBuf),
}

/// A remark about a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// The remark.
    pub message: String,
}

/// The severity of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// For information.
    Note,
    /// Works, but probably not as intended.
    Warning,
    /// Unusable: downloads will fail.
    Error,
}

impl Setting {
    pub(super) fn new(name: &'static str, value: Option<String>, source: Source) -> Self {
        Self { name, value, source, findings: Vec::new() }
    }

    /// A setting determined by a single variable.
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

/// The first of these variables that is set.
pub(super) fn by(variables: &[&'static str], lookup: Lookup<'_>) -> Source {
    let set = variables.iter().find(|name| lookup(name).is_some());
    set.map_or(Source::Default, |name| Source::Variable(name))
}
