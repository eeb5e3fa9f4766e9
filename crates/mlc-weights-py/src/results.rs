//! Results, as the classes of `mlc_weights._results`.

use std::path::PathBuf;

use facade::cache::{
    Basis, FileReport, FileState, Listing, ModelEntry, PrunedModel, Pruning, Removal, VerifyReport,
};
use facade::{CommitId, DownloadPlan, FileOrigin, Model, Outcome, PlannedDownload, PlannedFile, words};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict as _, PyTuple};

/// A Python object, or the error of creating it.
pub(crate) type Made<'py> = PyResult<Bound<'py, PyAny>>;

/// A field of a class, and its value.
type Field = (&'static str, Py<PyAny>);

pub(crate) fn model<'py>(py: Python<'py>, model: &Model) -> Made<'py> {
    let bytes_received = match model.outcome {
        Outcome::Downloaded { bytes_received, .. } => bytes_received,
        _ => 0,
    };
    make(
        py,
        "Model",
        [
            ("path", model.path.as_path().into_py_any(py)?),
            ("commit", commit(model.commit).into_py_any(py)?),
            ("read_only", model.tier.is_read_only().into_py_any(py)?),
            ("cached", (model.outcome == Outcome::Cached).into_py_any(py)?),
            ("bytes_received", bytes_received.into_py_any(py)?),
        ],
    )
}

pub(crate) fn plan<'py>(py: Python<'py>, plan: &DownloadPlan) -> Made<'py> {
    match plan {
        DownloadPlan::Download(download) => planned(py, download),
        DownloadPlan::Cached(model) => make(
            py,
            "Plan",
            [
                ("path", model.path.as_path().into_py_any(py)?),
                ("commit", commit(model.commit).into_py_any(py)?),
                ("cached", true.into_py_any(py)?),
                ("files", PyTuple::empty(py).into_py_any(py)?),
                ("free_bytes", None::<u64>.into_py_any(py)?),
            ],
        ),
        _ => Err(PyNotImplementedError::new_err("a plan of an unknown kind")),
    }
}

fn planned<'py>(py: Python<'py>, plan: &PlannedDownload) -> Made<'py> {
    make(
        py,
        "Plan",
        [
            ("path", plan.path.as_path().into_py_any(py)?),
            ("commit", plan.commit.to_string().into_py_any(py)?),
            ("cached", false.into_py_any(py)?),
            ("files", tuple(py, &plan.files, planned_file)?.unbind()),
            ("free_bytes", plan.free_bytes.into_py_any(py)?),
        ],
    )
}

fn planned_file<'py>(py: Python<'py>, file: &PlannedFile) -> Made<'py> {
    let origin = match file.from {
        FileOrigin::Network { .. } => "network",
        FileOrigin::Metadata => "metadata",
        FileOrigin::Staging => "staging",
        FileOrigin::Replaced => "replaced",
        FileOrigin::OtherModel => "other_model",
        _ => "other",
    };
    make(
        py,
        "PlannedFile",
        [
            ("path", file.path.as_str().into_py_any(py)?),
            ("size", file.size.into_py_any(py)?),
            ("bytes_to_fetch", file.bytes_to_fetch().into_py_any(py)?),
            ("origin", origin.into_py_any(py)?),
        ],
    )
}

pub(crate) fn models<'py>(py: Python<'py>, listing: &Listing) -> Made<'py> {
    tuple(py, &listing.models, cached_model)
}

fn cached_model<'py>(py: Python<'py>, entry: &ModelEntry) -> Made<'py> {
    make(
        py,
        "CachedModel",
        [
            ("model", entry.model.to_string().into_py_any(py)?),
            ("path", entry.path.as_path().into_py_any(py)?),
            ("commit", commit(entry.commit).into_py_any(py)?),
            ("read_only", entry.tier.is_read_only().into_py_any(py)?),
            ("files", entry.files.into_py_any(py)?),
            ("size", entry.bytes.into_py_any(py)?),
            ("date", entry.date.into_py_any(py)?),
            ("missing", PyTuple::new(py, &entry.missing)?.into_py_any(py)?),
        ],
    )
}

