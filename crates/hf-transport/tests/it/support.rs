//! A hub with one model, a client for it, and checks for every fetch.

mod listing;
mod plumbing;

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hf_transport::{
    Error, GitMetadata, HubClient, HubConfig, KeepAlive, MetadataRequest, MetadataSource as _, RepoSnapshot,
    ResolvedFile, Token,
};
use local_hub::{LocalHub, ModelFixture, PublishedModel};
use net::{Client, NetSettings};
use tempfile::TempDir;
use url_parse::ModelId;

pub(crate) use listing::listing;
pub(crate) use plumbing::Plumbing;

/// The model of most tests.
pub(crate) const ID: &str = "user/model";
/// The token that every client sends by default. No message may contain it.
pub(crate) const TOKEN: &str = "hf_s3cret";
/// How long a test waits for what should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// An idle time-out for silent servers; long enough to start git on a busy machine.
pub(crate) const IMPATIENT: Duration = Duration::from_millis(500);

/// Everything that a test needs.
pub(crate) struct Stage {
    pub(crate) hub: LocalHub,
    pub(crate) model: PublishedModel,
    config: HubConfig,
    net: NetSettings,
    /// Shared by all requests, since creating one reads the system's certificates.
    client: OnceLock<HubClient>,
    dir: TempDir,
    exports: AtomicUsize,
}

/// The result of a fetch, and where it is.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) snapshot: RepoSnapshot,
    pub(crate) tree: PathBuf,
}

/// A hub whose files are not in the system's temporary folder.
pub(crate) fn hub() -> LocalHub {
    LocalHub::builder().files_in(env!("CARGO_TARGET_TMPDIR")).start()
}

pub(crate) fn config(hub: &LocalHub) -> HubConfig {
    let mut config = HubConfig::new(hub.endpoint().parse().unwrap());
    config.token = Some(Token::new(TOKEN).unwrap());
    config
}

impl Stage {
    pub(crate) fn new(fixture: &ModelFixture) -> Self {
        Self::on(hub(), fixture)
    }

    pub(crate) fn on(hub: LocalHub, fixture: &ModelFixture) -> Self {
        let model = hub.publish(fixture);
        Self {
            config: config(&hub),
            net: NetSettings::default(),
            client: OnceLock::new(),
            hub,
            model,
            dir: crate::scratch(),
            exports: AtomicUsize::new(0),
        }
    }

    /// A typical model.
    pub(crate) fn usual() -> Self {
        Self::new(&ModelFixture::new(ID))
    }

    /// A repository with this one file.
    pub(crate) fn with_file(path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(&ModelFixture::without_files(ID).plain_file(path, bytes))
    }

    /// A model whose metadata does not fit into one network packet.
    pub(crate) fn wordy() -> Self {
        let words: Vec<String> = (0..20_000).map(|number| format!("word-{number}\n")).collect();
        Self::new(&ModelFixture::new(ID).plain_file("vocabulary.txt", words.concat()))
    }

