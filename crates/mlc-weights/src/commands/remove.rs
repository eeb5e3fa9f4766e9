//! `mlc-weights remove`: takes models out of the cache.

use facade::{Cache, ModelRef, Removal, RemovedEntry};
use serde::Serialize;

use super::named;
use crate::arguments::Remove;
use crate::exit::{Failure, Status};
use crate::output::{JSON_VERSION, print_json, say};
use crate::progress::Screen;
use crate::report;
use crate::words::size;

/// What is printed with `--json`.
#[derive(Serialize)]
struct Document {
    version: u32,
    models: Vec<Removal>,
}

/// Removes one model after another; a failure does not keep the next one from being tried.
pub(super) fn run(arguments: &Remove, screen: Screen) -> Result<(), Failure> {
    let models = named::models(&arguments.models)?;
    let cache = Cache::from_env()?;
    let (mut removals, mut first) = (Vec::new(), None);
    for model in &models {
        match remove(&cache, model) {
            Ok(removal) => {
                if !screen.is_quiet() {
                    say(&lines(&removal));
                }
                removals.push(removal);
            }
            Err(failure) => {
                report::failure(&failure);
                first.get_or_insert(Status::from(&failure));
            }
        }
    }
    if arguments.json {
        print_json(&Document { version: JSON_VERSION, models: removals })?;
    }
    Failure::after_reports(first)
}

fn remove(cache: &Cache, model: &ModelRef) -> Result<Removal, Failure> {
    cache.remove(model).map_err(|error| named::explained(cache, error))
}

fn lines(removal: &Removal) -> Vec<String> {
    let (model, freed) = (&removal.model, size(removal.bytes));
    let first = match &removal.entry {
        RemovedEntry::Link { target } => {
            format!("removed the link to {}, which stays as it is; {freed} freed", target.display())
        }
        RemovedEntry::Directory => format!("removed {model}, {freed}"),
        _ => format!("removed what an unfinished download of {model} had left, {freed}"),
    };
    let kept =
        removal.kept.iter().map(|dir| format!("  kept, since its tier is only read: {}", dir.display()));
    let leftover = removal.leftover.iter().map(|error| report::warning("not all could be deleted", error));
    std::iter::once(first).chain(kept).chain(leftover).collect()
}
