//! What most tests need: a hub, a home, and a downloader between them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use facade::{Downloader, DownloaderBuilder, Error, Event, Model, Observer, Outcome, Request, RetryPolicy};
use local_hub::{LocalHub, LocalHubBuilder, ModelFixture, PublishedModel};
pub(crate) use local_hub::{entry_in, files_below, lay_out};
use tempfile::TempDir;

/// A hub and an empty cache, independent of the test's environment.
pub(crate) struct World {
    pub(crate) hub: LocalHub,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(LocalHub::start())
    }

    pub(crate) fn on(hub: LocalHub) -> Self {
        Self { hub, folder: temporary_folder() }
    }

    /// A world whose hub serves one model.
    pub(crate) fn with(fixture: &ModelFixture) -> (Self, PublishedModel) {
        let world = Self::new();
        let model = world.hub.publish(fixture);
        (world, model)
    }

    /// The same with a hub of other properties.
    pub(crate) fn around(hub: LocalHubBuilder, fixture: &ModelFixture) -> (Self, PublishedModel) {
        let world = Self { hub: hub.start(), folder: temporary_folder() };
        let model = world.hub.publish(fixture);
        (world, model)
    }

    /// The cache's home. It does not exist before something is written to it.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A path beside the home.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The model's place in the writable tier.
    pub(crate) fn entry(&self, model: &PublishedModel) -> PathBuf {
        entry_in(&self.home().join("model_weights"), model)
    }

    /// Settings for tests: this hub, this home, short pauses.
    pub(crate) fn builder(&self) -> DownloaderBuilder {
        Downloader::builder(self.home())
            .endpoint(self.hub.endpoint().parse().unwrap())
            .retry(quick())
            .idle_timeout(Duration::from_secs(5))
    }

    pub(crate) fn downloader(&self) -> Downloader {
        self.builder().build().unwrap()
    }

    pub(crate) async fn download(&self, model: &PublishedModel) -> Result<Model, Error> {
        self.downloader().download(request(model)).await
    }

    /// Everything below the cache's private folder.
    pub(crate) fn private_files(&self) -> Vec<PathBuf> {
        files_below(&self.home()).into_iter().filter(|path| is_private(path)).collect()
    }

    /// Everything below the home, outside the cache's private folder.
    pub(crate) fn visible_files(&self) -> Vec<PathBuf> {
        files_below(&self.home()).into_iter().filter(|path| !is_private(path)).collect()
    }
}

pub(crate) fn request(model: &PublishedModel) -> Request {
    model.url.parse().unwrap()
}

/// The default number of attempts, with short pauses.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default().first_pause(Duration::from_millis(1)).max_pause(Duration::from_millis(10))
}

#[expect(clippy::disallowed_methods, reason = "tests have no folder of their own to begin with")]
pub(crate) fn temporary_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn is_private(path: &Path) -> bool {
    path.components().any(|component| component.as_os_str() == ".mlc-weights")
}

/// Records the events of a download.
#[derive(Clone, Default)]
pub(crate) struct Recorded {
    /// The events as `Debug` shows them.
    events: Arc<Mutex<Vec<String>>>,
}

impl Recorded {
    /// How many events contain all of these words.
    pub(crate) fn count(&self, words: &[&str]) -> usize {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| words.iter().all(|word| event.contains(word))).count()
    }
}

impl Observer for Recorded {
    fn on_event(&self, event: &Event<'_>) {
        self.events.lock().unwrap().push(format!("{event:?}"));
    }
}

/// Of a download, the bytes that came over the network, those of them that a store gave, and those that were copied.
pub(crate) fn download_bytes(model: &Model) -> Option<[u64; 3]> {
    match model.outcome {
        Outcome::Downloaded { bytes_received, bytes_from_store, bytes_copied, .. } => {
            Some([bytes_received, bytes_from_store, bytes_copied])
        }
        _ => None,
    }
}

/// Whether a model came from the cache.
pub(crate) fn is_cached(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Cached)
}

/// How long a test waits for what must happen; far longer than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
