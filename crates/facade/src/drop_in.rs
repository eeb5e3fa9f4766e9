//! The Python original's two functions, with the environment's settings.

use std::path::{Path, PathBuf};

use shard_fetch::CHAT_CONFIG_NAME;
use url_parse::ModelUrl;

use crate::env::Settings;
use crate::{Downloader, DownloaderBuilder, Error, Request};

/// Returns a model's directory, downloading it into the cache if necessary.
///
/// This is MLC-LLM's `download_and_cache_mlc_weights`. `model_url` is `HF://user/repo` or
/// `https://huggingface.co/user/repo` (or the address on the hub set by `HF_ENDPOINT`), optionally
/// followed by `@revision`. `num_processes` is the number of files fetched at a time (`None`: 4, over
/// as many connections as prove useful). `force_redo` downloads again (`Some(true)`), never does
/// (`Some(false)`), or follows `MLC_DOWNLOAD_CACHE_POLICY` (`None`). The environment is read on each
/// call.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) and [`Integrity`](crate::ErrorKind::Integrity)
/// where the original raises `ValueError`, [`NotCached`](crate::ErrorKind::NotCached) where it raises
/// `RuntimeError`.
///
/// # Cancellation
///
/// As [`Downloader::download`].
pub async fn download_and_cache_mlc_weights(
    model_url: &str,
    num_processes: Option<usize>,
    force_redo: Option<bool>,
) -> Result<PathBuf, Error> {
    let (downloader, request) = prepared(model_url, num_processes, force_redo)?;
    Ok(downloader.download(request).await?.path)
}

/// Returns the directory of a model given as a URL or as a local directory.
///
/// A local directory that contains `mlc-chat-config.json` is returned as given; any URL is downloaded,
/// as by [`download_and_cache_mlc_weights`]. (The original treats only `HF://` as a URL and everything
/// else, even `https://huggingface.co/`, as a directory.)
///
/// # Errors
///
/// [`NotFound`](crate::ErrorKind::NotFound) where the original raises `FileNotFoundError`, and the
/// errors of [`download_and_cache_mlc_weights`].
///
/// # Cancellation
///
/// As [`Downloader::download`].
pub async fn get_or_download_model(model: &str) -> Result<PathBuf, Error> {
    if ModelUrl::looks_like(model) {
        download_and_cache_mlc_weights(model, None, None).await
    } else {
        local_directory(model)
    }
}

pub(crate) fn prepared(
    model_url: &str,
    num_processes: Option<usize>,
    force_redo: Option<bool>,
) -> Result<(Downloader, Request), Error> {
    let settings = Settings::from_env()?;
    let mut request = Request::new(ModelUrl::parse_at(model_url, &settings.endpoint)?.into_model());
    if let Some(force) = force_redo {
        request = request.force(force);
    }
    if let Some(files) = num_processes {
        request = request.files_in_flight(files.try_into().map_err(|_| Error::ZeroProcesses)?);
    }
    Ok((DownloaderBuilder::from_settings(settings).build()?, request))
}

pub(crate) fn local_directory(model: &str) -> Result<PathBuf, Error> {
    let path = Path::new(model);
    let problem = if !path.is_dir() {
        "there is no such directory"
    } else if !path.join(CHAT_CONFIG_NAME).is_file() {
        "it has no mlc-chat-config.json"
    } else {
        return Ok(path.to_owned());
    };
    Err(Error::NotAModelDirectory { path: path.to_owned(), problem })
}
