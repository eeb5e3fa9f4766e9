//! `mlc-weights store list`.

use std::time::SystemTime;

use facade::stores::{StoreFinding, StoreListing, StoredModel};
use serde::Serialize;

use super::super::update::short;
use super::init::downloader;
use crate::arguments::StoreList;
use crate::engine::Engine;
use crate::exit::{Failure, Status};
use crate::output::{JSON_VERSION, print, print_json, say};
use crate::progress::{Display, Progress, Screen};
use crate::table::{Align, Table};
use crate::words::{counted, date, size};

/// What is printed with `--json`.
#[derive(Serialize)]
struct StoreListDocument<'a> {
    version: u32,
    store: &'a str,
    models: Vec<ModelRow<'a>>,
    unnamed: Vec<UnnamedRow>,
    broken: Vec<BrokenRow<'a>>,
    other_files: u64,
}

#[derive(Serialize)]
struct ModelRow<'a> {
    hub: &'a str,
    model: String,
    /// Null for the default branch.
    revision: Option<&'a str>,
    commit: String,
    files: u64,
    bytes: u64,
    /// Seconds since 1970.
    seen_at: u64,
    by: &'a str,
    has_pack: bool,
}

#[derive(Serialize)]
struct UnnamedRow {
    commit: String,
    pack_bytes: u64,
}

/// A name that cannot be read.
#[derive(Serialize)]
pub(super) struct BrokenRow<'a> {
    url: &'a str,
    problem: &'a str,
}

impl<'a> From<&'a StoreFinding> for BrokenRow<'a> {
    fn from(finding: &'a StoreFinding) -> Self {
        Self { url: &finding.url, problem: &finding.problem }
    }
}

pub(super) fn run(arguments: &StoreList, screen: Screen) -> Result<(), Failure> {
    let downloader = downloader(arguments.url.as_deref(), false)?;
    let display = Display::on(screen);
    let engine = Engine::start()?;
    let (progress, _) = Progress::of_store(display);
    progress.watch();
    let listing = engine.run(downloader.list_store(), &progress);
    progress.clear();
    engine.stop(display);
    let listing = listing?;
    if arguments.json {
        print_json(&document(&listing))?;
    } else {
        if !screen.is_quiet() {
            say(&notes(&listing));
        }
        if !listing.models.is_empty() || !listing.unnamed.is_empty() {
            print(&table(&listing).lines())?;
        }
    }
    Failure::after_reports((!listing.broken.is_empty()).then_some(Status::Integrity))
}

fn notes(listing: &StoreListing) -> Vec<String> {
    let broken = listing
        .broken
        .iter()
        .map(|StoreFinding { url, problem, .. }| format!("unreadable name: {url}: {problem}"));
    let others = (listing.other_files > 0)
        .then(|| format!("{} left by interrupted writers", counted(listing.other_files, "other file")));
    let (names, unnamed) = (listing.models.len() as u64, listing.unnamed.len() as u64);
    let unnamed = (unnamed > 0).then(|| format!("{} without a name", counted(unnamed, "commit")));
    let counts: Vec<String> = std::iter::once(counted(names, "name")).chain(unnamed).collect();
    let summary = format!("{}: {}", listing.store, counts.join(", "));
    broken.chain(others).chain([summary]).collect()
}

fn table(listing: &StoreListing) -> Table<5> {
    let mut table = Table::new([
        ("SIZE", Align::Right),
        ("FILES", Align::Right),
        ("COMMIT", Align::Left),
        ("SEEN", Align::Left),
        ("MODEL", Align::Left),
    ]);
    for stored in &listing.models {
        let revision = stored.revision.as_ref().map_or(String::new(), |revision| format!("@{revision}"));
        table.row([
            size(stored.bytes),
            stored.files.to_string(),
            short(Some(stored.commit)),
            date(stored.seen_at).unwrap_or_else(dash),
            format!("{}{revision}", stored.model),
        ]);
        if !stored.has_pack {
            table.note("its commit is not in the store");
        }
    }
    // Nothing says which model it is, but all of it is needed to ask for it.
    for unnamed in &listing.unnamed {
        table.row([
            dash(),
            dash(),
            short(Some(unnamed.commit)),
            dash(),
            format!("commit {}", unnamed.commit),
        ]);
    }
    table
}

fn dash() -> String {
    "-".to_owned()
}

fn document(listing: &StoreListing) -> StoreListDocument<'_> {
    let unnamed = listing
        .unnamed
        .iter()
        .map(|unnamed| UnnamedRow { commit: unnamed.commit.to_string(), pack_bytes: unnamed.pack_bytes });
    StoreListDocument {
        version: JSON_VERSION,
        store: &listing.store,
        models: listing.models.iter().map(model_row).collect(),
        unnamed: unnamed.collect(),
        broken: listing.broken.iter().map(BrokenRow::from).collect(),
        other_files: listing.other_files,
    }
}

fn model_row(stored: &StoredModel) -> ModelRow<'_> {
    ModelRow {
        hub: &stored.hub,
        model: stored.model.to_string(),
        revision: stored.revision.as_ref().map(facade::Revision::as_str),
        commit: stored.commit.to_string(),
        files: stored.files,
        bytes: stored.bytes,
        seen_at: stored.seen_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
        by: &stored.by,
        has_pack: stored.has_pack,
    }
}
