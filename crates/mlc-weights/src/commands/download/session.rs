//! Several models, one after another.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use facade::cache::ExportMode;
use facade::{Downloader, Model, ModelRef, Request};

use super::document::{Document, Row};
use crate::checking::Checking;
use crate::engine::Engine;
use crate::exit::Failure;
use crate::output::{print_json, print_path};
use crate::progress::{Display, Progress, Screen, Summary};

pub(super) struct Session<'a> {
    downloader: Downloader,
    display: Display,
    /// The setting that the policy comes from.
    policy_by: Option<&'static str>,
    /// Once something is to be downloaded.
    engine: Option<Engine>,
    began: Instant,
    summary: Summary,
    /// Where the model is wanted, too.
    target: Option<(&'a Path, ExportMode)>,
    checking: Option<Checking>,
    /// What became of each model.
    rows: Vec<Row>,
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

    /// Gets one model after another. Each path is printed as soon as the model is there, or one document at the end; a failure does not
    /// keep the next one from being tried, unless it is an interruption, or nobody can be told a path.
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
        // Before the last word, so that nothing is at work any more when it is said.
        if let Some(engine) = self.engine.take() {
            engine.stop(self.display);
        }
        self.display.sum_up(&self.summary);
        if as_json {
            self.rows.extend(requests.map(|request| Row::not_tried(request.model())));
            print_json(&Document::new(self.rows, self.began.elapsed()))?;
        }
        Failure::after_reports(first)
    }

    /// Waits until the store has what was downloaded. One that cannot be filled is no failure: the models are there.
    fn fill_store(&self) -> Result<(), Failure> {
        let Some(engine) = self.engine.as_ref().filter(|engine| !engine.is_interrupted()) else {
            return Ok(());
        };
        if self.downloader.is_filling() {
            self.display.finishing("filling the store; interrupt to leave at once");
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
            Ok((to, model)) => Row::there(&requested, model, bytes, took).put(to.as_deref()),
            Err(failure) => Row::failed(&requested, failure, bytes, took),
        });
        let (to, model) = placed?;
        self.summary.done += 1;
        Ok(to.unwrap_or(model.path))
    }

    /// What keeps the model from being put where it is wanted is told before the download.
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

    /// What is kept is known when nothing is at work any more.
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
