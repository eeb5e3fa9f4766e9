//! Stores before the hub: many machines, one download.

use std::num::NonZeroUsize;

use facade::stores::{PushOptions, Pushed, PushedName, StoreMode};
use facade::{DownloaderBuilder, Error, ErrorKind, Model, Request};
use local_hub::{
    Fault, FaultTarget, LocalWebStore, ModelFixture, NO_SERVER, PublishedModel, Route, Times, WebStoreRequest,
};

use crate::world::{Recorded, World, download_bytes, entry_in};

pub(crate) const ID: &str = "mlc-ai/tiny";

/// The kind of a store.
pub(crate) enum Kind {
    Web(LocalWebStore),
    Folder,
}

/// A hub with a model, and a store that has it too.
pub(crate) struct Filled {
    pub(crate) world: World,
    pub(crate) model: PublishedModel,
    pub(crate) kind: Kind,
}

impl Filled {
    pub(crate) async fn on(kind: Kind) -> Self {
        let fixture = ModelFixture::new(ID).shard("params_shard_7.bin", 200_000);
        let (world, model) = World::with(&fixture);
        let filled = Self { world, model, kind };
        if let Kind::Folder = filled.kind {
            std::fs::create_dir(filled.world.beside("store")).unwrap();
        }
        filled.push().await;
        filled
    }

    pub(crate) async fn on_the_web() -> Self {
        Self::on(Kind::Web(LocalWebStore::start())).await
    }

    pub(crate) fn url(&self) -> String {
        match &self.kind {
            Kind::Web(server) => format!("{}/models", server.url()),
            Kind::Folder => url_parse::Url::from_file_path(self.world.beside("store")).unwrap().to_string(),
        }
    }

    pub(crate) fn server(&self) -> &LocalWebStore {
        let server = if let Kind::Web(server) = &self.kind { Some(server) } else { None };
        server.unwrap()
    }

    /// Pushes the hub's model to the store, from a separate cache.
    pub(crate) async fn push(&self) {
        let pushed = self.push_with(PushOptions::default(), self.model.url.parse().unwrap()).await.unwrap();
        assert_eq!((pushed.bytes, pushed.name), (self.bytes(), PushedName::Written));
    }

    pub(crate) async fn push_with(&self, options: PushOptions, request: Request) -> Result<Pushed, Error> {
        let builder = self.builder(StoreMode::First).home(self.world.beside("pusher"));
        builder.build().unwrap().push(request, options).await
    }

    pub(crate) fn builder(&self, mode: StoreMode) -> DownloaderBuilder {
        self.world.builder().stores([self.url().parse().unwrap()]).store_mode(mode)
    }

    pub(crate) async fn download(&self, mode: StoreMode, revision: &str) -> (Result<Model, Error>, Recorded) {
        download(self.builder(mode), revision).await
    }

    /// The key of a file in the store.
    pub(crate) fn key(&self, path: &str) -> String {
        format!("/models/blobs/sha256/{}", self.model.file(path).unwrap().sha256)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.model.lfs_files().map(|file| file.size).sum()
    }

    /// Checks that the model matches the hub's, and how many bytes came from the store.
    #[track_caller]
    pub(crate) fn check(&self, outcome: Result<Model, Error>, from_store: u64) {
        let model = outcome.unwrap();
        assert_eq!(self.model.differences(&model.path), [""; 0]);
        let (is_folder, lacking) = (matches!(self.kind, Kind::Folder), self.bytes() - from_store);
        let expected = if is_folder { [lacking, 0, from_store] } else { [self.bytes(), from_store, 0] };
        assert_eq!(download_bytes(&model), Some(expected));
        assert_eq!(model.commit.unwrap().to_string(), self.model.commit);
    }
}

/// Downloads the model at a revision; an empty one is the default branch.
pub(crate) async fn download(builder: DownloaderBuilder, revision: &str) -> (Result<Model, Error>, Recorded) {
    let revision = if revision.is_empty() { String::new() } else { format!("@{revision}") };
    let seen = Recorded::default();
    let request: Request = format!("HF://{ID}{revision}").parse().unwrap();
    let outcome = builder.build().unwrap().download(request.observer(seen.clone())).await;
    (outcome, seen)
}

/// Which of the requests for this path, after the first `before`, bypass caches.
fn fresh(server: &LocalWebStore, before: usize, path: &str) -> Vec<bool> {
    let is_fresh = |request: &WebStoreRequest| {
        request.headers.contains(&("cache-control".to_owned(), "no-cache".to_owned()))
    };
    let asked = server.requests();
    asked
        .iter()
        .skip(before)
        .filter(|request| request.method == "GET" && request.path == path)
        .map(is_fresh)
        .collect()
}

