//! `mlc-weights store copy`.

use facade::stores::{CopiedCommit, StoreFinding};
use serde::Serialize;

use super::init::{address, downloader};
use super::list::BrokenRow;
use crate::arguments::StoreCopy;
use crate::engine::Engine;
use crate::exit::{Failure, Status};
use crate::named;
use crate::output::{JSON_VERSION, print_json, say};
use crate::progress::{Display, Progress, Screen};
use crate::report;
use crate::words::{counted, size};

/// What is printed with `--json`.
#[derive(Serialize)]
struct CopyDocument<'a> {
    version: u32,
    from: String,
    to: String,
    commits: Vec<CommitRow<'a>>,
    /// Names that were not copied.
    broken: Vec<BrokenRow<'a>>,
}

#[derive(Serialize)]
struct CommitRow<'a> {
    commit: String,
    names: &'a [String],
    files_written: u64,
    bytes_written: u64,
    files_there: u64,
    bytes_there: u64,
    /// Names that stay as they are in the other store, which has later ones.
    later: &'a [String],
    copied: bool,
}

pub(super) fn run(arguments: &StoreCopy, screen: Screen) -> Result<(), Failure> {
    named::require(arguments.all || !arguments.models.is_empty(), "--all for everything in the store")?;
    let models = named::models(&arguments.models)?;
    let (from, to) = (address(&arguments.from)?, address(&arguments.to)?);
    let shown = (from.to_string(), to.to_string());
    let downloader = downloader(None, arguments.no_move)?;
    let display = Display::on(screen);
    let engine = Engine::start()?;
    let (progress, observer) = Progress::of_store(display);
    progress.watch();
    let copies = engine.run(downloader.copy_store(from, to, &models, observer), &progress);
    progress.clear();
    engine.stop(display);
    let mut copied = copies?;
    // A name that was asked for is not there; of those that were listed, one cannot be read.
    let status = if models.is_empty() { Status::Integrity } else { Status::NotCached };
    let (mut first, mut rows) = ((!copied.broken.is_empty()).then_some(status), Vec::new());
    let broken = copied.broken.iter().map(|StoreFinding { url, problem, absent, .. }| match absent {
        Some(model) => format!("error: the store {} has no {model}", shown.0),
        None => format!("error: {url}: {problem}"),
    });
    say(&broken.collect::<Vec<_>>());
    for copy in &mut copied.commits {
        let failure = copy.failure.take().map(Failure::from);
        if !screen.is_quiet() && failure.is_none() {
            say(&lines(copy, &shown.1));
        }
        if let Some(failure) = &failure {
            report::failure(failure);
            first.get_or_insert(Status::from(failure));
        }
        rows.push(failure.is_none());
    }
    if arguments.json {
        let rows = copied.commits.iter().zip(rows).map(|(copy, copied)| row(copy, copied));
        let (from, to) = shown;
        let broken = copied.broken.iter().map(BrokenRow::from).collect();
        print_json(&CopyDocument { version: JSON_VERSION, from, to, commits: rows.collect(), broken })?;
    }
    Failure::after_reports(first)
}

fn lines(copy: &CopiedCommit, to: &str) -> Vec<String> {
    let what =
        if copy.names.is_empty() { "a commit without a name".to_owned() } else { copy.names.join(", ") };
    let there = format!("{} ({}) already there", copy.files_there, size(copy.bytes_there));
    let written = format!("{} ({}) written", counted(copy.files, "file"), size(copy.bytes));
    let mut lines = vec![format!("{what} is in {to} at commit {}: {written}, {there}", copy.commit)];
    lines.extend(
        copy.later.iter().map(|name| {
            format!("  the name {name} was not changed: the store has a more recent commit for it")
        }),
    );
    lines
}

fn row(copy: &CopiedCommit, copied: bool) -> CommitRow<'_> {
    CommitRow {
        commit: copy.commit.to_string(),
        names: &copy.names,
        files_written: copy.files,
        bytes_written: copy.bytes,
        files_there: copy.files_there,
        bytes_there: copy.bytes_there,
        later: &copy.later,
        copied,
    }
}
