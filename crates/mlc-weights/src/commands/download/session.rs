//! Several models, one after another, and what `--json` prints of them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use facade::cache::ExportMode;
use facade::{Downloader, MetadataOrigin, Model, ModelRef, Proof, Request};
use serde::Serialize;
use serde_json::Value;

use crate::checking::Checking;
use crate::engine::Engine;
use crate::exit::Failure;
use crate::output::{JSON_VERSION, print_json, print_path, rounded};
use crate::progress::{BytesBySource, Display, Progress, Screen, Summary};
use crate::report;

pub(super) struct Session<'a> {
    downloader: Downloader,
    display: Display,
    /// The setting that the policy comes from.
    policy_by: Option<&'static str>,
    /// Started with the first download.
    engine: Option<Engine>,
    began: Instant,
    summary: Summary,
    /// Where else the model is to be put.
    target: Option<(&'a Path, ExportMode)>,
    checking: Option<Checking>,
    /// What became of each model.
    rows: Vec<DownloadRow>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        downloader: Downloader,
        display: Display,
        policy_by: Option<&'static str>,
        models: usize,
    ) -> Self {
        let (began, summary) = (Instant::now(), Summary::of(models));
        Self {
            downloader,
            display,
            policy_by,
            engine: None,
            began,
            summary,
            target: None,
            checking: None,
            rows: Vec::new(),
        }
    }

    /// The same, which puts the model there, too.
    pub(super) fn putting_it(mut self, target: Option<(&'a Path, ExportMode)>, screen: Screen) -> Self {
        self.checking = target.map(|_| Checking::on(screen));
        self.target = target;
        self
    }

    /// Gets one model after another. Each path is printed as soon as the model is there, or one document at the end. After
    /// a failure the next model is tried, unless it was an interruption, or the path could not be printed.
    ///
    /// # Errors
    /// The first failure of all; like every other it has been reported already.
    pub(super) fn run(
        mut self,
        mut requests: impl Iterator<Item = Request>,
        as_json: bool,
    ) -> Result<(), Failure> {
        let mut first = None;
        for request in requests.by_ref() {
            let model = request.model().clone();
            let got = self.get(request);
            let printed = got.and_then(|path| if as_json { Ok(()) } else { print_path(&path) });
            let failure = match printed {
                Ok(()) => continue,
                Err(failure) => failure,
            };
            let ends = matches!(failure, Failure::Interrupted { .. } | Failure::Output(_));
            let status = self.display.reported(Some(&model), &failure);
            first.get_or_insert(status);
            self.summary.failed.push(model);
            if ends {
                break;
            }
        }
        self.summary.elapsed = self.began.elapsed();
        if let Err(failure) = self.fill_store() {
            first.get_or_insert(self.display.reported(None, &failure));
        }
        // Before the summary, so that nothing is running any more when that is printed.
        if let Some(engine) = self.engine.take() {
            engine.stop(self.display);
        }
        self.display.sum_up(&self.summary);
        if as_json {
            self.rows.extend(requests.map(|request| DownloadRow::not_tried(request.model())));
            print_json(&DownloadDocument::new(self.rows, self.began.elapsed()))?;
        }
        Failure::after_reports(first)
    }

    /// Waits until the store has what was downloaded. It is no failure if it cannot be filled: the models are there.
    fn fill_store(&self) -> Result<(), Failure> {
        let Some(engine) = self.engine.as_ref().filter(|engine| !engine.is_interrupted()) else {
            return Ok(());
        };
        if self.downloader.is_filling() {
            self.display.finishing("filling the store; press Ctrl-C to stop waiting");
        }
        let filling = async { Ok(self.downloader.filled().await) };
        for filled in engine.run(filling, &Progress::unseen())? {
            self.display.filled(&filled);
        }
        Ok(())
    }

    /// Where the model is.
    fn get(&mut self, request: Request) -> Result<PathBuf, Failure> {
        let (began, requested) = (Instant::now(), request.model().clone());
        let (progress, request) =
            Progress::of_several(request, self.display, (self.summary.tried() + 1, self.summary.models));
        let outcome = match self.downloader.cached(&request) {
            Ok(Some(model)) => Ok(model),
            Ok(None) => self.check_target().and_then(|()| {
                progress.watch();
                self.download(request, &progress)
            }),
            Err(error) => Err(Failure::from(error).of_policy(self.policy_by)),
        };
        progress.finish(&outcome);
        let outcome = outcome.map_err(|failure| self.with_what_is_kept(failure, &progress));
        let bytes = progress.bytes();
        self.summary.bytes += bytes.hub + bytes.store;
        let placed = outcome.and_then(|model| Ok((self.put(&requested)?, model)));
        let took = began.elapsed();
        self.rows.push(match &placed {
            Ok((to, model)) => DownloadRow::there(&requested, model, bytes, took).put(to.as_deref()),
            Err(failure) => DownloadRow::failed(&requested, failure, bytes, took),
        });
        let (to, model) = placed?;
        self.summary.done += 1;
        Ok(to.unwrap_or(model.path))
    }

    /// Refuses a target that cannot take the model, before the download.
    fn check_target(&self) -> Result<(), Failure> {
        let Some((to, mode)) = self.target else { return Ok(()) };
        Ok(self.downloader.cache().check_export(to, mode)?)
    }

    /// Puts the model where it is wanted.
    fn put(&mut self, model: &ModelRef) -> Result<Option<PathBuf>, Failure> {
        let Some((to, mode)) = self.target else { return Ok(None) };
        // Half a tree is removed when this is interrupted.
        let engine = Engine::started(&mut self.engine)?;
        let checking = &mut self.checking;
        let exported = self.downloader.cache().export(model, to, mode, |event| {
            if let Some(checking) = checking {
                checking.on_event(event);
            }
            if engine.is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Some(checking) = checking {
            checking.end();
        }
        match exported {
            Err(_) if engine.is_interrupted() => Err(Failure::Interrupted { kept: None, has_begun: true }),
            exported => Ok(Some(exported?.path)),
        }
    }

    /// How much is kept is known when nothing is running any more.
    fn with_what_is_kept(&mut self, failure: Failure, progress: &Progress) -> Failure {
        if !matches!(failure, Failure::Interrupted { .. }) {
            return failure;
        }
        if let Some(engine) = self.engine.take() {
            engine.stop(self.display);
        }
        Failure::Interrupted { kept: progress.kept(), has_begun: progress.has_begun() }
    }

    fn download(&mut self, request: Request, progress: &Progress) -> Result<Model, Failure> {
        Engine::started(&mut self.engine)?.run(self.downloader.download(request), progress)
    }
}

#[derive(Serialize)]
struct DownloadDocument {
    version: u32,
    models: Vec<DownloadRow>,
    seconds: f64,
}

/// What became of a model. All have the same members.
#[derive(Serialize)]
struct DownloadRow {
    model: String,
    /// `cached`, `downloaded`, `failed` or `not_tried`.
    outcome: &'static str,
    path: Option<String>,
    /// Where `--to` has put it.
    to: Option<String>,
    commit: Option<String>,
    proof: Option<&'static str>,
    metadata: Option<&'static str>,
    bytes: BytesBySource,
    seconds: f64,
    failure: Option<Value>,
}

impl DownloadDocument {
    fn new(models: Vec<DownloadRow>, took: Duration) -> Self {
        Self { version: JSON_VERSION, models, seconds: rounded(took) }
    }
}

impl DownloadRow {
    fn there(requested: &ModelRef, model: &Model, bytes: BytesBySource, took: Duration) -> Self {
        let outcome = if model.outcome == facade::Outcome::Cached { "cached" } else { "downloaded" };
        Self {
            path: Some(model.path.to_string_lossy().into_owned()),
            commit: model.commit.map(|commit| commit.to_string()),
            proof: model.proof.map(Proof::as_str),
            metadata: model.metadata.map(MetadataOrigin::as_str),
            bytes: bytes.ended(model.outcome),
            ..Self::about(requested, outcome, took)
        }
    }

    fn failed(requested: &ModelRef, failure: &Failure, bytes: BytesBySource, took: Duration) -> Self {
        let failure = Some(report::members(failure));
        Self { bytes, failure, ..Self::about(requested, "failed", took) }
    }

    /// The same, which was put there.
    fn put(mut self, to: Option<&Path>) -> Self {
        self.to = to.map(|to| to.to_string_lossy().into_owned());
        self
    }

    /// Nothing was done, since the command ended early.
    fn not_tried(requested: &ModelRef) -> Self {
        Self::about(requested, "not_tried", Duration::ZERO)
    }

    fn about(requested: &ModelRef, outcome: &'static str, took: Duration) -> Self {
        Self {
            model: requested.to_string(),
            outcome,
            path: None,
            to: None,
            commit: None,
            proof: None,
            metadata: None,
            bytes: BytesBySource::default(),
            seconds: rounded(took),
            failure: None,
        }
    }
}
