//! `mlc-weights store push`.

use facade::env::Settings;
use facade::stores::{PushOptions, Pushed, PushedName};
use facade::{Downloader, ModelRef, Request};
use serde::Serialize;

use super::super::named;
use super::stores::downloader;
use crate::arguments::{Progress as Shown, StorePush};
use crate::engine::Engine;
use crate::exit::{Failure, Status};
use crate::output::{JSON_VERSION, print_json, say};
use crate::progress::{Display, Progress, Screen};
use crate::report;
use crate::words::size;

/// What is printed with `--json`.
#[derive(Serialize)]
struct Document {
    version: u32,
    models: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
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
    let session = Session { downloader, engine: Engine::start()?, screen, options: options(arguments) };
    let (mut rows, mut first) = (Vec::new(), None);
    for request in requests {
        let model = request.model().clone();
        match session.push(request) {
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
    session.engine.stop(Display::choose(Shown::Auto, screen));
    if arguments.json {
        print_json(&Document { version: JSON_VERSION, models: rows })?;
    }
    Failure::after_reports(first)
}

fn options(arguments: &StorePush) -> PushOptions {
    let mut options = PushOptions::default();
    options.replace = arguments.replace;
    options.allow_private = arguments.allow_private;
    options
}

struct Session {
    downloader: Downloader,
    engine: Engine,
    screen: Screen,
    options: PushOptions,
}

impl Session {
    /// The download shows itself as any; then each file has a line.
    fn push(&self, request: Request) -> Result<Pushed, Failure> {
        let display = Display::choose(Shown::Auto, self.screen);
        let (progress, observed) = Progress::of(request.clone(), display);
        if self.downloader.cached(&observed)?.is_none() {
            progress.watch();
            // A store that cannot be written to is told before anything is downloaded.
            if let Err(failure) = self.engine.run(self.downloader.init_store(), &progress) {
                progress.clear();
                return Err(failure);
            }
            let outcome = self.engine.run(self.downloader.download(observed), &progress);
            progress.finish(&outcome);
            outcome?;
        }
        let (progress, observed) = Progress::of(request, display);
        progress.watch();
        let outcome = self.engine.run(self.downloader.push(observed, self.options), &progress);
        progress.clear();
        outcome
    }
}

fn lines(model: &ModelRef, pushed: &Pushed) -> Vec<String> {
    let Pushed { store, commit, files, bytes, files_there, bytes_there, .. } = pushed;
    let there = format!("{files_there} ({}) were there", size(*bytes_there));
    let mut lines = vec![format!(
        "{model} is in {store} at commit {commit}: {files} files ({}) written, {there}",
        size(*bytes)
    )];
    lines.extend(match pushed.name {
        PushedName::Later(later) => Some(format!(
            "  the store has commit {later} for this name, which was seen later and stays"
        )),
        PushedName::MovedOn(commit) => Some(format!(
            "  the name is not written, as the hub has commit {commit} for it by now: download it with --force, and push again"
        )),
        _ => None,
    });
    lines
}

fn row(model: &ModelRef, pushed: Pushed) -> Row {
    Row {
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