#[tokio::test]
async fn a_commit_that_is_named_in_full_asks_no_hub() {
    for kind in [Kind::Web(LocalWebStore::start()), Kind::Folder] {
        let filled = Filled::on(kind).await;
        let log = filled.world.hub.log().from_now();
        let (outcome, seen) = filled.download(StoreMode::First, &filled.model.commit).await;
        filled.check(outcome, filled.bytes());
        assert_eq!((log.count(), seen.count(&["Warning"])), (0, 0), "{log}");
    }
}

/// The mode decides who names the commit.
#[tokio::test]
async fn a_name_costs_one_request_of_the_hub_or_none() {
    for (mode, requests) in [(StoreMode::First, 1), (StoreMode::Refs, 0), (StoreMode::Only, 0)] {
        let filled = Filled::on_the_web().await;
        let log = filled.world.hub.log().from_now();
        let (outcome, _) = filled.download(mode, "").await;
        filled.check(outcome, filled.bytes());
        assert_eq!((log.count(), log.route(Route::InfoRefs).count()), (requests, requests), "{mode}: {log}");
        let receipt = filled.world.downloader().cache().list().unwrap().models[0].proof;
        assert_eq!(receipt, Some(facade::Proof::Git));
    }
}

/// The warning matches what happens: no token is sent to a hub that is not asked.
#[tokio::test]
async fn a_hub_that_is_not_asked_gets_no_token() {
    let filled = Filled::on_the_web().await;
    let builder = filled.builder(StoreMode::Only).token(facade::Token::new("hf_s3cret").unwrap());
    let builder = builder.endpoint("http://hub.example".parse().unwrap());
    let (outcome, seen) = download(builder, &filled.model.commit).await;
    filled.check(outcome, filled.bytes());
    assert_eq!(seen.count(&["Warning"]), 0);
}

/// A ref is believed only if its writers are trusted to name commits.
#[tokio::test]
async fn a_false_ref_is_used_only_in_the_trusting_modes() {
    for (mode, is_believed) in [(StoreMode::First, false), (StoreMode::Refs, true), (StoreMode::Only, true)] {
        let filled = Filled::on_the_web().await;
        let old = filled.model.commit.clone();
        let new = filled.world.hub.publish(&ModelFixture::new(ID).seed(1));
        assert_ne!(new.commit, old);
        let (outcome, _) = filled.download(mode, "").await;
        let commit = outcome.unwrap().commit.unwrap().to_string();
        assert_eq!(commit, if is_believed { old } else { new.commit }, "{mode}");
    }
}

#[tokio::test]
async fn files_that_the_store_lacks_come_from_the_hub() {
    for kind in [Kind::Web(LocalWebStore::start()), Kind::Folder] {
        let filled = Filled::on(kind).await;
        let file = filled.model.file("params_shard_7.bin").unwrap();
        match &filled.kind {
            Kind::Web(server) => server.remove(&filled.key(&file.path)),
            Kind::Folder => {
                let blob = filled.world.beside("store/blobs/sha256").join(&file.sha256);
                std::fs::remove_file(blob).unwrap();
            }
        }
        let log = filled.world.hub.log().from_now();
        let (outcome, seen) = filled.download(StoreMode::First, &filled.model.commit).await;
        filled.check(outcome, filled.bytes() - file.size);
        assert_eq!((log.data().count(), seen.count(&["Warning"])), (1, 0), "{log}");
    }
}

#[tokio::test]
async fn wrong_bytes_from_the_store_are_replaced_by_the_hubs() {
    for kind in [Kind::Web(LocalWebStore::start()), Kind::Folder] {
        let filled = Filled::on(kind).await;
        let file = filled.model.file("params_shard_7.bin").unwrap();
        let wrong: Vec<u8> = file.bytes().iter().map(|byte| byte ^ 1).collect();
        match &filled.kind {
            Kind::Web(server) => server.put(&filled.key(&file.path), wrong),
            Kind::Folder => {
                let blob = filled.world.beside("store/blobs/sha256").join(&file.sha256);
                std::fs::write(blob, wrong).unwrap();
            }
        }
        let before = if let Kind::Web(server) = &filled.kind { server.requests().len() } else { 0 };
        let (outcome, _) = filled.download(StoreMode::First, &filled.model.commit).await;
        let model = outcome.unwrap();
        assert_eq!(filled.model.differences(&model.path), [""; 0]);
        if let Kind::Web(server) = &filled.kind {
            let fresh = fresh(server, before, &filled.key(&file.path));
            assert_eq!(fresh, [false, true], "once more past all caches, and then not again");
        }
    }
}

