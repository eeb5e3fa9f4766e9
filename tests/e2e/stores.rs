//! Stores before the hub: many machines, one download of it.

use std::sync::Arc;
use std::time::SystemTime;

use facade::{Builder, Error, ErrorKind, Model, Outcome, Request, StoreMode};
use hf_transport::{GitMetadata, HubClient, HubConfig, MetadataRequest};
use local_hub::{Fault, FaultTarget, LocalWebStore, ModelFixture, PublishedModel, Route, Times};
use net::{Client, NetSettings};
use url_parse::CommitId;
use weight_store::{Blob, BlobId, RefName, RefRecord, Store, StoreSettings};

use crate::world::{Recorded, World, entry_in};

const ID: &str = "mlc-ai/tiny";

/// What a store is kept on.
enum Kind {
    Web(LocalWebStore),
    Folder,
}

/// A hub with a model, and a store that has it too.
struct Filled {
    world: World,
    model: PublishedModel,
    kind: Kind,
}

impl Filled {
    async fn on(kind: Kind) -> Self {
        let fixture = ModelFixture::new(ID).shard("params_shard_7.bin", 200_000);
        let (world, model) = World::with(&fixture);
        let filled = Self { world, model, kind };
        if let Kind::Folder = filled.kind {
            std::fs::create_dir(filled.world.beside("store")).unwrap();
        }
        filled.push().await;
        filled
    }

    async fn on_the_web() -> Self {
        Self::on(Kind::Web(LocalWebStore::start())).await
    }

    fn url(&self) -> String {
        match &self.kind {
            Kind::Web(server) => format!("{}/models", server.url()),
            Kind::Folder => url_parse::Url::from_file_path(self.world.beside("store")).unwrap().to_string(),
        }
    }

    fn server(&self) -> &LocalWebStore {
        let server = if let Kind::Web(server) = &self.kind { Some(server) } else { None };
        server.unwrap()
    }

    fn store(&self) -> Store {
        let client = Client::new(NetSettings::default()).unwrap();
        Store::open(self.url().parse().unwrap(), &StoreSettings::default(), &client).unwrap()
    }

    /// Puts the hub's model into the store.
    async fn push(&self) {
        let (store, hub) = (self.store(), self.world.hub.endpoint().parse().unwrap());
        store.init().await.unwrap();
        for file in self.model.lfs_files() {
            let (id, path) = (blob_id(&file.sha256), self.world.beside("content"));
            std::fs::write(&path, file.bytes()).unwrap();
            store.put_blob(&Blob { id, size: file.size, file: path }, false).await.unwrap();
        }
        let client = Client::new(NetSettings::default()).unwrap();
        let metadata = GitMetadata::new(HubClient::new(client, HubConfig::new(hub)));
        let [scratch_parent, export_to] = ["scratch", "export"].map(|name| self.world.beside(name));
        for folder in [&scratch_parent, &export_to] {
            std::fs::create_dir(folder).unwrap();
        }
        let model = ID.parse().unwrap();
        let request = MetadataRequest {
            model,
            revision: None,
            scratch_parent: scratch_parent.clone(),
            export_to: export_to.clone(),
            keep_in: None,
            keep_alive: Arc::new(()),
        };
        let (snapshot, pack) = metadata.fetch_with_pack(request).await.unwrap();
        for folder in [scratch_parent, export_to] {
            std::fs::remove_dir_all(folder).unwrap();
        }
        store.put_pack(&snapshot.commit, pack, false).await.unwrap();
        self.put_ref(snapshot.commit).await;
    }

    async fn put_ref(&self, commit: CommitId) {
        let (hub, model) = (self.world.hub.endpoint().parse().unwrap(), ID.parse().unwrap());
        let record =
            RefRecord { commit, seen_at: SystemTime::now(), files: 1, bytes: 1, by: "tests".to_owned() };
        let name = RefName { hub: &hub, model: &model, revision: None };
        self.store().put_ref(&name, &record).await.unwrap();
    }

    fn builder(&self, mode: StoreMode) -> Builder {
        self.world.builder().stores([self.url().parse().unwrap()]).store_mode(mode)
    }

    async fn download(&self, mode: StoreMode, revision: &str) -> (Result<Model, Error>, Recorded) {
        download(self.builder(mode), revision).await
    }

    /// Where the store has a file.
    fn key(&self, path: &str) -> String {
        format!("/models/blobs/sha256/{}", self.model.file(path).unwrap().sha256)
    }

    fn bytes(&self) -> u64 {
        self.model.lfs_files().map(|file| file.size).sum()
    }

    /// The model is there, as the hub has it, with so many bytes of the store.
    #[track_caller]
    fn check(&self, outcome: Result<Model, Error>, from_store: u64) {
        let model = outcome.unwrap();
        assert_eq!(self.model.differences(&model.path), [""; 0]);
        let (is_folder, lacking) = (matches!(self.kind, Kind::Folder), self.bytes() - from_store);
        let expected = Outcome::Downloaded {
            bytes_received: if is_folder { lacking } else { self.bytes() },
            bytes_from_store: if is_folder { 0 } else { from_store },
            bytes_copied: if is_folder { from_store } else { 0 },
        };
        assert_eq!(model.outcome, expected);
        assert_eq!(model.commit.unwrap().to_string(), self.model.commit);
    }
}

