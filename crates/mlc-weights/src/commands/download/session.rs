//! Several models, one after another.

use std::time::Instant;

use facade::{Downloader, Model, Outcome, Request};

use super::document::{Document, Row};
use crate::engine::Engine;
use crate::exit::Failure;
use crate::output::{print_json, print_path};
use crate::progress::{Display, Progress, Summary};

pub(super) struct Session {
    downloader: Downloader,
    display: Display,
    /// The setting that the policy comes from.
    policy_by: Option<&'static str>,
    /// Once something is to be downloaded.
    engine: Option<Engine>,
    began: Instant,
    summary: Summary,
    /// What became of each model.
    rows: Vec<Row>,
}

impl Session {
    pub(super) fn new(
        downloader: Downloader,
        display: Display,
        policy_by: Option<&'static str>,
        models: usize,
    ) -> Self {
        let (began, summary) = (Instant::now(), Summary::of(models));
        Self { downloader, display, policy_by, engine: None, began, summary, rows: Vec::new() }
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
            let printed = got.and_then(|model| if as_json { Ok(()) } else { print_path(&model.path) });
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

    fn get(&mut self, request: Request) -> Result<Model, Failure> {
        let (began, requested) = (Instant::now(), request.model().clone());
        let (progress, request) = Progress::of(request, self.display);
        let outcome = match self.downloader.cached(&request) {
            Ok(Some(model)) => Ok(model),
            Ok(None) => {
                progress.watch();
                self.download(request, &progress)
            }
            Err(error) => Err(Failure::from(error).of_policy(self.policy_by)),
        };
        progress.finish(&outcome);
        let model = outcome.map_err(|failure| self.with_what_is_kept(failure, &progress));
        let (bytes, took) = (progress.bytes(), began.elapsed());
        self.rows.push(match &model {
            Ok(model) => Row::there(&requested, model, bytes, took),
            Err(failure) => Row::failed(&requested, failure, bytes, took),
        });
        let model = model?;
        if let Outcome::Downloaded { bytes_received, .. } = model.outcome {
            self.summary.bytes += bytes_received;
        }
        self.summary.done += 1;
        Ok(model)
    }

    /// What is kept is known when nothing is at work any more.
    fn with_what_is_kept(&mut self, failure: Failure, progress: &Progress) -> Failure {
        if !matches!(failure, Failure::Interrupted { .. }) {
            return failure;
        }
        if let Some(engine) = self.engine.take() {
            engine.stop(self.display);
        }
        Failure::Interrupted { kept: progress.kept() }
    }

    fn download(&mut self, request: Request, progress: &Progress) -> Result<Model, Failure> {
        Engine::started(&mut self.engine)?.run(self.downloader.download(request), progress)
    }
}
