//! Maintains the cache.

use std::sync::Arc;
use std::time::Duration;

use facade::cache::PruneMode;
use facade::{DownloaderBuilder, Endpoint, Error, ModelRef, ModelUrl};
use pyo3::prelude::*;

use crate::failure::Failure;
use crate::job::Job;
use crate::news::Told;
use crate::request::{Environ, settings};
use crate::results;

/// The cache in an environment.
#[pyclass(frozen)]
pub(crate) struct Cache {
    cache: facade::Cache,
    endpoint: Endpoint,
}

impl Cache {
    /// A model given by its URL, or by its name in a listing.
    fn named(&self, model: &str) -> Result<ModelRef, Error> {
        if ModelUrl::looks_like(model) {
            return Ok(ModelUrl::parse_at(model, &self.endpoint)?.model().clone());
        }
        Ok(model.parse()?)
    }
}

#[pymethods]
impl Cache {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over what it has converted")]
    fn new(environ: Environ) -> Result<Self, Failure> {
        let settings = settings(&environ)?;
        let endpoint = settings.endpoint.clone();
        Ok(Self { cache: DownloaderBuilder::from_settings(settings).build()?.cache(), endpoint })
    }

    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let listing = py.detach(|| self.cache.list()).map_err(Failure::from)?;
        results::models(py, &listing)
    }

    fn verify(&self, model: &str) -> PyResult<Job> {
        let model = self.named(model).map_err(Failure::from)?;
        Job::of_verification(Arc::new(Told::default()), self.cache.clone(), model)
    }

    fn remove<'py>(&self, py: Python<'py>, model: &str) -> PyResult<Bound<'py, PyAny>> {
        let model = self.named(model).map_err(Failure::from)?;
        let removal = py.detach(|| self.cache.remove(&model)).map_err(Failure::from)?;
        results::removal(py, &removal)
    }

    fn prune<'py>(&self, py: Python<'py>, older_than: f64, dry_run: bool) -> PyResult<Bound<'py, PyAny>> {
        let older_than = Duration::try_from_secs_f64(older_than).unwrap_or(Duration::MAX);
        let mode = if dry_run { PruneMode::DryRun } else { PruneMode::Remove };
        let pruning = py.detach(|| self.cache.prune(older_than, mode));
        results::pruning(py, &pruning)
    }
}
