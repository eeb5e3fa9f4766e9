//! The asynchronous calls for callers without a runtime. Calls not listed here block anyway:
//! [`Downloader::cached`](crate::Downloader::cached) and all of [`Cache`](crate::Cache).
//!
//! These functions block the calling thread. They may be called anywhere, even inside a tokio runtime,
//! although async code should rather await [`Downloader::download`](crate::Downloader::download). A
//! cached model is returned without starting a runtime.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::Runtime;
use url_parse::{CommitId, ModelRef, ModelUrl};
use weight_store::{StoreInfo, StoreUrl};

use crate::drop_in::{local_directory, prepared};
use crate::stores::{CopiedStore, Filled, PushOptions, Pushed, StoreCheck, StoreListing, StoreVerifyOptions};
use crate::{DownloadPlan, Downloader, Error, Model, Observer, Request};

/// [`download_and_cache_mlc_weights`](crate::download_and_cache_mlc_weights), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn download_and_cache_mlc_weights(
    model_url: &str,
    num_processes: Option<usize>,
    force_redo: Option<bool>,
) -> Result<PathBuf, Error> {
    let (downloader, request) = prepared(model_url, num_processes, force_redo)?;
    Ok(download(&downloader, request)?.path)
}

/// [`get_or_download_model`](crate::get_or_download_model), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn get_or_download_model(model: &str) -> Result<PathBuf, Error> {
    if ModelUrl::looks_like(model) {
        download_and_cache_mlc_weights(model, None, None)
    } else {
        local_directory(model)
    }
}

/// [`Downloader::download`](crate::Downloader::download), blocking. A store is
/// [filled](crate::DownloaderBuilder::fill_store) on a separate thread, as long as the process runs.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn download(downloader: &Downloader, request: Request) -> Result<Model, Error> {
    if let Some(model) = downloader.cached(&request)? {
        return Ok(model);
    }
    let runtime = runtime()?;
    let (sender, receiver) = mpsc::channel();
    let (downloader, fills) = (downloader.clone(), downloader.context.stores.fill.is_on);
    // A runtime cannot be run inside another one.
    let thread = thread::spawn(move || {
        let _ = sender.send(runtime.block_on(downloader.download(request)));
        runtime.block_on(downloader.filled());
    });
    let outcome = receiver.recv();
    // Filling a store continues after the model is ready.
    if (!fills || outcome.is_err())
        && let Err(panic) = thread.join()
    {
        resume_unwind(panic);
    }
    outcome.unwrap_or_else(|_| Err(net::Error::Cancelled.into()))
}

/// [`Downloader::plan`](crate::Downloader::plan), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn plan(downloader: &Downloader, request: Request) -> Result<DownloadPlan, Error> {
    let downloader = downloader.clone();
    run(async move { downloader.plan(request).await })
}

/// [`Downloader::newest_commit`](crate::Downloader::newest_commit), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn newest_commit(downloader: &Downloader, request: &Request) -> Result<Option<CommitId>, Error> {
    let (downloader, request) = (downloader.clone(), request.clone());
    run(async move { downloader.newest_commit(&request).await })
}

/// [`Downloader::push`](crate::Downloader::push), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn push(downloader: &Downloader, request: Request, options: PushOptions) -> Result<Pushed, Error> {
    let downloader = downloader.clone();
    run(async move { downloader.push(request, options).await })
}

/// [`Downloader::filled`](crate::Downloader::filled), blocking.
///
/// # Errors
///
/// [`Error::Runtime`].
pub fn filled(downloader: &Downloader) -> Result<Vec<Filled>, Error> {
    let downloader = downloader.clone();
    run(async move { Ok(downloader.filled().await) })
}

/// [`Downloader::init_store`](crate::Downloader::init_store), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn init_store(downloader: &Downloader) -> Result<StoreInfo, Error> {
    let downloader = downloader.clone();
    run(async move { downloader.init_store().await })
}

/// [`Downloader::list_store`](crate::Downloader::list_store), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn list_store(downloader: &Downloader) -> Result<StoreListing, Error> {
    let downloader = downloader.clone();
    run(async move { downloader.list_store().await })
}

/// [`Downloader::verify_store`](crate::Downloader::verify_store), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn verify_store(
    downloader: &Downloader,
    models: &[ModelRef],
    options: StoreVerifyOptions,
    observer: impl Observer + 'static,
) -> Result<StoreCheck, Error> {
    let (downloader, models) = (downloader.clone(), models.to_vec());
    run(async move { downloader.verify_store(&models, options, observer).await })
}

/// [`Downloader::copy_store`](crate::Downloader::copy_store), blocking.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn copy_store(
    downloader: &Downloader,
    from: StoreUrl,
    to: StoreUrl,
    models: &[ModelRef],
    observer: impl Observer + 'static,
) -> Result<CopiedStore, Error> {
    let (downloader, models) = (downloader.clone(), models.to_vec());
    run(async move { downloader.copy_store(from, to, &models, observer).await })
}

fn runtime() -> Result<Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().map_err(|source| Error::Runtime { source })
}

/// Runs on a separate thread, since a runtime cannot be run inside another one.
fn run<T: Send + 'static>(work: impl Future<Output = Result<T, Error>> + Send + 'static) -> Result<T, Error> {
    let runtime = runtime()?;
    thread::spawn(move || runtime.block_on(work)).join().unwrap_or_else(|panic| resume_unwind(panic))
}
