//! A service that gets its models when it starts: two at a time, and none any more once it is told to stop.
//!
//! ```text
//! cargo run -p mlc-weights-facade --example warm_up -- HF://user/one HF://user/two HF://user/three
//! ```
//!
//! Started again after Ctrl-C it goes on where it was.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the example shows what it does")]

use std::sync::Arc;

use facade::errors::NetError;
use facade::{Downloader, Error, Model, Request};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// More would only share the same line.
const MODELS_AT_ONCE: usize = 2;

/// Gets all models. The first failure ends it: a service that lacks a model need not start.
///
/// Dropping the future drops the tasks, which ends the downloads and keeps what was downloaded.
async fn warm_up(downloader: &Downloader, requests: Vec<Request>) -> Result<Vec<Model>, Error> {
    let turns = Arc::new(Semaphore::new(MODELS_AT_ONCE));
    let mut downloads = JoinSet::new();
    for request in requests {
        let (downloader, turns) = (downloader.clone(), Arc::clone(&turns));
        downloads.spawn(async move {
            // The semaphore is never closed, so there always is a turn.
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
