//! A requested model.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use facade::env::Settings;
use facade::{CachePolicy, Downloader, DownloaderBuilder, Error, ModelUrl, Revision};
use pyo3::prelude::*;

use crate::failure::Failure;
use crate::job::{Job, Product};
use crate::news::{News, Told};
use crate::results;

/// Python's `os.environ` at the call. The process's own environment is not read: Python's copy may
/// differ, and another thread may be changing the original.
pub(crate) type Environ = HashMap<OsString, OsString>;

pub(crate) fn settings(environ: &Environ) -> Result<Settings, Error> {
    Settings::from_lookup(&|name| environ.get(OsStr::new(name)).cloned())
}

/// A model, how to get it, and the settings. Created once per call.
#[pyclass(frozen)]
pub(crate) struct Request {
    downloader: Downloader,
    wanted: facade::Request,
    policy: CachePolicy,
    told: Arc<Told>,
}

#[pymethods]
impl Request {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over what it has converted")]
    #[pyo3(signature = (environ, url, *, num_processes=None, force_redo=None, revision=None, look_only=false))]
    fn new(
        environ: Environ,
        url: &str,
        num_processes: Option<i64>,
        force_redo: Option<bool>,
        revision: Option<&str>,
        look_only: bool,
    ) -> Result<Self, Failure> {
        let settings = settings(&environ)?;
        // Nothing is downloaded then, which is not an error under any policy.
        let (policy, force_redo) =
            if look_only { (CachePolicy::On, Some(false)) } else { (settings.policy, force_redo) };
        let model = ModelUrl::parse_at(url, &settings.endpoint).map_err(Error::from)?.into_model();
        let told = Arc::new(Told::default());
        let teller = Arc::clone(&told);
        let mut wanted = facade::Request::new(model).policy(policy).on_event(move |event| teller.note(event));
        if let Some(force) = force_redo {
            wanted = wanted.force(force);
        }
        if let Some(revision) = revision {
            wanted = wanted.revision(revision.parse::<Revision>().map_err(Error::from)?);
        }
        if let Some(files) = num_processes {
            wanted = wanted.files_in_flight(at_least_one(files)?);
        }
        let downloader = DownloaderBuilder::from_settings(settings).build()?;
        Ok(Self { downloader, wanted, policy, told })
    }

    /// `ON`, `OFF`, `REDO` or `READONLY`.
    #[getter]
    fn policy(&self) -> String {
        self.policy.to_string()
    }

    #[getter]
    fn news(&self) -> News {
        News::new(Arc::clone(&self.told))
    }

    /// The model if it is cached. Runs on the calling thread.
    fn cached<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = py.detach(|| self.downloader.cached(&self.wanted)).map_err(Failure::from)?;
        found.map(|model| results::model(py, &model)).transpose()
    }

    fn download(&self) -> PyResult<Job> {
        let (downloader, wanted) = (self.downloader.clone(), self.wanted.clone());
        Job::of_future(Arc::clone(&self.told), self.downloader.clone(), async move {
            downloader.download(wanted).await.map(Product::Model)
        })
    }

    fn plan(&self) -> PyResult<Job> {
        let (downloader, wanted) = (self.downloader.clone(), self.wanted.clone());
        Job::of_future(Arc::clone(&self.told), self.downloader.clone(), async move {
            downloader.plan(wanted).await.map(|plan| Product::Plan(Box::new(plan)))
        })
    }
}

fn at_least_one(files: i64) -> Result<NonZeroUsize, Error> {
    usize::try_from(files).ok().and_then(NonZeroUsize::new).ok_or(Error::ZeroProcesses)
}

/// The directory of a model given as a local path; `None` if the text looks like a URL.
#[pyfunction]
pub(crate) fn local_directory(model: &str) -> Result<Option<PathBuf>, Failure> {
    if ModelUrl::looks_like(model) {
        return Ok(None);
    }
    Ok(Some(facade::blocking::get_or_download_model(model)?))
}