#[tokio::test]
async fn in_the_mode_only_no_one_but_the_store_is_asked() {
    for kind in [Kind::Web(LocalWebStore::start()), Kind::Folder] {
        let filled = Filled::on(kind).await;
        let log = filled.world.hub.log().from_now();
        let file = filled.model.file("params_shard_7.bin").unwrap();
        match &filled.kind {
            Kind::Web(server) => server.remove(&filled.key(&file.path)),
            Kind::Folder => {
                let blob = filled.world.beside("store/blobs/sha256").join(&file.sha256);
                std::fs::remove_file(blob).unwrap();
            }
        }
        let other = "1".repeat(40);
        for (revision, missing) in [
            ("", "params_shard_7.bin"),
            (filled.model.commit.as_str(), "params_shard_7.bin"),
            ("v9", "@v9"),
            (&other, other.as_str()),
        ] {
            let (outcome, _) = filled.download(StoreMode::Only, revision).await;
            let error = outcome.unwrap_err();
            let words = facade::causes(&error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
            assert!(words.contains(missing) && words.contains("store mode `only`"), "{words}");
            assert_eq!(error.kind(), ErrorKind::NotCached, "{words}");
        }
        assert_eq!(log.count(), 0, "{log}");
    }
}

#[tokio::test]
async fn a_damaged_pack_is_ignored() {
    let filled = Filled::on_the_web().await;
    let path = format!("/models/packs/{}.pack", filled.model.commit);
    let mut pack = filled.server().get(&path).unwrap().to_vec();
    let middle = pack.len() / 2;
    pack[middle] ^= 1;
    filled.server().put(&path, pack);
    let before = filled.server().requests().len();
    let (outcome, seen) = filled.download(StoreMode::First, &filled.model.commit).await;
    filled.check(outcome, filled.bytes());
    assert_eq!((seen.count(&["Warning", "WrongInStore"]), seen.count(&["Warning"])), (1, 1));
    assert_eq!(fresh(filled.server(), before, &path), [false, true]);

    let home = filled.world.beside("another home");
    let (outcome, _) = download(filled.builder(StoreMode::Only).home(home), &filled.model.commit).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn an_unreachable_store_causes_only_a_warning() {
    let filled = Filled::on_the_web().await;
    let missing = url_parse::Url::from_file_path(filled.world.beside("no stick")).unwrap();
    for (number, url) in [format!("{NO_SERVER}/models"), missing.to_string()].into_iter().enumerate() {
        let home = |mode| filled.world.beside(&format!("home {number} {mode}"));
        let builder = |mode| {
            let stores = [url.parse().unwrap()];
            filled.world.builder().home(home(mode)).stores(stores).store_mode(mode)
        };
        let (outcome, seen) = download(builder(StoreMode::First), &filled.model.commit).await;
        filled.check(outcome, 0);
        assert_eq!((seen.count(&["StoreGivenUp"]), seen.count(&["Warning"])), (1, 1), "{url}");
        let (outcome, _) = download(builder(StoreMode::Only), &filled.model.commit).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Store(_)), "{error:?}");
        assert!(matches!(error.kind(), ErrorKind::Network | ErrorKind::Disk), "{error:?}");
    }
}

/// It vanishes between the pack and the files, and is given up after three of them.
#[tokio::test]
async fn a_store_that_dies_in_the_middle() {
    let filled = Filled::on_the_web().await;
    let log = filled.world.hub.log().from_now();
    for _ in 0..100 {
        filled.server().refuse("/blobs/", 401);
    }
    let before = filled.server().requests().len();
    let seen = Recorded::default();
    let request: Request = format!("HF://{ID}@{}", filled.model.commit).parse().unwrap();
    let request = request.files_in_flight(NonZeroUsize::MIN).observer(seen.clone());
    let outcome = filled.builder(StoreMode::First).build().unwrap().download(request).await;
    filled.check(outcome, 0);
    assert_eq!(log.data().count(), filled.model.lfs_files().count());
    assert_eq!((seen.count(&["StoreGivenUp"]), seen.count(&["Warning"])), (1, 1));
    let asked = filled.server().requests().into_iter().skip(before);
    assert_eq!(asked.filter(|request| request.path.contains("/blobs/")).count(), 3);

    let home = filled.world.beside("another home");
    let (outcome, _) = download(filled.builder(StoreMode::Only).home(home), &filled.model.commit).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused);
}

/// Silence counts as overload until it has lasted for all attempts; then the hub is asked for the
/// remaining files.
#[tokio::test]
async fn a_hanging_store_only_slows_a_download_down() {
    for part in ["/packs/", "/blobs/"] {
        let filled = Filled::on_the_web().await;
        filled.server().fall_silent(part);
        let builder = |mode, home: &str| {
            let quick = std::time::Duration::from_millis(300);
            filled.builder(mode).home(filled.world.beside(home)).idle_timeout(quick)
        };
        let (outcome, seen) = download(builder(StoreMode::First, "first"), &filled.model.commit).await;
        filled.check(outcome, 0);
        assert_eq!((seen.count(&["StoreGivenUp"]), seen.count(&["Warning"])), (1, 1), "{part}");
        let (outcome, _) = download(builder(StoreMode::Only, "only"), &filled.model.commit).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Network, "{part}");
    }
}

