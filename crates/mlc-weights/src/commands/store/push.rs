//! `mlc-weights store push`.

use facade::env::Settings;
use facade::stores::{PushOptions, Pushed, PushedName};
use facade::{Downloader, ModelRef, Request};
use serde::Serialize;

use super::init::downloader;
use crate::arguments::StorePush;
use crate::engine::Engine;
use crate::exit::{Failure, Status};
use crate::named;
use crate::output::{JSON_VERSION, print_json, say};
use crate::progress::{Display, Progress, Screen};
use crate::report;
use crate::words::{counted, size};

/// What is printed with `--json`.
#[derive(Serialize)]
struct PushDocument {
    version: u32,
    models: Vec<PushRow>,
}

#[derive(Serialize)]
struct PushRow {
    model: String,
    commit: String,
    store: String,
    files_written: u64,
    bytes_written: u64,
    files_there: u64,
    bytes_there: u64,
    /// `written`, `later`, `moved_on`, or null where a full commit was asked for.
    name: Option<&'static str>,
}

/// Pushes one model after another; a failure does not keep the next one from being tried.
pub(super) fn run(arguments: &StorePush, screen: Screen) -> Result<(), Failure> {
    let hub = Settings::from_env()?.endpoint;
    let requests = named::all(arguments.models.iter().map(|model| (None, named::request(model, &hub))))?;
    let downloader = downloader(arguments.target.url.as_deref(), arguments.target.no_move)?;
    let pusher = Pusher { downloader, engine: Engine::start()?, screen, options: options(arguments) };
    let (mut rows, mut first) = (Vec::new(), None);
    for request in requests {
        let model = request.model().clone();
        match pusher.push(request) {
            Ok(pushed) => {
                if !screen.is_quiet() {
                    say(&lines(&model, &pushed));
                }
                rows.push(row(&model, pushed));
            }
            Err(failure) => {
                report::failure(&failure);
                first.get_or_insert(Status::from(&failure));
                if matches!(failure, Failure::Interrupted { .. }) {
                    break;
                }
            }
        }
    }
    pusher.engine.stop(Display::on(screen));
    if arguments.json {
        print_json(&PushDocument { version: JSON_VERSION, models: rows })?;
    }
    Failure::after_reports(first)
}

fn options(arguments: &StorePush) -> PushOptions {
    let mut options = PushOptions::default();
    options.replace = arguments.replace;
    options.allow_private = arguments.allow_private;
    options
}

struct Pusher {
    downloader: Downloader,
    engine: Engine,
    screen: Screen,
    options: PushOptions,
}

impl Pusher {
    /// Each file has a line.
    fn push(&self, request: Request) -> Result<Pushed, Failure> {
        let (progress, request) = Progress::of(request, Display::on(self.screen));
        let outcome = self.push_shown(request, &progress);
        progress.clear();
        outcome
    }

    fn push_shown(&self, request: Request, progress: &Progress) -> Result<Pushed, Failure> {
        progress.watch();
        if self.downloader.cached(&request)?.is_none() {
            // A store that cannot be written to is an error before anything is downloaded.
            self.engine.run(self.downloader.init_store(), progress)?;
        }
        self.engine.run(self.downloader.push(request, self.options), progress)
    }
}

fn lines(model: &ModelRef, pushed: &Pushed) -> Vec<String> {
    let Pushed { store, commit, files, bytes, files_there, bytes_there, .. } = pushed;
    let there = format!("{files_there} ({}) already there", size(*bytes_there));
    let written = format!("{} ({}) written", counted(*files, "file"), size(*bytes));
    let mut lines = vec![format!("{model} is in {store} at commit {commit}: {written}, {there}")];
    lines.extend(match pushed.name {
        PushedName::Later(later) => Some(format!(
            "  the name was not changed: the store has the more recent commit {later} for it"
        )),
        PushedName::MovedOn(commit) => Some(format!(
            "  the name was not written: the hub now has commit {commit} for it; run `mlc-weights update`, then push again"
        )),
        _ => None,
    });
    lines
}

fn row(model: &ModelRef, pushed: Pushed) -> PushRow {
    PushRow {
        model: model.to_string(),
        commit: pushed.commit.to_string(),
        store: pushed.store,
        files_written: pushed.files,
        bytes_written: pushed.bytes,
        files_there: pushed.files_there,
        bytes_there: pushed.bytes_there,
        name: match pushed.name {
            PushedName::Written => Some("written"),
            PushedName::Later(_) => Some("later"),
            PushedName::MovedOn(_) => Some("moved_on"),
            _ => None,
        },
    }
}
