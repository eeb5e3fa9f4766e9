//! `mlc-weights prune --keep`: removes models until the cache is small enough.

use facade::cache::{PruneMode, ShrinkOutcome, Shrinking, ShrunkModel};
use facade::{Cache, ErrorKind};

use super::super::question;
use crate::exit::Failure;
use crate::output::{print, say, width_of_stdout};
use crate::report;
use crate::table::{Align, Table};
use crate::words::{counted, moment, size};

/// Asks about the models that would go, where somebody can answer.
pub(super) fn may_shrink(cache: &Cache, limit: u64) -> Result<bool, Failure> {
    if !question::can_be_asked() {
        return Ok(true);
    }
    let plan = cache.shrink(limit, PruneMode::DryRun)?;
    let going: Vec<_> = plan.models.iter().filter(|model| model.is_removed()).collect();
    let [first, others @ ..] = &going[..] else { return Ok(true) };
    let what = match others.len() {
        0 => first.model.to_string(),
        _ => counted(going.len() as u64, "model"),
    };
    question::may_remove(&format!("{what}, {}", size(plan.bytes_before() - plan.bytes_after())))
}

/// Warns of what went wrong. Returns what did so first.
pub(super) fn warn(shrinking: &Shrinking) -> Option<ErrorKind> {
    let mut first = None;
    for model in &shrinking.models {
        match &model.outcome {
            ShrinkOutcome::Failed(error) => {
                say(&[report::warning(&format!("{} could not be removed", model.model), error)]);
                first.get_or_insert(error.kind());
            }
            ShrinkOutcome::Removed { leftover: Some(error), .. } => {
                say(&[report::warning(&format!("not all of {} could be deleted", model.model), error)]);
            }
            _ => {}
        }
    }
    first
}

/// What was done, in a line.
pub(super) fn summary(shrinking: &Shrinking) -> String {
    let (after, limit) = (size(shrinking.bytes_after()), size(shrinking.limit));
    let removed = size(shrinking.bytes_before() - shrinking.bytes_after());
    let done = if shrinking.dry_run { "would be removed" } else { "removed" };
    let fit = if shrinking.fits() { "within" } else { "still more than" };
    format!("models: {removed} {done}; {after} left, {fit} {limit}")
}

/// The models that go, and those that would have to and stay.
pub(super) fn print_table(shrinking: &Shrinking) -> Result<(), Failure> {
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
        if let Some(why) = why_it_stays(model) {
            table.note(why);
        }
    }
    if is_empty { Ok(()) } else { print(&table.lines_within(width_of_stdout(), &[2])) }
}

const fn why_it_stays(model: &ShrunkModel) -> Option<&'static str> {
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
