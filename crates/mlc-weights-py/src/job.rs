//! Long-running work, on a thread of its own.

use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use facade::cache::VerifyReport;
use facade::errors::NetError;
use facade::{DownloadPlan, Downloader, Error, Model, ModelRef};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::at_work::AtWork;
use crate::failure::Failure;
use crate::news::{News, Told};
use crate::results;

/// No network keeps more threads busy.
const MOST_NETWORK_THREADS: usize = 4;

/// The result of a job.
pub(crate) enum Product {
    Model(Model),
    Plan(Box<DownloadPlan>),
    Reports(Vec<VerifyReport>),
}

type Outcome = Result<Product, Error>;

/// Running work. Python waits for it, takes its result once, or cancels it; dropping cancels it too.
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
    coming: Mutex<Coming>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The outcome, once it has arrived.
struct Coming {
    receiver: Receiver<Outcome>,
    received: Option<Outcome>,
}

impl Job {
    /// Runs a future in a runtime of its own, and drops it when the job is cancelled.
    pub(crate) fn of_future(
        told: Arc<Told>,
        downloader: Downloader,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> PyResult<Self> {
        let runtime = runtime().map_err(|source| Failure::from(Error::Runtime { source }))?;
        Self::start(told, move |mut cancelled, at_work, sender| {
            let outcome = runtime.block_on(async {
                tokio::select! {
                    outcome = work => outcome,
                    _ = cancelled.wait_for(|cancelled| *cancelled) => Err(NetError::Cancelled.into()),
                }
            });
            // Filling a store continues after the model is ready, as long as the process runs.
            if downloader.is_filling() {
                let _ = sender.send(outcome);
                runtime.block_on(downloader.filled());
            } else {
                // Waits for blocking work, so that nothing outlives the job.
                drop((runtime, at_work));
                let _ = sender.send(outcome);
            }
        })
    }

    pub(crate) fn of_verification(told: Arc<Told>, cache: facade::Cache, model: ModelRef) -> PyResult<Self> {
        Self::start(Arc::clone(&told), move |cancelled, at_work, sender| {
            let observe = |event: &facade::cache::VerifyEvent<'_>| {
                told.progress.on_verify_event(event);
                if *cancelled.borrow() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let outcome = cache.verify(&model, observe).map(Product::Reports);
            drop(at_work);
            let _ = sender.send(outcome);
        })
    }

    fn start(
        told: Arc<Told>,
        work: impl FnOnce(watch::Receiver<bool>, AtWork, Sender<Outcome>) + Send + 'static,
    ) -> PyResult<Self> {
        let at_work = AtWork::begin()?;
        let (cancel, cancelled) = watch::channel(false);
        let (sender, receiver) = channel();
        let thread = thread::Builder::new()
            .name("mlc-weights".to_owned())
            .spawn(move || work(cancelled, at_work, sender))
            .map_err(|source| Failure::from(Error::Runtime { source }))?;
        let running = Running {
            cancel,
            coming: Mutex::new(Coming { receiver, received: None }),
            thread: Mutex::new(Some(thread)),
        };
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
    /// Whether the outcome arrives within this many seconds, or the thread has panicked.
    fn wait(&self, seconds: f64) -> bool {
        let timeout = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        let mut coming = self.coming.lock();
        if coming.received.is_some() {
            return true;
        }
        match coming.receiver.recv_timeout(timeout) {
            Ok(outcome) => coming.received = Some(outcome),
            Err(reason) => return reason == RecvTimeoutError::Disconnected,
        }
        true
    }

    /// Takes the outcome, once; waits for it indefinitely.
    fn outcome(&self) -> PyResult<Outcome> {
        let mut coming = self.coming.lock();
        if let Some(outcome) = coming.received.take().or_else(|| coming.receiver.recv().ok()) {
            return Ok(outcome);
        }
        match self.thread.lock().take().map(JoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => Err(PyRuntimeError::new_err("the result was taken already")),
        }
    }
}

fn runtime() -> io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads((cores / 2).clamp(1, MOST_NETWORK_THREADS))
        .enable_all()
        .build()
}

#[pymethods]
impl Job {
    #[getter]
    fn news(&self) -> News {
        News::new(Arc::clone(&self.told))
    }

    /// Waits for the end, at most this many seconds and without the GIL. Returns whether it has ended.
    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let running = self.running()?;
        Ok(py.detach(|| running.wait(seconds)))
    }

    /// Cancels the work, and waits at most this many seconds until it has stopped.
    fn cancel(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let running = self.running()?;
        running.cancel.send_replace(true);
        py.detach(|| running.wait(seconds));
        Ok(())
    }

    /// The result of the work, or its exception. Call it once, at the end.
    fn result<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let running = self.running()?;
        let outcome = py.detach(|| running.outcome())?;
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