/// Downloads the model at a revision; an empty one is the default branch.
async fn download(builder: Builder, revision: &str) -> (Result<Model, Error>, Recorded) {
    let revision = if revision.is_empty() { String::new() } else { format!("@{revision}") };
    let seen = Recorded::default();
    let request: Request = format!("HF://{ID}{revision}").parse().unwrap();
    let outcome = builder.build().unwrap().download(request.observer(seen.clone())).await;
    (outcome, seen)
}

fn blob_id(hex: &str) -> BlobId {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    BlobId::new(std::array::from_fn(byte))
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

/// Who names the commit, by the mode.
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

/// A ref is believed only where its writers are trusted to name commits.
#[tokio::test]
async fn a_ref_that_lies_is_believed_only_when_asked() {
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
async fn what_the_store_lacks_comes_from_the_hub() {
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
async fn wrong_bytes_of_the_store_are_replaced_by_the_hubs() {
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
        let (outcome, _) = filled.download(StoreMode::First, &filled.model.commit).await;
        let model = outcome.unwrap();
        assert_eq!(filled.model.differences(&model.path), [""; 0]);
        if let Kind::Web(server) = &filled.kind {
            let asked: Vec<_> = server.requests();
            let asked = asked.iter().filter(|request| request.path == filled.key(&file.path));
            let fresh = |request: &local_hub::WebStoreRequest| {
                request.headers.contains(&("cache-control".to_owned(), "no-cache".to_owned()))
            };
            let fresh: Vec<bool> = asked.filter(|request| request.method == "GET").map(fresh).collect();
            assert_eq!(fresh, [false, true], "once more past all caches, and then not again");
        }
    }
}

#[tokio::test]
async fn nobody_but_the_store_is_asked_where_it_is_the_only_one() {
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
            ("v9", "`v9`"),
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
async fn a_pack_that_is_not_right_is_passed_over() {
    let filled = Filled::on_the_web().await;
    let path = format!("/models/packs/{}.pack", filled.model.commit);
    let mut pack = filled.server().get(&path).unwrap().to_vec();
    let middle = pack.len() / 2;
    pack[middle] ^= 1;
    filled.server().put(&path, pack);
    let (outcome, seen) = filled.download(StoreMode::First, &filled.model.commit).await;
    filled.check(outcome, filled.bytes());
    assert_eq!((seen.count(&["Warning", "WrongInStore"]), seen.count(&["Warning"])), (1, 1));

    let home = filled.world.beside("another home");
    let (outcome, _) = download(filled.builder(StoreMode::Only).home(home), &filled.model.commit).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_store_that_is_gone_costs_a_warning() {
    let filled = Filled::on_the_web().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let missing = url_parse::Url::from_file_path(filled.world.beside("no stick")).unwrap();
    for (number, url) in [format!("http://{free}/models"), missing.to_string()].into_iter().enumerate() {
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

/// It goes away between the pack and the files.
#[tokio::test]
async fn a_store_that_dies_in_the_middle() {
    let filled = Filled::on_the_web().await;
    let builder = filled.builder(StoreMode::First);
    let hold = filled.world.hub.log().from_now();
    for _ in 0..100 {
        filled.server().refuse("/blobs/", 401);
    }
    let (outcome, seen) = download(builder, &filled.model.commit).await;
    filled.check(outcome, 0);
    assert_eq!(hold.data().count(), filled.model.lfs_files().count());
    assert_eq!((seen.count(&["StoreGivenUp"]), seen.count(&["Warning"])), (1, 1));

    let home = filled.world.beside("another home");
    let (outcome, _) = download(filled.builder(StoreMode::Only).home(home), &filled.model.commit).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused);
}

/// A signed URL that has ended, or a store that is overloaded for a moment, is no reason to leave it.
#[tokio::test]
async fn trouble_for_a_moment_is_borne() {
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

/// A limit of the hub is waited for. The store's word is not taken in its place.
#[tokio::test]
async fn a_hub_that_does_not_name_the_commit_is_not_replaced() {
    let filled = Filled::on_the_web().await;
    filled.world.hub.fault(FaultTarget::info_refs(ID), Fault::status(503), Times::Forever);
    let (outcome, _) = filled.download(StoreMode::First, "").await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::MetadataGaveUp { .. }), "{error:?}");
    let (outcome, _) = filled.download(StoreMode::Refs, "").await;
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

/// Silence would cost the hub's traffic for weeks.
#[tokio::test]
async fn a_store_with_wrong_settings_is_an_error_always() {
    let filled = Filled::on_the_web().await;
    let mut settings = StoreSettings::default();
    settings.variables = vec![("AWS_SECRET_ACCESS_KEY".to_owned(), "s3cret".to_owned())];
    let builder = filled.world.builder().stores(["s3://bucket".parse().unwrap()]).store_settings(settings);
    let (outcome, _) = download(builder, &filled.model.commit).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"));
}

/// A repair takes the good files that are there, and the rest from the store.
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
    let received =
        Outcome::Downloaded { bytes_received: 200_000, bytes_from_store: 200_000, bytes_copied: 0 };
    assert_eq!(model.outcome, received);
    assert_eq!(log.count(), 0, "the commit is the receipt's: {log}");
}

/// What a store proves says nothing of whether the hub serves git.
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
