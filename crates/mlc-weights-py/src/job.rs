//! Work that takes long, on a thread of its own.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use facade::{DownloadPlan, Error, Model, ModelRef, NetError, VerifyReport};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::sync::watch;

use crate::failure::Failure;
use crate::news::{News, Told};
use crate::results;

/// More threads than this no network keeps busy.
const MOST_NETWORK_THREADS: usize = 4;

/// What a job comes to.
pub(crate) enum Product {
    Model(Model),
    Plan(Box<DownloadPlan>),
    Reports(Vec<VerifyReport>),
}

/// Work that has been started. Python waits for it, takes its result once, or cancels it, which dropping does too.
///
/// It belongs to the process that started it: a forked child has no such thread.
#[pyclass(frozen)]
pub(crate) struct Job {
    running: Arc<Running>,
    told: Arc<Told>,
    process: u32,
}

struct Running {
    cancel: watch::Sender<bool>,
    /// Nothing comes: it closes when the thread is about to end.
    ended: Mutex<Receiver<Infallible>>,
    thread: Mutex<Option<JoinHandle<Result<Product, Error>>>>,
}

impl Job {
    /// Runs a future in a runtime of its own, and drops it when the job is cancelled.
    pub(crate) fn of_future(
        told: Arc<Told>,
        work: impl Future<Output = Result<Product, Error>> + Send + 'static,
    ) -> Result<Self, Failure> {
        Self::start(told, move |mut cancelled| {
            let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads((cores / 2).clamp(1, MOST_NETWORK_THREADS))
                .enable_all()
                .build()
                .map_err(|source| Error::Runtime { source })?;
            // What blocks when the future is dropped is waited for with the runtime, so that nothing outlives the job.
            runtime.block_on(async {
                tokio::select! {
                    outcome = work => outcome,
                    _ = cancelled.wait_for(|cancelled| *cancelled) => Err(NetError::Cancelled.into()),
                }
            })
        })
    }

    pub(crate) fn of_verification(
        told: Arc<Told>,
        cache: facade::Cache,
        model: ModelRef,
    ) -> Result<Self, Failure> {
        Self::start(Arc::clone(&told), move |cancelled| {
            let mut observe = |event: &facade::VerifyEvent<'_>| {
                told.note_verified(event);
                if *cancelled.borrow() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            cache.verify(&model, &mut observe).map(Product::Reports)
        })
    }

    fn start(
        told: Arc<Told>,
        work: impl FnOnce(watch::Receiver<bool>) -> Result<Product, Error> + Send + 'static,
    ) -> Result<Self, Failure> {
        let (cancel, cancelled) = watch::channel(false);
        let (alive, ended) = channel();
        let thread = thread::Builder::new()
            .name("mlc-weights".to_owned())
            .spawn(move || {
                let _alive = alive;
                work(cancelled)
            })
            .map_err(|source| Error::Runtime { source })?;
        let running = Running { cancel, ended: Mutex::new(ended), thread: Mutex::new(Some(thread)) };
        Ok(Self { running: Arc::new(running), told, process: process::id() })
    }

    fn is_inherited(&self) -> bool {
        self.process != process::id()
    }

    fn running(&self) -> PyResult<&Running> {
        if self.is_inherited() {
            return Err(PyRuntimeError::new_err(format!(
                "this work belongs to process {}, which was forked while it ran; start it again in the child",
                self.process
            )));
        }
        Ok(&self.running)
    }
}

impl Running {
    fn wait(&self, seconds: f64) -> bool {
        let timeout = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        let Err(reason) = self.ended.lock().recv_timeout(timeout);
        reason == RecvTimeoutError::Disconnected
    }
}

#[pymethods]
impl Job {
    #[getter]
    fn news(&self) -> News {
        News::new(Arc::clone(&self.told))
    }

    /// Waits for the end, so many seconds at most and without the GIL. Whether it has come.
    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let running = self.running()?;
        Ok(py.detach(|| running.wait(seconds)))
    }

    /// Stops the work, and waits so many seconds at most for it to have stopped.
    fn cancel(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let running = self.running()?;
        running.cancel.send_replace(true);
        py.detach(|| running.wait(seconds));
        Ok(())
    }

    /// What the work came to, or the exception that it ended with. To be called once, at its end.
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let thread = self.running()?.thread.lock().take();
        let thread = thread.ok_or_else(|| PyRuntimeError::new_err("the result was taken already"))?;
        let outcome = py.detach(|| thread.join()).unwrap_or_else(|panic| resume_unwind(panic));
        match outcome.map_err(Failure::from)? {
            Product::Model(model) => results::model(py, &model),
            Product::Plan(plan) => results::plan(py, &plan),
            Product::Reports(reports) => results::reports(py, &reports),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_inherited() {
            // Its locks may have been held by a thread that the child does not have.
            std::mem::forget(Arc::clone(&self.running));
        } else {
            self.running.cancel.send_replace(true);
        }
    }
}