/// An expired signed URL, or a briefly overloaded store, is no reason to give it up.
#[tokio::test]
async fn brief_failures_of_a_store_are_tolerated() {
    let filled = Filled::on_the_web().await;
    for status in [403, 503] {
        filled.server().refuse(&filled.key("params_shard_7.bin"), status);
    }
    filled.server().refuse("/packs/", 503);
    let log = filled.world.hub.log().from_now();
    let (outcome, seen) = filled.download(StoreMode::First, &filled.model.commit).await;
    filled.check(outcome, filled.bytes());
    assert_eq!((log.count(), seen.count(&["Warning"])), (0, 0), "{log}");
}

/// A limit of the hub is waited for. The store's ref is not used instead.
#[tokio::test]
async fn a_hub_that_does_not_name_the_commit_is_not_replaced() {
    let filled = Filled::on_the_web().await;
    // The gate holds requests for as long as the hub asks.
    filled.world.hub.fault(FaultTarget::info_refs(ID), Fault::rate_limited(1), Times::Once);
    let (outcome, seen) = filled.download(StoreMode::First, "").await;
    filled.check(outcome, filled.bytes());
    assert_eq!((seen.count(&["Throttled"]), seen.count(&["Warning"])), (1, 0));

    let home = |builder: DownloaderBuilder| builder.home(filled.world.beside("another home"));
    filled.world.hub.fault(FaultTarget::info_refs(ID), Fault::status(429), Times::Forever);
    let (outcome, _) = download(home(filled.builder(StoreMode::First)), "").await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::CommitNotNamed { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Network);
    let (outcome, _) = download(home(filled.builder(StoreMode::Refs)), "").await;
    filled.check(outcome, filled.bytes());
}

#[tokio::test]
async fn several_stores_are_asked_in_their_order() {
    let filled = Filled::on_the_web().await;
    let near = LocalWebStore::start();
    for path in filled.server().paths() {
        // All but one file.
        if path != filled.key("params_shard_7.bin") {
            near.put(&path, filled.server().get(&path).unwrap());
        }
    }
    let before = filled.server().requests().len();
    let urls = [format!("{}/models", near.url()), filled.url()].map(|url| url.parse().unwrap());
    let log = filled.world.hub.log().from_now();
    let (outcome, _) = download(filled.world.builder().stores(urls), &filled.model.commit).await;
    filled.check(outcome, filled.bytes());
    assert_eq!(log.count(), 0, "{log}");
    let asked: Vec<_> =
        filled.server().requests().into_iter().skip(before).map(|request| request.path).collect();
    assert_eq!(asked, [filled.key("params_shard_7.bin")]);
}

/// A repair uses the intact files, and gets the rest from the store.
#[tokio::test]
async fn a_repair_asks_the_store_too() {
    let filled = Filled::on_the_web().await;
    let (outcome, _) = filled.download(StoreMode::First, "").await;
    filled.check(outcome, filled.bytes());
    let shard =
        entry_in(&filled.world.home().join("model_weights"), &filled.model).join("params_shard_7.bin");
    std::fs::remove_file(&shard).unwrap();
    let log = filled.world.hub.log().from_now();
    let (outcome, _) = filled.download(StoreMode::First, "").await;
    let model = outcome.unwrap();
    assert_eq!(filled.model.differences(&model.path), [""; 0]);
    assert_eq!(download_bytes(&model), Some([200_000, 200_000, 0]));
    assert_eq!(log.count(), 0, "the commit is the receipt's: {log}");
}

/// A store's proof says nothing about whether the hub serves git.
#[tokio::test]
async fn a_proof_by_a_store_is_not_held_against_the_hub() {
    let filled = Filled::on_the_web().await;
    let other = filled.world.hub.publish(&ModelFixture::new("mlc-ai/other"));
    filled.world.hub.fault(FaultTarget::route(Route::InfoRefs, ""), Fault::status(404), Times::Forever);
    let (outcome, _) = filled.download(StoreMode::First, &filled.model.commit).await;
    filled.check(outcome, filled.bytes());
    let request: Request = format!("HF://mlc-ai/other@{}", other.commit).parse().unwrap();
    let model = filled.world.downloader().download(request).await.unwrap();
    assert_eq!(other.differences(&model.path), [""; 0]);
}
