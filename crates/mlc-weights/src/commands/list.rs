//! `mlc-weights list`: the models in the cache.

mod outdated;

use std::cmp::Reverse;

use facade::Cache;
use facade::cache::{Listing, ModelEntry, Unfinished};

use super::update::short;
use crate::arguments::{List, Order};
use crate::exit::Failure;
use crate::output::{print, print_json, say, width_of_stdout};
use crate::progress::Screen;
use crate::table::{Align, Table};
use crate::words::{date, listed, size, tier};

/// Columns of the models' table that are left out in a narrow terminal.
const FILES: usize = 1;
const COMMIT: usize = 2;
const DATE: usize = 3;
/// The same of the other table.
const WRITTEN: usize = 1;

pub(super) fn run(arguments: &List, screen: Screen) -> Result<(), Failure> {
    if arguments.outdated {
        return outdated::run(arguments, screen);
    }
    let mut listing = Cache::from_env()?.list()?;
    sort(&mut listing, arguments.sort);
    if arguments.json {
        return print_json(&listing);
    }
    if !screen.is_quiet() {
        say(&notes(&listing));
    }
    let width = width_of_stdout();
    let models = tables(&listing, width);
    print(&[models, unfinished(&listing.unfinished, width)].concat())
}

/// What is said beside the table. Names of things that are not models may be anything, so they are escaped.
fn notes(listing: &Listing) -> Vec<String> {
    let others = listing.skipped.iter().map(|other| {
        format!("not a model: {}: {}", other.path.to_string_lossy().escape_debug(), other.reason)
    });
    others.chain([summary(listing)]).collect()
}

fn summary(listing: &Listing) -> String {
    let bytes = listing.models.iter().map(|model| model.bytes).sum();
    let models = match listing.models.len() {
        0 => "there are no models in the cache".to_owned(),
        1 => format!("1 model, {}", size(bytes)),
        count => format!("{count} models, {}", size(bytes)),
    };
    match listing.unfinished.iter().map(|unfinished| unfinished.bytes).sum() {
        0 => models,
        unfinished => format!("{models}; unfinished downloads take {}", size(unfinished)),
    }
}

/// Tier by tier, as they are looked through.
fn sort(listing: &mut Listing, order: Order) {
    let models = &mut listing.models;
    for tier in models.chunk_by_mut(|one, other| one.tier == other.tier) {
        match order {
            Order::Name => {}
            Order::Size => tier.sort_by_key(|model| Reverse(model.bytes)),
            // Those of no known age come last.
            Order::Age => tier.sort_by_key(|model| Reverse(model.date)),
        }
    }
    match order {
        Order::Name => {}
        Order::Size => listing.unfinished.sort_by_key(|model| Reverse(model.bytes)),
        Order::Age => listing.unfinished.sort_by_key(|model| Reverse(model.written_at)),
    }
}

/// A table for each tier that has models, under the tier's folder.
fn tables(listing: &Listing, width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for entries in listing.models.chunk_by(|one, other| one.tier == other.tier) {
        if let Some(first) = entries.first() {
            lines.push(tier(&first.tier));
            lines.extend(table(entries).lines_within(width, &[FILES, COMMIT, DATE]));
        }
    }
    lines
}

fn unfinished(unfinished: &[Unfinished], width: Option<usize>) -> Vec<String> {
    if unfinished.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new([("SIZE", Align::Right), ("WRITTEN", Align::Left), ("MODEL", Align::Left)]);
    for left in unfinished {
        table.row([
            size(left.bytes),
            left.written_at.and_then(date).unwrap_or_else(dash),
            left.model.to_string(),
        ]);
        if left.in_use {
            table.note("being downloaded");
        }
    }
    let heading = "unfinished downloads".to_owned();
    std::iter::once(heading).chain(table.lines_within(width, &[WRITTEN])).collect()
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
    let missing = (!entry.is_whole()).then(|| format!("incomplete: {}", listed(&entry.missing)));
    let unreadable = entry.unreadable.as_ref().map(|what| format!("not counted: {what}"));
    [link, missing, unreadable].into_iter().flatten().collect()
}

/// What is not known.
fn dash() -> String {
    "-".to_owned()
}
