//! `mlc-weights store`: filling what many machines read.

use facade::env::Settings;
use facade::{
    Builder, Downloader, Event, ModelRef, Observer, PushOptions, Pushed, PushedName, Request, StoreError,
    StoreUrl,
};
use serde::Serialize;

use super::named;
use crate::arguments::{Progress as Shown, Store, StoreCommand, StorePush, Target};
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

pub(super) fn run(arguments: &Store, screen: Screen) -> Result<(), Failure> {
    match &arguments.command {
        StoreCommand::Init(arguments) => init(&arguments.target, screen),
        StoreCommand::Push(arguments) => push(arguments, screen),
    }
}

fn downloader(target: &Target) -> Result<Downloader, Failure> {
    let mut builder = Builder::from_env()?;
    if let Some(url) = &target.url {
        let url: Result<StoreUrl, StoreError> = url.parse();
        builder = builder.stores([url.map_err(facade::Error::from)?]);
    }
    if target.no_move {
        builder = builder.store_writes_in_place(true);
    }
    Ok(builder.build()?)
}

fn init(target: &Target, screen: Screen) -> Result<(), Failure> {
    let downloader = downloader(target)?;
    let display = Display::choose(Shown::None, screen);
    let engine = Engine::start()?;
    let nothing = Progress::unseen();
    let outcome = engine.run(downloader.init_store(), &nothing);
    engine.stop(display);
    let info = outcome?;
    if !screen.is_quiet() {
        let able = if info.conditional_put { "keeps" } else { "does not keep" };
        say(&[format!("the store is set up; it {able} two writers from overwriting each other")]);
    }
    Ok(())
}

/// Pushes one model after another; a failure does not keep the next one from being tried.
fn push(arguments: &StorePush, screen: Screen) -> Result<(), Failure> {
    let hub = Settings::from_env()?.endpoint;
    let requests = named::all(arguments.models.iter().map(|model| (None, named::request(model, &hub))))?;
    let downloader = downloader(&arguments.target)?;
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
            let outcome = self.engine.run(self.downloader.download(observed), &progress);
            progress.finish(&outcome);
            outcome?;
        }
        let lines = Lines { is_quiet: self.screen.is_quiet() };
        let pushing = self.downloader.push(request.observer(lines), self.options);
        self.engine.run(pushing, &Progress::unseen())
    }
}

/// A line for each file.
struct Lines {
    is_quiet: bool,
}

impl Observer for Lines {
    fn on_event(&self, event: &Event<'_>) {
        if let Event::Pushed { file, bytes, was_there, .. } = event
            && !self.is_quiet
        {
            let done = if *was_there { "there already" } else { "written" };
            say(&[format!("{file}: {done}, {}", size(*bytes))]);
        }
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
