//! `mlc-weights remove`: takes models out of the cache.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use facade::cache::{PruneMode, Removal, RemovedEntry};
use facade::{Cache, ModelRef};
use serde::Serialize;

use super::named;
use crate::arguments::Remove;
use crate::exit::{Failure, Status};
use crate::output::{JSON_VERSION, print_json, say};
use crate::progress::Screen;
use crate::report;
use crate::similar;
use crate::words::size;

/// What is printed with `--json`.
#[derive(Serialize)]
struct Document<T> {
    version: u32,
    dry_run: bool,
    models: Vec<T>,
}

/// What would be removed of a model.
#[derive(Serialize)]
struct Candidate {
    model: String,
    bytes: u64,
}

/// Removes one model after another; a failure does not keep the next one from being tried.
pub(super) fn run(arguments: &Remove, screen: Screen) -> Result<(), Failure> {
    let named = named::models(&arguments.models)?;
    let cache = Cache::from_env()?;
    let there = there(&cache)?;
    let models: Vec<ModelRef> = if arguments.all { there.keys().cloned().collect() } else { named };
    if arguments.dry_run {
        return dry_run(&cache, &there, &models, arguments.json, screen);
    }
    if !arguments.yes && !may_remove(&there, &models, arguments.all)? {
        return Err(Failure::Reported(Status::Other));
    }
    let (mut removals, mut first) = (Vec::new(), None);
    for model in &models {
        match cache.remove(model).map_err(|error| named::explained(&cache, error)) {
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
        print_json(&Document { version: JSON_VERSION, dry_run: false, models: removals })?;
    }
    Failure::after_reports(first)
}

/// What can be removed of each model: its directory in the writable tier, and what unfinished downloads have left.
fn there(cache: &Cache) -> Result<BTreeMap<ModelRef, u64>, Failure> {
    let own = cache.list()?.models.into_iter().filter(|entry| !entry.tier.is_read_only());
    let own = own.map(|entry| (entry.model, entry.bytes));
    let unfinished = cache.prune(Duration::ZERO, PruneMode::DryRun).models.into_iter();
    let unfinished = unfinished.map(|model| (model.model, model.removed_bytes + model.kept_bytes));
    let mut there = BTreeMap::new();
    for (model, bytes) in own.chain(unfinished) {
        *there.entry(model).or_default() += bytes;
    }
    Ok(there)
}

fn dry_run(
    cache: &Cache,
    there: &BTreeMap<ModelRef, u64>,
    models: &[ModelRef],
    as_json: bool,
    screen: Screen,
) -> Result<(), Failure> {
    let (mut candidates, mut first) = (Vec::new(), None);
    for model in models {
        let Some(bytes) = there.get(model) else {
            let similar = similar::to(model, cache);
            let failure = Failure::Unknown { model: model.clone(), looked_in: Vec::new(), similar };
            report::failure(&failure);
            first.get_or_insert(Status::from(&failure));
            continue;
        };
        if !screen.is_quiet() {
            say(&[format!("would remove {model}, {}", size(*bytes))]);
        }
        candidates.push(Candidate { model: model.to_string(), bytes: *bytes });
    }
    if as_json {
        print_json(&Document { version: JSON_VERSION, dry_run: true, models: candidates })?;
    }
    Failure::after_reports(first)
}

/// Asks, where somebody can answer. Where nobody can, models that were named are removed, and all of them are not.
fn may_remove(there: &BTreeMap<ModelRef, u64>, models: &[ModelRef], all: bool) -> Result<bool, Failure> {
    let bytes: u64 = models.iter().filter_map(|model| there.get(model)).sum();
    let what = if let [model] = models { model.to_string() } else { format!("{} models", models.len()) };
    if models.is_empty() {
        say(&["there are no models in the cache"]);
        return Ok(true);
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        if all {
            say(&[format!("error: {what} ({}) are not removed without --yes", size(bytes))]);
        }
        return Ok(!all);
    }
    let mut stderr = io::stderr().lock();
    // A question that cannot be written is answered by nobody.
    let _ = write!(stderr, "Remove {what}, {}? [y/N] ", size(bytes));
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Failure::Output)?;
    let is_yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        let _ = writeln!(stderr, "nothing was removed");
    }
    Ok(is_yes)
}

fn lines(removal: &Removal) -> Vec<String> {
    let (model, freed) = (&removal.model, size(removal.bytes));
    let first = match &removal.entry {
        RemovedEntry::Link { target } => {
            format!("removed the link to {}, which stays as it is; {freed} freed", target.display())
        }
        RemovedEntry::Directory => format!("removed {model}; {freed} freed"),
        _ => format!("removed what an unfinished download of {model} had left; {freed} freed"),
    };
    let kept =
        removal.kept.iter().map(|dir| format!("  kept, since its tier is only read: {}", dir.display()));
    let leftover = removal.leftover.iter().map(|error| report::warning("not all could be deleted", error));
    std::iter::once(first).chain(kept).chain(leftover).collect()
}
