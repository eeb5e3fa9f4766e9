//! Cached models beside what the hub has today.

use facade::env::Settings;
use facade::{Cache, CommitId, Downloader, DownloaderBuilder, Model, Request};

use crate::arguments;
use crate::engine::Engine;
use crate::exit::{Failure, Status};
use crate::progress::{Display, Progress, Screen};

/// Hexadecimal digits of a commit, as git shows it.
const SHORT_COMMIT: usize = 7;

/// Asks the hub, and downloads.
pub(super) struct Hub {
    downloader: Downloader,
    display: Display,
    /// The setting that the policy comes from.
    policy_by: Option<&'static str>,
    /// Once something is asked.
    engine: Option<Engine>,
}

impl Hub {
    pub(super) fn from_env(screen: Screen) -> Result<Self, Failure> {
        let settings = Settings::from_env()?;
        let policy_by = settings.policy_variable;
        let downloader = DownloaderBuilder::from_settings(settings).build()?;
        let display = Display::choose(arguments::Progress::Auto, screen);
        Ok(Self { downloader, display, policy_by, engine: None })
    }

    pub(super) fn cache(&self) -> Cache {
        self.downloader.cache()
    }

    /// The commit that the model's name stands for, if the hub tells.
    pub(super) fn newest(&mut self, request: Request) -> Result<Option<CommitId>, Failure> {
        let (progress, request) = Progress::of(request, self.display);
        progress.watch();
        let newest = self.ask(&request, &progress);
        progress.clear();
        newest
    }

    /// Downloads the model, unless it is of the newest commit. `None` where it is.
    pub(super) fn bring_up_to_date(
        &mut self,
        request: Request,
        commit: Option<CommitId>,
        place: (usize, usize),
    ) -> Result<Option<Model>, Failure> {
        let (progress, request) = Progress::of_several(request.update(), self.display, place);
        progress.watch();
        match self.ask(&request, &progress) {
            Ok(newest) if commit.is_some() && newest == commit => {
                progress.clear();
                return Ok(None);
            }
            Ok(_) => {}
            Err(failure) => {
                progress.clear();
                return Err(failure);
            }
        }
        let outcome = Engine::started(&mut self.engine)?.run(self.downloader.download(request), &progress);
        progress.finish(&outcome);
        outcome.map(Some).map_err(|failure| failure.of_policy(self.policy_by))
    }

    fn ask(&mut self, request: &Request, progress: &Progress) -> Result<Option<CommitId>, Failure> {
        let engine = Engine::started(&mut self.engine)?;
        let newest = engine.run(self.downloader.newest_commit(request), progress);
        newest.map_err(|failure| failure.of_policy(self.policy_by))
    }

    /// Ends what an interrupted download has left running.
    pub(super) fn stop(self) {
        if let Some(engine) = self.engine {
            engine.stop(self.display);
        }
    }
}

/// Whether the next model would fail for the same reason.
pub(super) fn ends_all(failure: &Failure) -> bool {
    matches!(failure, Failure::Interrupted { .. } | Failure::Forbidden { .. })
        || Status::from(failure) == Status::Network
}

/// A commit for the eye; a dash for one that is not known.
pub(super) fn short(commit: Option<CommitId>) -> String {
    commit.map_or_else(|| "-".to_owned(), |commit| commit.to_string().chars().take(SHORT_COMMIT).collect())
}
