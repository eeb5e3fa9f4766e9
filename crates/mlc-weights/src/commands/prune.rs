//! `mlc-weights prune`: removes what interrupted downloads have left, and models that there is no room for.

mod keep;

use facade::Cache;
use facade::cache::{PruneMode, PrunedModel, Pruning, Shrinking};
use serde::Serialize;

use crate::arguments::Prune;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json, say, width_of_stdout};
use crate::progress::Screen;
use crate::report;
use crate::table::{Align, Table};
use crate::words::{moment, size};

/// What is printed with `--json`.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    pruning: &'a Pruning,
    cache: Option<&'a Shrinking>,
}

pub(super) fn run(arguments: &Prune, screen: Screen) -> Result<(), Failure> {
    let cache = Cache::from_env()?;
    let mode = if arguments.dry_run { PruneMode::DryRun } else { PruneMode::Remove };
    if let Some(limit) = arguments.keep
        && !(arguments.dry_run || arguments.yes || keep::may_shrink(&cache, limit)?)
    {
        return Err(Failure::Reported(Status::Other));
    }
    let pruning = cache.prune(arguments.older_than, mode);
    let shrinking = arguments.keep.map(|limit| cache.shrink(limit, mode)).transpose()?;
    warn(&pruning);
    let failed = shrinking.as_ref().and_then(keep::warn);
    if arguments.json {
        print_json(&Document { pruning: &pruning, cache: shrinking.as_ref() })?;
    } else {
        show(&pruning, screen)?;
        if let Some(shrinking) = &shrinking {
            if !screen.is_quiet() {
                say(&[keep::summary(shrinking)]);
            }
            keep::print_table(shrinking)?;
        }
    }
    let mut failures = pruning.models.into_iter().filter_map(|model| model.failure).chain(pruning.failures);
    let failure = failures.next().map(|error| error.kind()).or(failed);
    Failure::after_reports(failure.map(Status::from))
}

fn warn(pruning: &Pruning) {
    for failed in &pruning.models {
        if let Some(error) = &failed.failure {
            say(&[report::warning(&format!("not all of {} could be removed", failed.model), error)]);
        }
    }
    for failure in &pruning.failures {
        say(&[report::warning("not everything could be looked at", failure)]);
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
        "interrupted downloads have left nothing".to_owned()
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
        (false, _, Some(until)) => format!("kept until {until}: it is not older than --older-than"),
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
