//! `mlc-weights download`: a model's directory, downloaded if need be.

use std::sync::Arc;
use std::time::Duration;

use facade::{Builder, Downloader, Durability, Event, Model, Request};

use super::print_path;
use crate::arguments::Download;
use crate::exit::Failure;
use crate::progress::{self, Display, Screen};

/// How long an interrupted program waits for blocking work to end. Whatever then still runs is cut off, as a
/// crash would do, which the cache is made for.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: &Download, screen: Screen) -> Result<(), Failure> {
    let request = request(arguments)?;
    let mut builder = Builder::from_env()?;
    if arguments.no_fsync {
        builder = builder.durability(Durability::Fast);
    }
    let downloader = builder.build()?;
    let progress = progress::start(Display::choose(arguments.progress, screen));
    let observer = Arc::clone(&progress);
    let request = request.observer(move |event: &Event<'_>| observer.on_event(event));
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
    let request = request.force(arguments.force.then_some(true));
    let request = match arguments.jobs {
        Some(jobs) => request.files_in_flight(jobs),
        None => request,
    };
    Ok(match arguments.policy {
        Some(policy) => request.policy(policy),
        None => request,
    })
}

fn download(downloader: &Downloader, request: Request) -> Result<Model, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = downloader.download(request) => outcome.map_err(Failure::from),
            () = interrupted() => Err(Failure::Interrupted),
        }
    });
    if let Err(Failure::Interrupted) = outcome {
        runtime.shutdown_timeout(GRACE);
    }
    outcome
}

/// Completes at Ctrl-C, and on Unix when the process is asked to terminate.
async fn interrupted() {
    tokio::select! {
        () = ctrl_c() => {}
        () = terminate() => {}
    }
}

/// Without a handler the system ends the process at the signal, which is as safe: then this never completes.
async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn terminate() {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut signals) = signal(SignalKind::terminate())
        && signals.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending::<()>().await;
}
