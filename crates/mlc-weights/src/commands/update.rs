//! `mlc-weights update`, and how `list --outdated` and it compare cached models with what the hub has today.

use facade::cache::{Listing, ModelEntry};
use facade::env::Settings;
use facade::{Cache, CommitId, Downloader, DownloaderBuilder, Error, Model, ModelRef, Outcome, Request};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::Update;
use crate::engine::Engine;
use crate::exit::{Failure, Status};
use crate::named::{self, similar_to};
use crate::output::{JSON_VERSION, print, print_json, say};
use crate::progress::{Display, Progress, Screen};
use crate::report;
use crate::words::size;

/// What is printed with `--json`.
#[derive(Serialize)]
struct UpdateDocument {
    version: u32,
    models: Vec<Updated>,
}

/// What became of one model.
#[derive(Serialize)]
struct Updated {
    model: String,
    path: String,
    outcome: Change,
    #[serde(serialize_with = "as_text")]
    commit_before: Option<CommitId>,
    #[serde(serialize_with = "as_text")]
    commit: Option<CommitId>,
    bytes_received: u64,
    bytes_from_store: u64,
    failure: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// It is of the newest commit.
    Current,
    /// It is now.
    Updated,
    /// Its revision is a commit.
    Pinned,
    /// Another program has put it there.
    Unknown,
    /// It is a link.
    Link,
    Failed,
}

/// Updates one model after another; a failure does not keep the next one from being tried, unless that would fail too.
pub(super) fn run(arguments: &Update, screen: Screen) -> Result<(), Failure> {
    let named = named::models(&arguments.models)?;
    let mut hub = Hub::from_env(screen)?;
    let cache = hub.cache();
    let listing = cache.list()?;
    let own = listing.models.iter().filter(|entry| !entry.tier.is_read_only());
    let wanted: Vec<Result<&ModelEntry, Failure>> = if named.is_empty() {
        own.map(Ok).collect()
    } else {
        named.iter().map(|model| find(&cache, &listing, model)).collect()
    };
    if wanted.is_empty() && !screen.is_quiet() {
        say(&["there are no models to update in the cache"]);
    }
    let (mut done, mut first) = (Vec::new(), None);
    let models = wanted.len();
    for (entry, number) in wanted.into_iter().zip(1..) {
        let updated =
            entry.and_then(|entry| update(&mut hub, entry, named.is_empty(), (number, models), &mut done));
        if !arguments.json && updated.is_ok() {
            print(&done.last().map(line).into_iter().collect::<Vec<_>>())?;
        }
        if let Err(failure) = updated {
            report::failure(&failure);
            first.get_or_insert(Status::from(&failure));
            if ends_all(&failure) {
                break;
            }
        }
    }
    hub.stop();
    if arguments.json {
        print_json(&UpdateDocument { version: JSON_VERSION, models: done })?;
    }
    Failure::after_reports(first)
}

/// The copy of the writable tier.
pub(super) fn find<'a>(
    cache: &Cache,
    listing: &'a Listing,
    model: &ModelRef,
) -> Result<&'a ModelEntry, Failure> {
    let mut copies = listing.models.iter().filter(|entry| entry.model == *model);
    let (own, other) = (copies.clone().find(|entry| !entry.tier.is_read_only()), copies.next());
    match (own, other) {
        (Some(own), _) => Ok(own),
        (None, Some(other)) => {
            Err(Error::OnlyReadOnly { model: model.clone(), tier: other.tier.path().to_owned() }.into())
        }
        (None, None) => {
            let similar = similar_to(model, cache);
            Err(Failure::Unknown { model: model.clone(), looked_in: cache.places(model), similar })
        }
    }
}

