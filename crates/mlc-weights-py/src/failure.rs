//! Errors as Python exceptions.

use facade::{Error, words};
use pyo3::prelude::*;

/// An error on its way to Python. It becomes an exception only there, with the GIL.
pub(crate) struct Failure {
    kind: &'static str,
    message: String,
    is_transient: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind().as_str(),
            message: words::failure(&error),
            is_transient: error.is_transient(),
        }
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        let Failure { kind, message, is_transient } = failure;
        Python::attach(|py| {
            let errors = py.import("mlc_weights._errors");
            let made =
                errors.and_then(|errors| errors.call_method1("failure", (kind, message, is_transient)));
            made.map_or_else(|error| error, Self::from_value)
        })
    }
}
