//! `mlc-weights verify`: whether cached models are intact, and how to repair those that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use facade::cache::{FileReport, FileState, VerifyReport};
use facade::env::Settings;
use facade::{Cache, Downloader, DownloaderBuilder, ModelRef, Proof, Repair, Request};
use serde::Serialize;

use crate::arguments::Verify;
use crate::checking::Checking;
use crate::engine::Engine;
use crate::exit::{Failure, Status};
use crate::named;
use crate::output::{JSON_VERSION, print, print_json, say};
use crate::progress::{Display, Progress, Screen};
use crate::report;
use crate::words::{files, size};

/// What is printed with `--json`.
#[derive(Serialize)]
struct VerifyDocument<'a> {
    version: u32,
    models: &'a [Checked],
}

/// Verifies one model after another; a failure does not keep the next one from being looked at.
pub(super) fn run(arguments: &Verify, screen: Screen) -> Result<(), Failure> {
    named::require(arguments.all || !arguments.models.is_empty(), "--all for every model in the cache")?;
    let named = named::models(&arguments.models)?;
    let settings = Settings::from_env()?;
    let policy_by = settings.policy_variable;
    let downloader = DownloaderBuilder::from_settings(settings).build()?;
    let models = if arguments.all { downloader.cache().models()? } else { named };
    let models: BTreeSet<ModelRef> = models.into_iter().collect();
    if models.is_empty() && !screen.is_quiet() {
        say(&["there are no models in the cache"]);
    }
    let mut verifier = Verifier::new(downloader, repair(arguments), screen);
    let (mut all, mut first) = (Vec::new(), None);
    for (model, number) in models.iter().zip(1..) {
        let (checked, failure) = verifier.check(model, (number, models.len()));
        if !arguments.json {
            print(&checked.iter().flat_map(lines).collect::<Vec<_>>())?;
        }
        all.extend(checked);
        if let Some(failure) = failure.map(|failure| failure.of_policy(policy_by)) {
            report::failure(&failure);
            first.get_or_insert(Status::from(&failure));
            if matches!(failure, Failure::Interrupted { .. }) {
                break;
            }
        }
    }
    verifier.stop();
    if arguments.json {
        print_json(&VerifyDocument { version: JSON_VERSION, models: &all })?;
    }
    if !(arguments.json || screen.is_quiet()) {
        say(&how_to_repair(&all).into_iter().chain(how_to_undo(arguments, &all)).collect::<Vec<_>>());
    }
    let damage = all.iter().any(Checked::is_bad).then_some(Status::Integrity);
    Failure::after_reports(first.or(damage))
}

fn repair(arguments: &Verify) -> Option<Repair> {
    arguments.repair.then_some(if arguments.force { Repair::DamagedAndModified } else { Repair::Damaged })
}

/// The command that repairs what is damaged in the writable tier.
fn how_to_repair(checked: &[Checked]) -> Option<String> {
    let damaged = checked.iter().filter(|checked| {
        checked.is_bad() && checked.repair == Mended::NotAsked && !checked.report.tier.is_read_only()
    });
    let names: Vec<String> = damaged.map(|checked| checked.report.model.to_string()).collect();
    (!names.is_empty()).then(|| format!("to repair it: mlc-weights verify --repair {}", names.join(" ")))
}

/// The command that also replaces what a repair has left as the user changed it.
fn how_to_undo(arguments: &Verify, checked: &[Checked]) -> Option<String> {
    let edited = checked.iter().map(|checked| &checked.report);
    let edited = edited.filter(|report| report.is_modified() && !report.tier.is_read_only());
    let names: Vec<String> = edited.map(|report| report.model.to_string()).collect();
    (arguments.repair && !arguments.force && !names.is_empty()).then(|| {
        let names = names.join(" ");
        format!("modified files were kept; to replace them: mlc-weights verify --repair --force {names}")
    })
}

/// What became of one copy of a model.
#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    report: VerifyReport,
    repair: Mended,
}

/// Whether a copy was repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mended {
    /// There was nothing to repair.
    NotNeeded,
    /// There was no `--repair`.
    NotAsked,
    /// What was wrong was fetched again, and is verified.
    Repaired,
    /// It was tried and failed.
    Failed,
    /// Nothing is written to the tier that the copy is in.
    ReadOnly,
}

impl Checked {
    /// Whether something is corrupt or missing still.
    fn is_bad(&self) -> bool {
        !self.report.is_sound() && self.repair != Mended::Repaired
    }
}

struct Verifier {
    downloader: Downloader,
    cache: Cache,
    repair: Option<Repair>,
    display: Display,
    checking: Checking,
    /// Started with the first download.
    engine: Option<Engine>,
}

