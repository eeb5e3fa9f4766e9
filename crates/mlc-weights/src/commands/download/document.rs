//! What `download --json` prints.

use std::path::Path;
use std::time::Duration;

use facade::{MetadataOrigin, Model, ModelRef, Proof};
use serde::Serialize;
use serde_json::Value;

use crate::exit::Failure;
use crate::output::{JSON_VERSION, rounded};
use crate::progress::BytesBySource;
use crate::report;

#[derive(Serialize)]
pub(super) struct Document {
    version: u32,
    models: Vec<Row>,
    seconds: f64,
}

/// What became of a model. All have the same members.
#[derive(Serialize)]
pub(super) struct Row {
    model: String,
    /// `cached`, `downloaded`, `failed` or `not_tried`.
    outcome: &'static str,
    path: Option<String>,
    /// Where `--to` has put it.
    to: Option<String>,
    commit: Option<String>,
    proof: Option<&'static str>,
    metadata: Option<&'static str>,
    bytes: BytesBySource,
    seconds: f64,
    failure: Option<Value>,
}

impl Document {
    pub(super) fn new(models: Vec<Row>, took: Duration) -> Self {
        Self { version: JSON_VERSION, models, seconds: rounded(took) }
    }
}

impl Row {
    pub(super) fn there(requested: &ModelRef, model: &Model, bytes: BytesBySource, took: Duration) -> Self {
        let outcome = if model.outcome == facade::Outcome::Cached { "cached" } else { "downloaded" };
        Self {
            path: Some(model.path.to_string_lossy().into_owned()),
            commit: model.commit.map(|commit| commit.to_string()),
            proof: model.proof.map(Proof::as_str),
            metadata: model.metadata.map(MetadataOrigin::as_str),
            bytes: bytes.ended(model.outcome),
            ..Self::about(requested, outcome, took)
        }
    }

    pub(super) fn failed(
        requested: &ModelRef,
        failure: &Failure,
        bytes: BytesBySource,
        took: Duration,
    ) -> Self {
        let failure = Some(report::members(failure));
        Self { bytes, failure, ..Self::about(requested, "failed", took) }
    }

    /// The same, which was put there.
    pub(super) fn put(mut self, to: Option<&Path>) -> Self {
        self.to = to.map(|to| to.to_string_lossy().into_owned());
        self
    }

    /// Nothing was done, since the command ended early.
    pub(super) fn not_tried(requested: &ModelRef) -> Self {
        Self::about(requested, "not_tried", Duration::ZERO)
    }

    fn about(requested: &ModelRef, outcome: &'static str, took: Duration) -> Self {
        Self {
            model: requested.to_string(),
            outcome,
            path: None,
            to: None,
            commit: None,
            proof: None,
            metadata: None,
            bytes: BytesBySource::default(),
            seconds: rounded(took),
            failure: None,
        }
    }
}
