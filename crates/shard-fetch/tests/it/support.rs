//! A hub with one model, a fetcher for its shards, and a record of everything that happens.

mod events;
mod locator;

use std::error::Error as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use local_hub::{FixtureFile, LocalHub, LocalHubBuilder, ModelFixture, PublishedModel};
use shard_fetch::{
    Client, Error, Expected, Fetcher, FetcherBuilder, FileRequest, KeepAlive, Locator, NetSettings,
    RetryPolicy,
};
use tempfile::TempDir;

pub(crate) use events::{Events, Seen};
pub(crate) use locator::HubLocator;

/// How long a test waits for what should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that a test of the fetcher needs.
pub(crate) struct Stage {
    pub(crate) hub: LocalHub,
    pub(crate) model: PublishedModel,
    pub(crate) dir: TempDir,
    pub(crate) events: Arc<Events>,
    pub(crate) locator: Arc<HubLocator>,
    pub(crate) builder: FetcherBuilder,
    pub(crate) net: NetSettings,
}

impl Stage {
    /// A model with these shards only, as LFS files.
    pub(crate) fn new(shards: &[(&str, u64)]) -> Self {
        Self::on(LocalHub::builder(), shards)
    }

    /// The same on a hub with other properties.
    pub(crate) fn on(hub: LocalHubBuilder, shards: &[(&str, u64)]) -> Self {
        let fixture = ModelFixture::without_files("user/model");
        let fixture = shards.iter().fold(fixture, |fixture, (path, size)| fixture.shard(path, *size));
        let hub = hub.files_in(env!("CARGO_TARGET_TMPDIR")).start();
        let model = hub.publish(&fixture);
        let locator = Arc::new(HubLocator::new(&hub, &model));
        Self {
            hub,
            model,
            dir: crate::scratch(),
            events: Arc::default(),
            locator,
            builder: Fetcher::builder().retry(quick()).synced(false),
            net: net_settings(),
        }
    }

    /// A locator that has not been asked yet.
    pub(crate) fn locator_of(hub: &LocalHub, model: &PublishedModel) -> Arc<HubLocator> {
        Arc::new(HubLocator::new(hub, model))
    }

    /// One shard, `a.bin`.
    pub(crate) fn one(size: u64) -> Self {
        Self::new(&[("a.bin", size)])
    }

    /// Changes the fetcher's settings.
    pub(crate) fn with(mut self, change: impl FnOnce(FetcherBuilder) -> FetcherBuilder) -> Self {
        self.builder = change(self.builder);
        self
    }

    /// Changes the settings of the HTTP client.
    pub(crate) fn with_net(mut self, change: impl FnOnce(&mut NetSettings)) -> Self {
        change(&mut self.net);
        self
    }

    /// A fetcher with the stage's settings and its own client.
    pub(crate) fn fetcher(&self) -> Fetcher {
        self.builder.clone().build(Client::new(self.net.clone()).unwrap())
    }

    /// The same hub and model for another test, with an empty folder and empty records.
    pub(crate) fn anew(self, settings: impl FnOnce(FetcherBuilder) -> FetcherBuilder) -> Self {
        self.hub.clear_faults();
        let locator = Self::locator_of(&self.hub, &self.model);
        let builder = settings(Fetcher::builder().synced(false));
        Self { dir: crate::scratch(), events: Arc::default(), locator, builder, net: net_settings(), ..self }
    }

    pub(crate) fn in_flight(self, files: usize) -> Self {
        self.with(|builder| builder.files_in_flight(NonZeroUsize::new(files).unwrap()))
    }

    pub(crate) fn destination(&self, path: &str) -> PathBuf {
        self.dir.path().join("done").join(path)
    }

    pub(crate) fn part(&self, path: &str) -> PathBuf {
        self.dir.path().join("parts").join(path)
    }

    pub(crate) fn request(&self, file: &FixtureFile) -> FileRequest {
        FileRequest {
            path: file.path.parse().unwrap(),
            expected: Expected {
                size: file.size,
                md5: Some(file.md5.parse().unwrap()),
                sha256: Some(file.sha256.parse().unwrap()),
            },
            part: self.part(&file.path),
            destination: self.destination(&file.path),
        }
    }

    pub(crate) fn requests(&self) -> Vec<FileRequest> {
        self.model.shards().map(|file| self.request(file)).collect()
    }

    /// Fetches these files with this locator, and checks the order of events.
    pub(crate) async fn fetch_from(
        &self,
        files: Vec<FileRequest>,
        locator: Arc<dyn Locator>,
        keep_alive: KeepAlive,
    ) -> Result<(), Error> {
        let fetcher = self.fetcher();
        let result = fetcher.fetch(files, locator, self.events.clone(), keep_alive).await;
        self.events.check_contract();
        if let Err(error) = &result {
            assert_nothing_secret(error);
        }
        result
    }

    /// Fetches all shards.
    pub(crate) async fn fetch(&self) -> Result<(), Error> {
        self.fetch_from(self.requests(), self.locator.clone(), Arc::new(())).await
    }

    /// Fetches all shards; they must arrive with the right bytes.
    pub(crate) async fn fetch_all(&self) {
        if let Err(error) = self.fetch().await {
            panic!("{}\n{}", chain(&error), self.hub.log());
        }
        for file in self.model.shards() {
            assert_eq!(std::fs::read(self.destination(&file.path)).unwrap(), file.bytes(), "{}", file.path);
            assert!(!self.part(&file.path).exists());
        }
    }

    /// Fetches all shards; this must fail and leave nothing at the destination of `a.bin`.
    pub(crate) async fn fetch_error(&self) -> Error {
        let error = self.fetch().await.unwrap_err();
        assert!(!self.destination("a.bin").exists());
        error
    }

    /// The `Range` headers that the data host received for a file, in order.
    pub(crate) fn ranges(&self, path: &str) -> Vec<String> {
        let log = self.hub.log().data().file(path);
        log.requests().iter().map(|request| request.range().unwrap_or("none").to_owned()).collect()
    }
}

/// The default settings, with a user agent whose requests the hub does not check, since the locator's
/// have no token either.
fn net_settings() -> NetSettings {
    let mut settings = NetSettings::default();
    "tester/1".clone_into(&mut settings.user_agent);
    settings
}

/// The default schedule with very short delays.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default().first_pause(Duration::from_millis(1))
}

/// The message and those of all causes.
pub(crate) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Nearly every request had a signed URL, which no message may contain.
fn assert_nothing_secret(error: &Error) {
    let shown = format!("{} {error:?}", chain(error));
    assert!(!shown.contains("Signature=") && !shown.contains("Key-Pair"), "{shown}");
}