pub(crate) fn reports<'py>(py: Python<'py>, reports: &[VerifyReport]) -> Made<'py> {
    tuple(py, reports, verify_report)
}

fn verify_report<'py>(py: Python<'py>, report: &VerifyReport) -> Made<'py> {
    let (basis, verified) = match report.basis {
        Basis::Receipt { commit, .. } => ("receipt", Some(commit)),
        Basis::Manifest => ("manifest", None),
        _ => ("nothing", None),
    };
    make(
        py,
        "VerifyReport",
        [
            ("model", report.model.to_string().into_py_any(py)?),
            ("path", report.path.as_path().into_py_any(py)?),
            ("read_only", report.tier.is_read_only().into_py_any(py)?),
            ("basis", basis.into_py_any(py)?),
            ("commit", commit(verified).into_py_any(py)?),
            ("files", tuple(py, &report.files, file_report)?.unbind()),
            ("bytes_hashed", report.bytes_hashed.into_py_any(py)?),
        ],
    )
}

fn file_report<'py>(py: Python<'py>, file: &FileReport) -> Made<'py> {
    let detail = match &file.state {
        FileState::Corrupt { problem, .. } => problem,
        FileState::Unchecked { reason, .. } => reason,
        _ => "",
    };
    make(
        py,
        "FileReport",
        [
            ("path", file.path.as_str().into_py_any(py)?),
            ("state", file.state.as_str().into_py_any(py)?),
            ("detail", detail.into_py_any(py)?),
        ],
    )
}

pub(crate) fn removal<'py>(py: Python<'py>, removal: &Removal) -> Made<'py> {
    let kept: Vec<_> = removal.kept.iter().map(PathBuf::as_path).collect();
    make(
        py,
        "Removal",
        [
            ("model", removal.model.to_string().into_py_any(py)?),
            ("path", removal.path.as_path().into_py_any(py)?),
            ("bytes", removal.bytes.into_py_any(py)?),
            ("kept", PyTuple::new(py, kept)?.into_py_any(py)?),
            ("leftover", removal.leftover.as_ref().map(|error| words::failure(error)).into_py_any(py)?),
        ],
    )
}

pub(crate) fn pruning<'py>(py: Python<'py>, pruning: &Pruning) -> Made<'py> {
    let failures = pruning.failures.iter().map(|error| words::failure(error)).collect::<Vec<_>>();
    make(
        py,
        "Pruning",
        [
            ("models", tuple(py, &pruning.models, pruned_model)?.unbind()),
            ("removed_bytes", pruning.removed_bytes().into_py_any(py)?),
            ("kept_bytes", pruning.kept_bytes().into_py_any(py)?),
            ("failures", PyTuple::new(py, failures)?.into_py_any(py)?),
        ],
    )
}

fn pruned_model<'py>(py: Python<'py>, pruned: &PrunedModel) -> Made<'py> {
    make(
        py,
        "PrunedModel",
        [
            ("model", pruned.model.to_string().into_py_any(py)?),
            ("removed_bytes", pruned.removed_bytes.into_py_any(py)?),
            ("kept_bytes", pruned.kept_bytes.into_py_any(py)?),
            ("in_use", pruned.in_use.into_py_any(py)?),
            ("failure", pruned.failure.as_ref().map(|error| words::failure(error)).into_py_any(py)?),
        ],
    )
}

fn make<'py, const N: usize>(py: Python<'py>, class: &str, fields: [Field; N]) -> Made<'py> {
    let fields = fields.into_py_dict(py)?;
    py.import("mlc_weights._results")?.getattr(class)?.call((), Some(&fields))
}

fn tuple<'py, T>(py: Python<'py>, items: &[T], one: impl Fn(Python<'py>, &T) -> Made<'py>) -> Made<'py> {
    let items: Vec<_> = items.iter().map(|item| one(py, item)).collect::<PyResult<_>>()?;
    Ok(PyTuple::new(py, items)?.into_any())
}

fn commit(commit: Option<CommitId>) -> Option<String> {
    commit.map(|commit| commit.to_string())
}
