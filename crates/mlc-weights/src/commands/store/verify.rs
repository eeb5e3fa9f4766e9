//! `mlc-weights store verify`.

use facade::stores::{FileCount, RepairOutcome, StoreCheck, StoreFinding, StoreVerifyOptions};
use serde::Serialize;

use super::init::downloader;
use crate::arguments::StoreVerify;
use crate::engine::Engine;
use crate::exit::{Failure, Status};
use crate::named;
use crate::output::{JSON_VERSION, print, print_json, say};
use crate::progress::{Display, Progress, Screen};
use crate::report;
use crate::words::{counted, size};

/// What is printed with `--json`.
#[derive(Serialize)]
struct CheckDocument<'a> {
    version: u32,
    store: &'a str,
    sound: bool,
    /// Whether everything was read: nothing ended it early.
    complete: bool,
    refs: u64,
    packs: u64,
    blobs: u64,
    bytes: u64,
    unneeded: Option<Count>,
    other_files: Option<Count>,
    findings: Vec<FindingRow<'a>>,
}

#[derive(Serialize)]
struct Count {
    files: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    part: &'static str,
    url: &'a str,
    model: Option<String>,
    commit: Option<String>,
    file: Option<&'a str>,
    problem: &'a str,
    repair: &'static str,
    /// Why it was not repaired.
    why: Option<&'a str>,
}

pub(super) fn run(arguments: &StoreVerify, screen: Screen) -> Result<(), Failure> {
    let models = named::models(&arguments.models)?;
    let target = &arguments.target;
    let downloader = downloader(target.url.as_deref(), target.no_move)?;
    let mut options = StoreVerifyOptions::default();
    (options.repair, options.allow_private) = (arguments.repair, arguments.allow_private);
    let display = Display::on(screen);
    let engine = Engine::start()?;
    let (progress, observer) = Progress::of_store(display);
    progress.watch();
    let check = engine.run(downloader.verify_store(&models, options, observer), &progress);
    progress.clear();
    engine.stop(display);
    let mut check = check?;
    let failure = check.failure.take().map(Failure::from);
    let is_sound = failure.is_none() && check.is_sound();
    if arguments.json {
        print_json(&document(&check, is_sound, failure.is_none()))?;
    } else {
        print(&lines(&check, is_sound))?;
    }
    if !(arguments.json || screen.is_quiet()) {
        say(&how_to_repair(arguments, &check).into_iter().collect::<Vec<_>>());
    }
    let status = failure.as_ref().map(|failure| {
        report::failure(failure);
        Status::from(failure)
    });
    let unsound = if check.is_only_absence() { Status::NotCached } else { Status::Integrity };
    Failure::after_reports(status.or((!is_sound).then_some(unsound)))
}

/// The command that repairs what is damaged. What the store was never given is no damage.
fn how_to_repair(arguments: &StoreVerify, check: &StoreCheck) -> Option<String> {
    if arguments.repair || check.findings.is_empty() || check.is_only_absence() {
        return None;
    }
    let store = arguments.target.url.iter().flat_map(|url| ["--store", url]);
    let words = store.chain(arguments.models.iter().map(String::as_str)).map(|word| format!(" {word}"));
    Some(format!("to repair it: mlc-weights store verify --repair{}", words.collect::<String>()))
}

fn lines(check: &StoreCheck, is_sound: bool) -> Vec<String> {
    let StoreCheck { store, refs, packs, blobs, bytes, .. } = check;
    let found = match check.findings.len() {
        0 if is_sound && refs + packs + blobs == 0 => "empty",
        0 if is_sound => "ok",
        0 => "not everything was read",
        _ if is_sound => "repaired",
        _ if check.is_only_absence() => "some models are missing",
        _ => "not ok",
    };
    let (refs, packs, blobs) = (counted(*refs, "name"), counted(*packs, "commit"), counted(*blobs, "file"));
    let read = format!("{refs}, {packs}, {blobs}, {} hashed", size(*bytes));
    let mut lines = vec![format!("{store}: {found} ({read})")];
    lines.extend(check.findings.iter().map(finding_line));
    let others = [
        (check.unneeded, "file", "that no commit needs"),
        (check.other_files, "other file", "left by interrupted writers"),
    ];
    for (count, thing, what) in others {
        let count = count.filter(|count| count.files > 0);
        lines.extend(
            count.map(|count| format!("  {} {what}, {}", counted(count.files, thing), size(count.bytes))),
        );
    }
    lines
}

fn finding_line(finding: &StoreFinding) -> String {
    let file = finding.file.as_ref().map_or(String::new(), |file| format!(" ({file})"));
    let repair = match &finding.repair {
        RepairOutcome::Repaired => "; repaired".to_owned(),
        RepairOutcome::Failed(why) => match (finding.commit, &finding.model) {
            (Some(commit), None) => {
                format!("; not repaired: {why}; give the model with its commit, USER/REPO@{commit}")
            }
            _ => format!("; not repaired: {why}"),
        },
        _ => String::new(),
    };
    match &finding.absent {
        Some(model) => format!("  the store has no {model}{repair}"),
        None => format!("  {}{file}: {}{repair}", finding.url, finding.problem),
    }
}

fn document(check: &StoreCheck, sound: bool, complete: bool) -> CheckDocument<'_> {
    let count = |count: FileCount| Count { files: count.files, bytes: count.bytes };
    CheckDocument {
        version: JSON_VERSION,
        store: &check.store,
        sound,
        complete,
        refs: check.refs,
        packs: check.packs,
        blobs: check.blobs,
        bytes: check.bytes,
        unneeded: check.unneeded.map(count),
        other_files: check.other_files.map(count),
        findings: check.findings.iter().map(finding_row).collect(),
    }
}

fn finding_row(finding: &StoreFinding) -> FindingRow<'_> {
    let (repair, why) = match &finding.repair {
        RepairOutcome::Repaired => ("repaired", None),
        RepairOutcome::Failed(why) => ("failed", Some(why.as_str())),
        _ => ("not_asked", None),
    };
    FindingRow {
        part: finding.part.as_str(),
        url: &finding.url,
        model: finding.model.as_ref().map(ToString::to_string),
        commit: finding.commit.map(|commit| commit.to_string()),
        file: finding.file.as_ref().map(facade::RepoPath::as_str),
        problem: &finding.problem,
        repair,
        why,
    }
}
