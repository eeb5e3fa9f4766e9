//! `mlc-weights list`: the models in the cache.

mod outdated;

use facade::Cache;
use facade::cache::{Listing, ModelEntry};

use super::newest::short;
use crate::arguments::List;
use crate::exit::Failure;
use crate::output::{print, print_json, say};
use crate::progress::Screen;
use crate::table::{Align, Table};
use crate::words::{date, listed, size, tier};

pub(super) fn run(arguments: &List, screen: Screen) -> Result<(), Failure> {
    if arguments.outdated {
        return outdated::run(arguments, screen);
    }
    let listing = Cache::from_env()?.list()?;
    if arguments.json {
        return print_json(&listing);
    }
    if !screen.is_quiet() {
        say(&notes(&listing));
    }
    print(&tables(&listing))
}

/// What is said beside the table. Names of things that are no models may be anything, so they are escaped.
fn notes(listing: &Listing) -> Vec<String> {
    let others = listing
        .skipped
        .iter()
        .map(|other| format!("no model: {}: {}", other.path.to_string_lossy().escape_debug(), other.reason));
    others.chain([summary(&listing.models)]).collect()
}

fn summary(models: &[ModelEntry]) -> String {
    let bytes = models.iter().map(|model| model.bytes).sum();
    match models.len() {
        0 => "there are no models in the cache".to_owned(),
        1 => format!("1 model, {}", size(bytes)),
        count => format!("{count} models, {}", size(bytes)),
    }
}

/// A table for each tier that has models, under the tier's folder.
fn tables(listing: &Listing) -> Vec<String> {
    let mut lines = Vec::new();
    for entries in listing.models.chunk_by(|one, other| one.tier == other.tier) {
        if let Some(first) = entries.first() {
            lines.push(tier(&first.tier));
            lines.extend(table(entries).lines());
        }
    }
    lines
}

fn table(models: &[ModelEntry]) -> Table<5> {
    let mut table = Table::new([
        ("SIZE", Align::Right),
        ("FILES", Align::Right),
        ("COMMIT", Align::Left),
        ("DATE", Align::Left),
        ("MODEL", Align::Left),
    ]);
    for entry in models {
        table.row([
            size(entry.bytes),
            entry.files.to_string(),
            short(entry.commit),
            entry.date.and_then(date).unwrap_or_else(dash),
            entry.model.to_string(),
        ]);
        for remark in remarks(entry) {
            table.note(&remark);
        }
    }
    table
}

fn remarks(entry: &ModelEntry) -> Vec<String> {
    let link = entry.link_target.as_ref().map(|target| format!("a link to {}", target.display()));
    let missing = (!entry.is_whole()).then(|| format!("not whole: {}", listed(&entry.missing)));
    let unreadable = entry.unreadable.as_ref().map(|what| format!("not counted: {what}"));
    [link, missing, unreadable].into_iter().flatten().collect()
}

/// What is not known.
fn dash() -> String {
    "-".to_owned()
}
