//! Helpers for the tests of all kinds of stores.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use net::{Client, Hop, NetSettings, Request};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use url_parse::{CommitId, Endpoint, ModelId, Revision, causes};
use weight_store::{Blob, BlobId, BlobPlace, Error, OnRead, RefName, RefRecord, Store, StoreSettings};

/// A model, and files to be put into stores.
pub(crate) struct Stage {
    pub(crate) folder: TempDir,
    hub: Endpoint,
    model: ModelId,
    revision: Revision,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            hub: Endpoint::default(),
            model: ModelId::new("mlc-ai", "Tiny-q4f16_1-MLC").unwrap(),
            revision: "refs/pr/1".parse().unwrap(),
        }
    }

    pub(crate) fn name(&self) -> RefName<'_> {
        RefName { hub: &self.hub, model: &self.model, revision: Some(&self.revision) }
    }

    pub(crate) fn blob(&self, content: &[u8]) -> Blob {
        let id = id_of(content);
        let file = self.folder.path().join(id.to_string());
        std::fs::write(&file, content).unwrap();
        Blob { id, size: content.len() as u64, file, on_read: OnRead::default() }
    }

    /// A blob whose file has other bytes of the same length.
    pub(crate) fn mistaken(&self, content: &[u8]) -> Blob {
        let blob = Blob { file: self.folder.path().join("mistaken"), ..self.blob(content) };
        let other: Vec<u8> = content.iter().map(|byte| byte ^ 1).collect();
        std::fs::write(&blob.file, other).unwrap();
        blob
    }
}

pub(crate) fn id_of(content: &[u8]) -> BlobId {
    BlobId::from_bytes(Sha256::digest(content).into())
}

pub(crate) fn client() -> Client {
    let mut settings = NetSettings::default();
    // Other servers sync what they write, and may be slow on a busy machine.
    settings.idle_timeout = Duration::from_secs(60);
    Client::new(settings).unwrap()
}

pub(crate) fn open(url: &str, settings: &StoreSettings) -> Store {
    Store::open(url.parse().unwrap(), settings, &client()).unwrap()
}

/// Settings with these variables only.
#[cfg(all(feature = "s3", feature = "gcs", feature = "azure"))]
pub(crate) fn settings_of<T: Into<String>>(variables: impl IntoIterator<Item = (T, T)>) -> StoreSettings {
    let mut settings = StoreSettings::default();
    settings.variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    settings
}

pub(crate) fn in_folder(folder: &Path) -> Store {
    let url = url_parse::Url::from_file_path(folder).unwrap();
    open(url.as_str(), &StoreSettings::default())
}

pub(crate) fn record(commit: u8, seen_at: SystemTime) -> RefRecord {
    let commit = CommitId::from_bytes([commit; 20]);
    RefRecord { commit, seen_at, files: 3, bytes: 7, by: "tests/1".to_owned() }
}

/// The time this many seconds ago, in whole seconds.
pub(crate) fn ago(seconds: u64) -> SystemTime {
    // Fixed for the whole process: a second may pass between two calls in a test.
    static NOW: LazyLock<u64> =
        LazyLock::new(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    SystemTime::UNIX_EPOCH + Duration::from_secs(*NOW - seconds)
}

/// The blob's bytes; `None` if it is missing.
pub(crate) async fn content(store: &Store, id: &BlobId) -> Option<Vec<u8>> {
    match store.locate(id).await.unwrap() {
        BlobPlace::Url { url, headers, .. } => {
            let mut request = Request::get(url, "read", Hop::Store);
            request.own_headers = headers;
            let answer = client().send(request, &()).await.unwrap();
            if !answer.status().is_success() {
                return None;
            }
            Some(answer.read(1 << 30).await.unwrap().unwrap().to_vec())
        }
        BlobPlace::File(path) => std::fs::read(path).ok(),
        _ => panic!("a new kind of place"),
    }
}

/// The messages of an error and all its causes.
pub(crate) fn chain(error: &Error) -> String {
    let words = causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(!format!("{words} {error:?}").contains("s3cret"), "{words}");
    words
}

/// Repeats the call while other writers interfere. rclone answers 500 then.
pub(crate) async fn again<T>(call: impl AsyncFn() -> Result<T, Error>) -> T {
    let mut tries = 0;
    loop {
        match call().await {
            Ok(done) => return done,
            Err(error) => assert!(error.is_transient() && tries < 100, "{}", chain(&error)),
        }
        tries += 1;
    }
}
