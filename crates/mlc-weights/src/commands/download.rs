//! `mlc-weights download`: the directories of models, downloaded if need be.

mod document;
mod dry_run;
mod session;
mod wanted;

use facade::cache::ExportMode;
use facade::env::Settings;
use facade::errors::StoreError;
use facade::stores::StoreUrl;
use facade::{DownloaderBuilder, Durability, Request};

use self::session::Session;
use super::named;
use crate::arguments::Download;
use crate::exit::Failure;
use crate::progress::{Display, Screen};

pub(crate) fn run(arguments: &Download, screen: Screen) -> Result<(), Failure> {
    let display = Display::choose(arguments.progress, screen);
    download(arguments, display, screen)
        .map_err(|failure| Failure::Reported(display.reported(None, &failure)))
}

fn download(arguments: &Download, display: Display, screen: Screen) -> Result<(), Failure> {
    let settings = Settings::from_env()?;
    let policy_by = if arguments.policy.is_some() { Some("--policy") } else { settings.policy_variable };
    let requests = wanted::models(arguments, &settings.endpoint)?;
    if arguments.to.is_some() && requests.len() != 1 {
        return Err(Failure::Usage("--to takes one model: its folder becomes that model's"));
    }
    if requests.is_empty() {
        display.note(&wanted::nothing(arguments));
    }
    let mut builder = DownloaderBuilder::from_settings(settings);
    if arguments.no_fsync {
        builder = builder.durability(Durability::Fast);
    }
    if arguments.require_proof {
        builder = builder.require_proof(true);
    }
    if !arguments.stores.is_empty() {
        let stores: Result<Vec<StoreUrl>, StoreError> =
            arguments.stores.iter().map(|store| store.parse()).collect();
        builder = builder.stores(stores.map_err(facade::Error::from)?);
    }
    if let Some(mode) = arguments.store_mode {
        builder = builder.store_mode(mode);
    }
    if arguments.store_fill {
        builder = builder.fill_store(true);
    }
    if let Some(bytes_per_second) = arguments.limit_rate {
        builder = builder.limit_rate(bytes_per_second);
    }
    if let Some(connections) = arguments.max_connections {
        builder = builder.max_connections(connections);
    }
    let (downloader, models) = (builder.build()?, requests.len());
    let requests = requests.into_iter().map(|request| with_options(request, arguments));
    let mode = if arguments.link { ExportMode::Link } else { ExportMode::Copy };
    if arguments.dry_run {
        dry_run::Planner::new(downloader, display, policy_by)?.run(arguments.json, requests, models)
    } else {
        let target = arguments.to.as_ref().map(|to| (to.as_path(), mode));
        let session = Session::new(downloader, display, policy_by, models);
        session.putting_it(target, screen).run(requests, arguments.json)
    }
}

fn with_options(request: Request, arguments: &Download) -> Request {
    let request = named::at(arguments.revision.as_ref(), request);
    let request = if arguments.force { request.force(true) } else { request };
    let request = match arguments.jobs {
        Some(jobs) => request.files_in_flight(jobs),
        None => request,
    };
    match arguments.policy {
        Some(policy) => request.policy(policy),
        None => request,
    }
}
