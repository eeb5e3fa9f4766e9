//! The same for callers without a runtime.
//!
//! These functions block the calling thread. They may be called from anywhere, also from inside a tokio
//! runtime, though async code does better to await [`Downloader::download`](crate::Downloader::download).
//! A model that is in the cache is returned without starting a runtime.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use url_parse::ModelUrl;

use crate::drop_in::{local_directory, prepared};
use crate::{Downloader, Error, Model, Request};

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

/// [`Downloader::download`](crate::Downloader::download), blocking. A store is [filled](crate::Builder::fill_store) on a
/// thread of its own, for as long as the process runs.
///
/// # Errors
///
/// The same, and [`Error::Runtime`].
pub fn download(downloader: &Downloader, request: Request) -> Result<Model, Error> {
    if let Some(model) = downloader.cached(&request)? {
        return Ok(model);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    let (sender, receiver) = mpsc::channel();
    let (downloader, fills) = (downloader.clone(), downloader.context.stores.fill.is_on);
    // A runtime cannot be driven from inside another one.
    let thread = thread::spawn(move || {
        let _ = sender.send(runtime.block_on(downloader.download(request)));
        runtime.block_on(downloader.filled());
    });
    let outcome = receiver.recv();
    // Filling a store goes on when the model is there.
    if (!fills || outcome.is_err())
        && let Err(panic) = thread.join()
    {
        resume_unwind(panic);
    }
    outcome.unwrap_or_else(|_| Err(net::Error::Cancelled.into()))
}
