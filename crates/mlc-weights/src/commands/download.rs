//! `mlc-weights download`: a model's directory, downloaded if need be.

use std::sync::Arc;

use facade::env::Presentation;
use facade::{Builder, Downloader, Durability, Model, Request};

use super::print_path;
use crate::arguments::Download;
use crate::exit::Failure;
use crate::progress;

pub(crate) fn run(arguments: &Download, quiet: bool) -> Result<(), Failure> {
    let request = request(arguments)?;
    let mut builder = Builder::from_env()?;
    if arguments.no_fsync {
        builder = builder.durability(Durability::Fast);
    }
    let downloader = builder.build()?;
    let display = progress::Display::choose(arguments.progress, quiet, Presentation::from_env());
    let progress = progress::start(display);
    let observer = Arc::clone(&progress);
    let request = request.observer(move |event: &facade::Event<'_>| observer.on_event(event));
    let outcome = match downloader.cached(&request) {
        // A hit needs no runtime.
        Ok(Some(model)) => Ok(model),
        Ok(None) => download(&downloader, request),
        Err(error) => Err(error.into()),
    };
    progress.finish(&outcome);
    print_path(&outcome?.path)
}

fn request(arguments: &Download) -> Result<Request, Failure> {
    let request = arguments.model.parse::<Request>()?;
    let request = request.files_in_flight(arguments.jobs).force(arguments.force.then_some(true));
    Ok(match arguments.policy {
        Some(policy) => request.policy(policy),
        None => request,
    })
}

fn download(downloader: &Downloader, request: Request) -> Result<Model, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(async {
        tokio::select! {
            outcome = downloader.download(request) => outcome.map_err(Failure::from),
            () = interrupted() => Err(Failure::Interrupted),
        }
    })
}

/// Completes at Ctrl-C, and on Unix when the process is asked to terminate.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the system ends the process at once, which is as safe.
    let _ = tokio::signal::ctrl_c().await;
}
