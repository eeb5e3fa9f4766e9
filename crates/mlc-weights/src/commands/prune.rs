//! `mlc-weights prune`: removes what interrupted downloads have left, and models that there is no room for.

use facade::cache::{PruneMode, PrunedModel, Pruning, ShrinkOutcome, Shrinking, ShrunkModel};
use facade::{Cache, ErrorKind};
use serde::Serialize;

use super::remove::{can_be_asked, may_remove};
use crate::arguments::Prune;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json, say, width_of_stdout};
use crate::progress::Screen;
use crate::report;
use crate::table::{Align, Table};
use crate::words::{counted, moment, size};

/// What is printed with `--json`.
#[derive(Serialize)]
struct PruneDocument<'a> {
    #[serde(flatten)]
    pruning: &'a Pruning,
    cache: Option<&'a Shrinking>,
}

pub(super) fn run(arguments: &Prune, screen: Screen) -> Result<(), Failure> {
    let cache = Cache::from_env()?;
    let mode = if arguments.dry_run { PruneMode::DryRun } else { PruneMode::Remove };
    if let Some(limit) = arguments.keep
        && !(arguments.dry_run || arguments.yes || may_shrink(&cache, limit)?)
    {
        return Err(Failure::Reported(Status::Other));
    }
    let pruning = cache.prune(arguments.older_than, mode);
    let shrinking = arguments.keep.map(|limit| cache.shrink(limit, mode)).transpose()?;
    warn(&pruning);
    let failed = shrinking.as_ref().and_then(warn_of_models);
    if arguments.json {
        print_json(&PruneDocument { pruning: &pruning, cache: shrinking.as_ref() })?;
    } else {
        show(&pruning, screen)?;
        if let Some(shrinking) = &shrinking {
            if !screen.is_quiet() {
                say(&[models_summary(shrinking)]);
            }
            print_models(shrinking)?;
        }
    }
    let mut failures = pruning.models.into_iter().filter_map(|model| model.failure).chain(pruning.failures);
    let failure = failures.next().map(|error| error.kind()).or(failed);
    Failure::after_reports(failure.map(Status::from))
}

fn warn(pruning: &Pruning) {
    for failed in &pruning.models {
        if let Some(error) = &failed.failure {
            say(&[report::warning(&format!("{} could not be removed completely", failed.model), error)]);
        }
    }
    for failure in &pruning.failures {
        say(&[report::warning("part of the cache could not be read", failure)]);
    }
}

fn show(pruning: &Pruning, screen: Screen) -> Result<(), Failure> {
    if !screen.is_quiet() {
        say(&[summary(pruning)]);
    }
    if pruning.models.iter().any(is_worth_a_row) {
        print(&table(pruning).lines_within(width_of_stdout(), &[]))?;
    }
    Ok(())
}

fn summary(pruning: &Pruning) -> String {
    let removed = size(pruning.removed_bytes());
    if pruning.temporary_bytes == 0 && !pruning.models.iter().any(is_worth_a_row) {
        "no remains of interrupted downloads".to_owned()
    } else if pruning.dry_run {
        format!("{removed} would be removed")
    } else {
        format!("{removed} removed")
    }
}

/// A download that failed at once has left nothing but empty folders.
fn is_worth_a_row(model: &PrunedModel) -> bool {
    model.in_use || model.failure.is_some() || model.removed_bytes + model.kept_bytes > 0
}

fn why_it_stays(model: &PrunedModel) -> Option<String> {
    let until = model.kept_until.and_then(moment);
    Some(match (model.in_use, &model.holder, until) {
        (true, Some(holder), _) => format!("being downloaded by {holder}"),
        (true, None, Some(until)) => {
            format!("kept until {until}: another machine may be downloading it")
        }
        (true, None, None) => "being downloaded".to_owned(),
        (false, _, Some(until)) => {
            format!("kept until {until}: its last write is more recent than --older-than")
        }
        (false, _, None) => return None,
    })
}

