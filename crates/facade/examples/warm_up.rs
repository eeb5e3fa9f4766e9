//! A service that downloads its models at start-up, two at a time, and stops when it is told to.
//!
//! ```text
//! cargo run -p mlc-weights-facade --example warm_up -- HF://user/one HF://user/two HF://user/three
//! ```
//!
//! When started again after Ctrl-C, it resumes where it stopped.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the example shows what it does")]

use std::sync::Arc;

use facade::errors::NetError;
use facade::{Downloader, Error, Model, Request};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// More would only share the same line.
const MODELS_AT_ONCE: usize = 2;

/// Downloads all models. The first failure ends it, since a service without one of its models need not
/// start.
///
/// Dropping the future aborts the tasks, which ends the downloads and keeps what was downloaded.
async fn warm_up(downloader: &Downloader, requests: Vec<Request>) -> Result<Vec<Model>, Error> {
    let turns = Arc::new(Semaphore::new(MODELS_AT_ONCE));
    let mut downloads = JoinSet::new();
    for request in requests {
        let (downloader, turns) = (downloader.clone(), Arc::clone(&turns));
        downloads.spawn(async move {
            // The semaphore is never closed, so this cannot fail.
            let _turn = turns.acquire().await;
            downloader.download(request).await
        });
    }
    let mut models = Vec::new();
    while let Some(ended) = downloads.join_next().await {
        models.push(ended.unwrap_or(Err(NetError::Cancelled.into()))?);
    }
    Ok(models)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let requests =
        std::env::args().skip(1).map(|url| url.parse()).collect::<Result<Vec<Request>, Error>>()?;
    let downloader = Downloader::from_env()?;
    let models = tokio::select! {
        models = warm_up(&downloader, requests) => models?,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("stopped; what was downloaded is kept");
            return Ok(());
        }
    };
    for model in models {
        println!("{}", model.path.display());
    }
    Ok(())
}
