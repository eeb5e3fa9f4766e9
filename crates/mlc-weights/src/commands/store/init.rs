//! `mlc-weights store init`.

use serde::Serialize;

use super::stores::downloader;
use crate::arguments::{Progress as Shown, StoreInit};
use crate::engine::Engine;
use crate::exit::Failure;
use crate::output::{JSON_VERSION, print_json, say};
use crate::progress::{Display, Progress, Screen};

/// What is printed with `--json`.
#[derive(Serialize)]
struct Document {
    version: u32,
    /// That of the store's layout.
    format: u64,
    conditional_put: bool,
}

pub(super) fn run(arguments: &StoreInit, screen: Screen) -> Result<(), Failure> {
    let target = &arguments.target;
    let downloader = downloader(target.url.as_deref(), target.no_move)?;
    let display = Display::choose(Shown::Auto, screen);
    let engine = Engine::start()?;
    let (progress, _) = Progress::of_store(display);
    progress.watch();
    let outcome = engine.run(downloader.init_store(), &progress);
    progress.clear();
    engine.stop(display);
    let info = outcome?;
    if arguments.json {
        let (format, conditional_put) = (info.format, info.conditional_put);
        return print_json(&Document { version: JSON_VERSION, format, conditional_put });
    }
    if !screen.is_quiet() {
        let able = if info.conditional_put { "keeps" } else { "does not keep" };
        say(&[format!("the store is set up; it {able} two writers from overwriting each other")]);
    }
    Ok(())
}