    /// Changes the client's settings.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut HubConfig)) -> Self {
        self.set(change);
        self
    }

    /// The same for a stage that has been used: replaces the client.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut HubConfig)) {
        change(&mut self.config);
        self.client = OnceLock::new();
    }

    /// Changes the settings of the HTTP client.
    pub(crate) fn with_net(mut self, change: impl FnOnce(&mut NetSettings)) -> Self {
        self.set_net(change);
        self
    }

    /// The same for a stage that has been used.
    pub(crate) fn set_net(&mut self, change: impl FnOnce(&mut NetSettings)) {
        change(&mut self.net);
        self.client = OnceLock::new();
    }

    pub(crate) fn impatient(self) -> Self {
        self.with_net(|net| net.idle_timeout = IMPATIENT)
    }

    pub(crate) fn id(&self) -> ModelId {
        self.model.url.strip_prefix("HF://").unwrap().parse().unwrap()
    }

    /// Allows requests to the hub at once, although it asked for a wait.
    pub(crate) fn forget_waits(&mut self) {
        if self.gates().for_origin(&self.hub.endpoint()).remaining(std::time::Instant::now()).is_some() {
            self.set_net(|net| net.gates = net::Gates::default());
        }
    }

    /// The gates of all clients of this stage.
    pub(crate) fn gates(&self) -> &net::Gates {
        &self.net.gates
    }

    pub(crate) fn client(&self) -> HubClient {
        let client = || HubClient::new(Client::new(self.net.clone()).unwrap(), self.config.clone());
        self.client.get_or_init(client).clone()
    }

    pub(crate) fn plumbing(&self) -> Plumbing<'_> {
        Plumbing::new(&self.hub, ID)
    }

    /// A request with new empty folders.
    pub(crate) fn request(&self, revision: Option<&str>, keep_alive: KeepAlive) -> MetadataRequest {
        let number = self.exports.fetch_add(1, Ordering::Relaxed);
        let folder = |name: &str| {
            let folder = self.dir.path().join(format!("{name}-{number}"));
            std::fs::create_dir(&folder).unwrap();
            folder
        };
        let (scratch_parent, export_to) = (folder("scratch"), folder("export"));
        let revision = revision.map(|revision| revision.parse().unwrap());
        let mut request = MetadataRequest::new(self.id(), scratch_parent, export_to);
        (request.revision, request.keep_alive) = (revision, keep_alive);
        request
    }

    pub(crate) async fn fetch_request(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        let scratch = request.scratch_parent.clone();
        let outcome = GitMetadata::new(self.client()).fetch(request).await;
        if let Err(error) = &outcome {
            assert_nothing_secret(error);
        }
        self.check_folders(&scratch);
        outcome
    }

    /// Fetches a revision, and checks that only the export remains, on disk and in memory.
    pub(crate) async fn fetch_revision(&self, revision: Option<&str>) -> Result<Fetched, Error> {
        let held = Arc::new(());
        let request = self.request(revision, Arc::clone(&held) as KeepAlive);
        let tree = request.export_to.clone();
        let outcome = self.fetch_request(request).await;
        assert_eq!(Arc::strong_count(&held), 1, "a job goes on after the end of the fetch");
        Ok(Fetched { snapshot: outcome?, tree })
    }

    pub(crate) async fn fetch(&self) -> Result<Fetched, Error> {
        self.fetch_revision(None).await
    }

    /// Fetches the model; this must succeed.
    #[track_caller]
    pub(crate) fn fetch_whole(&self) -> impl Future<Output = Fetched> {
        let caller = std::panic::Location::caller();
        async move {
            let outcome = self.fetch().await;
            assert!(
                outcome.is_ok(),
                "at {caller}: {:?}\n{}",
                outcome.map_err(|error| chain(&error)),
                self.hub.log()
            );
            let fetched = outcome.unwrap();
            assert_eq!(fetched.snapshot.commit.to_string(), self.model.commit, "at {caller}");
            assert_eq!(fetched.listed(), self.expected_list(), "at {caller}");
            fetched
        }
    }

    /// Fetches the model; this must fail.
    pub(crate) async fn fetch_error(&self) -> Error {
        self.fetch().await.unwrap_err()
    }

    pub(crate) async fn locate(&self, path: &str) -> Result<ResolvedFile, Error> {
        self.locate_at(&self.model.commit, path).await
    }

    pub(crate) async fn locate_at(&self, commit: &str, path: &str) -> Result<ResolvedFile, Error> {
        let path = path.parse().unwrap();
        let outcome = self.client().locate_file(&self.id(), &commit.parse().unwrap(), &path).await;
        if let Err(error) = &outcome {
            assert_nothing_secret(error);
        }
        outcome
    }

    /// The files of the fixture as a snapshot lists them.
    fn expected_list(&self) -> Vec<(String, u64, bool)> {
        self.model.files.iter().map(|file| (file.path.clone(), file.size, file.lfs)).collect()
    }

    /// Nothing remains in scratch space, and nothing was written beside the folders of the requests.
    fn check_folders(&self, scratch: &Path) {
        assert!(!scratch.exists() || listing(scratch).is_empty(), "{:?}", listing(scratch).into_keys());
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name.starts_with("export-") || name.starts_with("scratch-"), "{name}");
        }
    }
}

impl Fetched {
    /// Path, size and "is in LFS" of the snapshot's files, sorted by path.
    pub(crate) fn listed(&self) -> Vec<(String, u64, bool)> {
        let files = self.snapshot.files.iter();
        let mut listed: Vec<_> = files
            .map(|file| (file.path.to_string(), file.size, file.kind != hf_transport::FileKind::Plain))
            .collect();
        listed.sort();
        listed
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.tree.join(path)).unwrap()
    }
}

/// An error and all its causes.
fn causes(error: &Error) -> impl Iterator<Item = &dyn StdError> {
    let first: Option<&dyn StdError> = Some(error);
    std::iter::successors(first, |error| (*error).source())
}

pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The message and those of all causes.
pub(crate) fn chain(error: &Error) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Every client sends a token, and many responses have signed URLs; no message may contain either.
pub(crate) fn assert_nothing_secret(error: &Error) {
    let shown: Vec<String> = causes(error).map(|error| format!("{error} {error:?} {error:#?}")).collect();
    let shown = shown.join(" ");
    for secret in ["s3cret", "Bearer", "Signature", "Key-Pair"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
