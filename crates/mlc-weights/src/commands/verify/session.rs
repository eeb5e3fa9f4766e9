//! Several models, one after another.

use std::ops::ControlFlow;

use facade::cache::VerifyReport;
use facade::{Cache, Downloader, ModelRef, Repair, Request};
use serde::Serialize;

use super::super::named;
use crate::arguments;
use crate::checking::Checking;
use crate::engine::Engine;
use crate::exit::Failure;
use crate::progress::{Display, Progress, Screen};

/// What became of one copy of a model.
#[derive(Serialize)]
pub(super) struct Checked {
    #[serde(flatten)]
    pub(super) report: VerifyReport,
    pub(super) repair: Mended,
}

/// Whether a copy was repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mended {
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
    pub(super) fn is_bad(&self) -> bool {
        !self.report.is_sound() && self.repair != Mended::Repaired
    }
}

pub(super) struct Session {
    downloader: Downloader,
    cache: Cache,
    repair: Option<Repair>,
    display: Display,
    checking: Checking,
    /// Once something is to be downloaded.
    engine: Option<Engine>,
}

impl Session {
    pub(super) fn new(downloader: Downloader, repair: Option<Repair>, screen: Screen) -> Self {
        let (cache, checking) = (downloader.cache(), Checking::on(screen));
        let display = Display::choose(arguments::Progress::Auto, screen);
        Self { downloader, cache, repair, display, checking, engine: None }
    }

    /// Verifies all copies of a model, and repairs what is to be repaired. What was found out is worth telling
    /// also when something failed then.
    pub(super) fn check(
        &mut self,
        model: &ModelRef,
        place: (usize, usize),
    ) -> (Vec<Checked>, Option<Failure>) {
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
    pub(super) fn stop(self) {
        if let Some(engine) = self.engine {
            engine.stop(self.display);
        }
    }
}