fn table(pruning: &Pruning) -> Table<3> {
    let removed = if pruning.dry_run { "WOULD GO" } else { "REMOVED" };
    let mut table = Table::new([(removed, Align::Right), ("KEPT", Align::Right), ("MODEL", Align::Left)]);
    for model in pruning.models.iter().filter(|model| is_worth_a_row(model)) {
        let bytes = [model.removed_bytes, model.kept_bytes].map(size);
        let [removed, kept] = bytes;
        table.row([removed, kept, model.model.to_string()]);
        if let Some(why) = why_it_stays(model) {
            table.note(&why);
        }
    }
    table
}

/// Asks about the models that would be removed, if there is a terminal to answer on.
fn may_shrink(cache: &Cache, limit: u64) -> Result<bool, Failure> {
    if !can_be_asked() {
        return Ok(true);
    }
    let plan = cache.shrink(limit, PruneMode::DryRun)?;
    let going: Vec<_> = plan.models.iter().filter(|model| model.is_removed()).collect();
    let [first, others @ ..] = &going[..] else { return Ok(true) };
    let what = if others.is_empty() {
        first.model.to_string()
    } else {
        let named = going.iter().map(|model| format!("{}, {}", model.model, size(model.bytes)));
        say(&named.collect::<Vec<_>>());
        counted(going.len() as u64, "model")
    };
    may_remove(&format!("{what}, {}", size(plan.bytes_before() - plan.bytes_after())))
}

/// Warns of what went wrong. Returns the kind of the first failure.
fn warn_of_models(shrinking: &Shrinking) -> Option<ErrorKind> {
    let mut first = None;
    for model in &shrinking.models {
        match &model.outcome {
            ShrinkOutcome::Failed(error) => {
                say(&[report::warning(&format!("{} could not be removed", model.model), error)]);
                first.get_or_insert(error.kind());
            }
            ShrinkOutcome::Removed { leftover: Some(error), .. } => {
                say(&[report::warning(&format!("{} could not be deleted completely", model.model), error)]);
            }
            _ => {}
        }
    }
    first
}

/// What was done, in a line.
fn models_summary(shrinking: &Shrinking) -> String {
    let (after, limit) = (size(shrinking.bytes_after()), size(shrinking.limit));
    let removed = size(shrinking.bytes_before() - shrinking.bytes_after());
    let done = if shrinking.dry_run { "would be removed" } else { "removed" };
    let fit = if shrinking.fits() { "within" } else { "still over" };
    format!("models: {removed} {done}; {after} left, {fit} {limit}")
}

/// The models that are removed, and those that would have to be and stay.
fn print_models(shrinking: &Shrinking) -> Result<(), Failure> {
    let removed = if shrinking.dry_run { "WOULD GO" } else { "REMOVED" };
    let columns =
        [(removed, Align::Right), ("KEPT", Align::Right), ("LAST USED", Align::Left), ("MODEL", Align::Left)];
    let mut table = Table::new(columns);
    let concerned = shrinking.models.iter().filter(|model| !matches!(model.outcome, ShrinkOutcome::Fits));
    let mut is_empty = true;
    for model in concerned {
        is_empty = false;
        let (removed, kept) = if model.is_removed() { (model.bytes, 0) } else { (0, model.bytes) };
        let last_used = model.last_used.and_then(moment).unwrap_or_else(|| "-".to_owned());
        table.row([size(removed), size(kept), last_used, model.model.to_string()]);
        if let Some(why) = why_model_stays(model) {
            table.note(why);
        }
    }
    if is_empty { Ok(()) } else { print(&table.lines_within(width_of_stdout(), &[2])) }
}

const fn why_model_stays(model: &ShrunkModel) -> Option<&'static str> {
    Some(match model.outcome {
        ShrinkOutcome::InUse => "kept: it is in use",
        ShrinkOutcome::OnlyCopy => "kept: it is the only copy, and the policy forbids downloading it again",
        ShrinkOutcome::NotWhole => {
            "kept: files are missing; another program may be writing it (see `mlc-weights list`)"
        }
        ShrinkOutcome::Failed(_) => "kept: it could not be removed",
        _ => return None,
    })
}