/// What became of the model is noted also when it failed.
fn update(
    hub: &mut Hub,
    entry: &ModelEntry,
    is_one_of_all: bool,
    place: (usize, usize),
    done: &mut Vec<Updated>,
) -> Result<(), Failure> {
    let mut updated = Updated {
        model: entry.model.to_string(),
        path: entry.path.to_string_lossy().into_owned(),
        outcome: Change::Current,
        commit_before: entry.commit,
        commit: entry.commit,
        bytes_received: 0,
        bytes_from_store: 0,
        failure: None,
    };
    let mut failure = None;
    if entry.is_pinned() {
        updated.outcome = Change::Pinned;
    } else if is_one_of_all && entry.link_target.is_some() {
        updated.outcome = Change::Link;
    } else if is_one_of_all && entry.commit.is_none() {
        updated.outcome = Change::Unknown;
    } else {
        let commit = entry.commit.filter(|_| entry.is_whole());
        match hub.bring_up_to_date(Request::from(entry.model.clone()), commit, place) {
            Ok(None) => {}
            Ok(Some(model)) => {
                (updated.outcome, updated.commit) = (Change::Updated, model.commit);
                if let Outcome::Downloaded { bytes_received, bytes_from_store, bytes_copied, .. } =
                    model.outcome
                {
                    updated.bytes_received = bytes_received;
                    updated.bytes_from_store = bytes_from_store + bytes_copied;
                }
            }
            Err(error) => {
                updated.outcome = Change::Failed;
                updated.failure = Some(report::members(&error));
                failure = Some(error);
            }
        }
    }
    done.push(updated);
    failure.map_or(Ok(()), Err)
}

fn line(updated: &Updated) -> String {
    let Updated { model, outcome, commit_before, commit, bytes_received, .. } = updated;
    match outcome {
        Change::Current => format!("{model}: up to date ({})", short(*commit)),
        Change::Updated if commit_before == commit => {
            format!("{model}: completed at {}, {} downloaded", short(*commit), size(*bytes_received))
        }
        Change::Updated => {
            let (before, now) = (short(*commit_before), short(*commit));
            format!("{model}: updated from {before} to {now}, {} downloaded", size(*bytes_received))
        }
        Change::Pinned => format!("{model}: pinned to a commit, nothing to update"),
        Change::Unknown => {
            format!("{model}: skipped, because mlc-weights did not download it; name it to update it")
        }
        Change::Link => format!("{model}: skipped, because it is a link"),
        Change::Failed => format!("{model}: not updated"),
    }
}

#[expect(clippy::ref_option, reason = "serde hands the field over like this")]
fn as_text<S: serde::Serializer>(commit: &Option<CommitId>, serializer: S) -> Result<S::Ok, S::Error> {
    commit.map(|commit| commit.to_string()).serialize(serializer)
}

/// Hexadecimal digits of a commit, as git shows it.
const SHORT_COMMIT: usize = 7;

/// Asks the hub, and downloads.
pub(super) struct Hub {
    downloader: Downloader,
    display: Display,
    /// The setting that the policy comes from.
    policy_by: Option<&'static str>,
    /// Started with the first request.
    engine: Option<Engine>,
}

impl Hub {
    pub(super) fn from_env(screen: Screen) -> Result<Self, Failure> {
        let settings = Settings::from_env()?;
        let policy_by = settings.policy_variable;
        let downloader = DownloaderBuilder::from_settings(settings).build()?;
        let display = Display::on(screen);
        Ok(Self { downloader, display, policy_by, engine: None })
    }

    pub(super) fn cache(&self) -> Cache {
        self.downloader.cache()
    }

    /// The commit that the model's name refers to, if the hub says so.
    pub(super) fn newest(&mut self, request: Request) -> Result<Option<CommitId>, Failure> {
        let (progress, request) = Progress::of(request, self.display);
        progress.watch();
        let newest = self.ask(&request, &progress);
        progress.clear();
        newest
    }

    /// Downloads the model, unless it is of the newest commit already; then `None`.
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

/// A commit as shown to people; a dash for an unknown one.
pub(super) fn short(commit: Option<CommitId>) -> String {
    commit.map_or_else(|| "-".to_owned(), |commit| commit.to_string().chars().take(SHORT_COMMIT).collect())
}
