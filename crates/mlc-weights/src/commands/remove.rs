//! `mlc-weights remove`: takes models out of the cache; and the question before something is removed.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use facade::cache::{PruneMode, Removal, RemovedEntry};
use facade::{Cache, ModelRef};
use serde::Serialize;

use super::update::find;
use crate::arguments::Remove;
use crate::exit::{Failure, Status};
use crate::named;
use crate::output::{JSON_VERSION, print_json, say};
use crate::progress::Screen;
use crate::report;
use crate::words::size;

/// What is printed with `--json`.
#[derive(Serialize)]
struct RemoveDocument<T> {
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
    named::require(
        arguments.all || !arguments.models.is_empty(),
        "--all for every model in the writable tier",
    )?;
    let named = named::models(&arguments.models)?;
    let cache = Cache::from_env()?;
    let Removable { there, ghosts } = Removable::in_cache(&cache)?;
    let models: Vec<ModelRef> = if arguments.all { there.keys().cloned().collect() } else { named };
    if arguments.all && models.is_empty() && !screen.is_quiet() {
        say(&["there are no models in the cache"]);
    }
    if arguments.dry_run {
        return dry_run(&cache, &there, &models, arguments.json, screen);
    }
    // No question about what is not there.
    let (models, absent): (Vec<_>, Vec<_>) = models.into_iter().partition(|model| there.contains_key(model));
    let mut remover = Remover { cache, screen, removals: Vec::new(), first: None };
    remover.remove(&absent);
    if !arguments.yes && !may_remove_models(&there, &models, arguments.all)? {
        return Err(Failure::Reported(Status::Other));
    }
    remover.remove(&models);
    if arguments.all {
        // They have not been mentioned. One that stays does no harm, and the next command tries again.
        for ghost in &ghosts {
            drop(remover.cache.remove(ghost));
        }
    }
    if arguments.json {
        print_json(&RemoveDocument { version: JSON_VERSION, dry_run: false, models: remover.removals })?;
    }
    Failure::after_reports(remover.first)
}

struct Remover {
    cache: Cache,
    screen: Screen,
    removals: Vec<Removal>,
    /// That of the first failure.
    first: Option<Status>,
}

impl Remover {
    fn remove(&mut self, models: &[ModelRef]) {
        for model in models {
            match self.cache.remove(model).map_err(|error| named::explained(&self.cache, error)) {
                Ok(removal) => {
                    if !self.screen.is_quiet() {
                        say(&lines(&removal));
                    }
                    self.removals.push(removal);
                }
                Err(failure) => {
                    let failure = match failure {
                        Failure::Facade(error) => Failure::NotRemoved(error),
                        other => other,
                    };
                    report::failure(&failure);
                    self.first.get_or_insert(Status::from(&failure));
                }
            }
        }
    }
}

/// What can be removed.
struct Removable {
    /// The models, and how much each has: its directory in the writable tier, and what unfinished downloads have left.
    there: BTreeMap<ModelRef, u64>,
    /// Names without a byte on disk, as a mistyped download leaves them.
    ghosts: Vec<ModelRef>,
}

impl Removable {
    fn in_cache(cache: &Cache) -> Result<Self, Failure> {
        let mut there: BTreeMap<ModelRef, u64> = BTreeMap::new();
        for entry in cache.list()?.models.into_iter().filter(|entry| !entry.tier.is_read_only()) {
            *there.entry(entry.model).or_default() += entry.bytes;
        }
        let mut ghosts = Vec::new();
        for unfinished in cache.prune(Duration::ZERO, PruneMode::DryRun).models {
            let (model, bytes) = (unfinished.model, unfinished.removed_bytes + unfinished.kept_bytes);
            if bytes > 0 || unfinished.in_use || there.contains_key(&model) {
                *there.entry(model).or_default() += bytes;
            } else {
                ghosts.push(model);
            }
        }
        Ok(Self { there, ghosts })
    }
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
            if let Err(failure) = find(cache, &cache.list()?, model) {
                report::failure(&failure);
                first.get_or_insert(Status::from(&failure));
            }
            continue;
        };
        if !screen.is_quiet() {
            say(&[format!("would remove {model}, {}", size(*bytes))]);
        }
        candidates.push(Candidate { model: model.to_string(), bytes: *bytes });
    }
    if as_json {
        print_json(&RemoveDocument { version: JSON_VERSION, dry_run: true, models: candidates })?;
    }
    Failure::after_reports(first)
}

/// Asks, if there is a terminal to answer on. Otherwise models that were named are removed, and all of them are not.
fn may_remove_models(
    there: &BTreeMap<ModelRef, u64>,
    models: &[ModelRef],
    all: bool,
) -> Result<bool, Failure> {
    let bytes: u64 = models.iter().filter_map(|model| there.get(model)).sum();
    let what = if let [model] = models { model.to_string() } else { format!("{} models", models.len()) };
    if models.is_empty() {
        return Ok(true);
    }
    if !can_be_asked() {
        if all {
            let are = if models.len() == 1 { "is" } else { "are" };
            say(&[format!("error: {what} ({}) {are} not removed without --yes", size(bytes))]);
        }
        return Ok(!all);
    }
    may_remove(&format!("{what}, {}", size(bytes)))
}

fn lines(removal: &Removal) -> Vec<String> {
    let (model, freed) = (&removal.model, size(removal.bytes));
    let first = match &removal.entry {
        RemovedEntry::Link { target, .. } => {
            format!("removed the link to {}, which stays as it is; {freed} freed", target.display())
        }
        RemovedEntry::Directory => format!("removed {model}; {freed} freed"),
        _ => format!("removed the remains of an unfinished download of {model}; {freed} freed"),
    };
    let kept = removal.kept.iter().map(|dir| format!("  kept in a read-only tier: {}", dir.display()));
    let leftover =
        removal.leftover.iter().map(|error| report::warning("some files could not be deleted", error));
    std::iter::once(first).chain(kept).chain(leftover).collect()
}

/// Whether a question can be asked and answered.
pub(super) fn can_be_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks whether these may be removed. Everything but a yes means no.
pub(super) fn may_remove(what: &str) -> Result<bool, Failure> {
    let mut stderr = io::stderr().lock();
    // If the question cannot be written, there will be no answer either.
    let _ = write!(stderr, "Remove {what}? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Failure::Output)?;
    if !answer.ends_with('\n') {
        // Nobody has ended the line of the question.
        let _ = writeln!(stderr);
    }
    let is_yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        let _ = writeln!(stderr, "nothing was removed");
    }
    Ok(is_yes)
}