impl Verifier {
    fn new(downloader: Downloader, repair: Option<Repair>, screen: Screen) -> Self {
        let (cache, checking) = (downloader.cache(), Checking::on(screen));
        let display = Display::on(screen);
        Self { downloader, cache, repair, display, checking, engine: None }
    }

    /// Verifies all copies of a model, and repairs them if that was asked for. Returns what it found even if something
    /// failed later.
    fn check(&mut self, model: &ModelRef, place: (usize, usize)) -> (Vec<Checked>, Option<Failure>) {
        let (engine, checking) = (&self.engine, &mut self.checking);
        let verified = self.cache.verify(model, |event| {
            checking.on_event(event);
            if engine.as_ref().is_some_and(Engine::is_interrupted) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        self.checking.end();
        let reports = match verified {
            Ok(reports) => reports,
            Err(error) => return (Vec::new(), Some(named::explained(&self.cache, error))),
        };
        let mut failure = None;
        let checked = reports.into_iter().map(|report| {
            let repair = self.mend(&report, place).unwrap_or_else(|error| {
                failure.get_or_insert(error);
                Mended::Failed
            });
            Checked { report, repair }
        });
        (checked.collect(), failure)
    }

    fn mend(&mut self, report: &VerifyReport, place: (usize, usize)) -> Result<Mended, Failure> {
        let is_wanted =
            !report.is_sound() || report.is_modified() && self.repair == Some(Repair::DamagedAndModified);
        let Some(repair) = self.repair.filter(|_| is_wanted) else {
            return Ok(if is_wanted { Mended::NotAsked } else { Mended::NotNeeded });
        };
        if report.tier.is_read_only() {
            return Ok(Mended::ReadOnly);
        }
        let request = Request::new(report.model.clone()).repair(repair);
        self.download(request, place).map(|()| Mended::Repaired)
    }

    fn download(&mut self, request: Request, place: (usize, usize)) -> Result<(), Failure> {
        let engine = Engine::started(&mut self.engine)?;
        let (progress, request) = Progress::of_several(request, self.display, place);
        progress.watch();
        let outcome = engine.run(self.downloader.download(request), &progress);
        progress.finish(&outcome);
        outcome.map(drop)
    }

    /// Ends what an interrupted download has left running.
    fn stop(self) {
        if let Some(engine) = self.engine {
            engine.stop(self.display);
        }
    }
}

/// A verdict on the copy, and a line for each file that needs one. Files that could not be checked may be many; they
/// are counted. Names may be anything, so they are escaped.
fn lines(checked: &Checked) -> Vec<String> {
    let report = &checked.report;
    let mut lines = vec![verdict(checked)];
    for file in &report.files {
        let detail = match &file.state {
            FileState::Corrupt { problem, .. } => format!(": {problem}"),
            FileState::Missing | FileState::Modified | FileState::Extra => String::new(),
            _ => continue,
        };
        lines.push(format!("  {:<9}  {}{detail}", file.state.as_str(), file.path.escape_debug()));
    }
    lines.extend(unchecked(report));
    if report.proof == Some(Proof::Word) {
        lines.push("  unproven   the hub does not prove that the files are those of the commit".to_owned());
    }
    lines.extend(repaired(checked));
    lines
}

fn verdict(checked: &Checked) -> String {
    let Checked { report, repair } = checked;
    let place =
        if report.tier.is_read_only() { format!(" in {}", report.path.display()) } else { String::new() };
    let hashed = format!("{}, {} hashed", files(report.files.len()), size(report.bytes_hashed));
    let found = if report.is_sound() { "ok" } else { "not ok" };
    let mended = match repair {
        Mended::NotNeeded | Mended::NotAsked | Mended::Repaired => "",
        Mended::Failed => "; not repaired",
        Mended::ReadOnly => "; not repaired, because its tier is read-only",
    };
    format!("{}{place}: {found} ({hashed}){mended}", report.model)
}

/// What a repair has done, after what it has found.
fn repaired(Checked { report, repair }: &Checked) -> Option<String> {
    if *repair != Mended::Repaired {
        return None;
    }
    let wrong = |file: &&FileReport| matches!(file.state, FileState::Corrupt { .. } | FileState::Missing);
    let edited = |file: &&FileReport| matches!(file.state, FileState::Modified);
    let count = |is_it: &dyn Fn(&&FileReport) -> bool| report.files.iter().filter(is_it).count();
    // An edit is replaced only where nothing else was wrong, or where that was asked for.
    let count = if report.is_sound() { count(&edited) } else { count(&wrong) };
    Some(format!("{}: repaired {}; ok now", report.model, files(count)))
}

/// How many files could not be checked, by reason.
fn unchecked(report: &VerifyReport) -> impl Iterator<Item = String> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &report.files {
        if let FileState::Unchecked { reason, .. } = &file.state {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    reasons.into_iter().map(|(reason, count)| format!("  unchecked  {}: {reason}", files(count)))
}
