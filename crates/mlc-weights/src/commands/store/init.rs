//! `mlc-weights store init`, and the stores that command lines name.

use facade::errors::StoreError;
use facade::stores::StoreUrl;
use facade::{Downloader, DownloaderBuilder};
use serde::Serialize;

use crate::arguments::StoreInit;
use crate::engine::Engine;
use crate::exit::Failure;
use crate::output::{JSON_VERSION, print_json, say};
use crate::progress::{Display, Progress, Screen};

/// What is printed with `--json`.
#[derive(Serialize)]
struct InitDocument {
    version: u32,
    /// That of the store's layout.
    format: u64,
    conditional_put: bool,
}

pub(super) fn run(arguments: &StoreInit, screen: Screen) -> Result<(), Failure> {
    let target = &arguments.target;
    let downloader = downloader(target.url.as_deref(), target.no_move)?;
    let display = Display::on(screen);
    let engine = Engine::start()?;
    let (progress, _) = Progress::of_store(display);
    progress.watch();
    let outcome = engine.run(downloader.init_store(), &progress);
    progress.clear();
    engine.stop(display);
    let info = outcome?;
    if arguments.json {
        let (format, conditional_put) = (info.format, info.conditional_put);
        return print_json(&InitDocument { version: JSON_VERSION, format, conditional_put });
    }
    if !screen.is_quiet() {
        let able = if info.conditional_put { "prevents" } else { "does not prevent" };
        say(&[format!("the store is set up; it {able} concurrent writers from overwriting each other")]);
    }
    Ok(())
}

/// A downloader with this store, else with those of the environment.
pub(super) fn downloader(url: Option<&str>, no_move: bool) -> Result<Downloader, Failure> {
    let mut builder = DownloaderBuilder::from_env()?;
    if let Some(url) = url {
        builder = builder.stores([address(url)?]);
    }
    if no_move {
        builder = builder.store_writes_in_place(true);
    }
    Ok(builder.build()?)
}

/// A store. The parser of arguments would repeat a password in a malformed address.
pub(super) fn address(url: &str) -> Result<StoreUrl, Failure> {
    let url: Result<StoreUrl, StoreError> = url.parse();
    Ok(url.map_err(facade::Error::from)?)
}
