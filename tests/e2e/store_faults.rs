//! Stores that are slow, die, refuse or redirect; and what is reported about them.

use std::num::NonZeroUsize;
use std::time::SystemTime;

use facade::network::NoProxy;
use facade::stores::{StoreAnswer, StoreMode};
use facade::{Error, ErrorKind, Model, Outcome, ProxySettings, Request};
use local_hub::{FaultProxy, LocalProxy, LocalWebStore, ModelFixture, NO_SERVER, WebStoreSettings};

use crate::stores::{Filled, ID, Kind, download};
use crate::world::{Recorded, World};

const SHARD: &str = "params_shard_7.bin";

fn before(filled: &Filled) -> (FaultProxy, String) {
    let proxy = FaultProxy::before(&filled.server().url());
    let url = format!("{}/models", proxy.url());
    (proxy, url)
}

#[track_caller]
fn bytes(outcome: &Result<Model, Error>) -> (u64, u64) {
    match outcome.as_ref().unwrap().outcome {
        Outcome::Downloaded { bytes_received, bytes_from_store, .. } => (bytes_received, bytes_from_store),
        // It was in the cache.
        _ => (0, 0),
    }
}

/// It dies in the middle of a file. Received bytes are kept, and counted correctly.
#[tokio::test]
async fn a_file_comes_from_two_places() {
    let filled = Filled::on_the_web().await;
    let (proxy, url) = before(&filled);
    let key = filled.key(SHARD);
    proxy.cut(&key, 100_000);
    proxy.cut(&key, 0);
    proxy.cut(&key, 0);
    let log = filled.world.hub.log().from_now();
    let builder = filled.world.builder().stores([url.parse().unwrap()]);
    let (outcome, seen) = download(builder, &filled.model.commit).await;
    let expected = (filled.bytes(), filled.bytes() - 100_000);
    assert_eq!((bytes(&outcome), filled.model.differences(&outcome.unwrap().path)), (expected, Vec::new()));
    let ranges: Vec<_> =
        log.data().requests().iter().map(|request| request.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [Some("bytes=100000-".to_owned())]);
    assert_eq!(seen.count(&["Store", "Miss", &key]), 1);
}

/// Slowness is not absence: leaving a slow store would only move the load.
#[tokio::test]
async fn a_slow_store_is_not_abandoned() {
    let filled = Filled::on_the_web().await;
    let (proxy, url) = before(&filled);
    proxy.slow_down(200_000);
    let log = filled.world.hub.log().from_now();
    let builder = filled.world.builder().stores([url.parse().unwrap()]);
    let (outcome, seen) = download(builder, &filled.model.commit).await;
    filled.check(outcome, filled.bytes());
    assert_eq!((log.count(), seen.count(&["Warning"])), (0, 0), "{log}");
}

/// S3 answers 403 for a missing object if the caller may not list the bucket.
#[tokio::test]
async fn a_refusal_that_means_absence_is_no_failure() {
    let mut filled = Filled::on_the_web().await;
    assert!(filled.model.lfs_files().count() > 3);
    let server = LocalWebStore::start_with(WebStoreSettings { hides_absence: true, ..Default::default() });
    for path in filled.server().paths().into_iter().filter(|path| !path.contains("/blobs/")) {
        server.put(&path, filled.server().get(&path).unwrap());
    }
    filled.kind = Kind::Web(server);
    let (outcome, seen) = filled.download(StoreMode::First, &filled.model.commit).await;
    filled.check(outcome, 0);
    assert_eq!(seen.count(&["Warning"]), 0);
    let builder = filled.builder(StoreMode::Only).home(filled.world.beside("only"));
    let (outcome, _) = download(builder, &filled.model.commit).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotCached, "{error:?}");
}

/// If even the file that every store has cannot be read, access is denied.
#[tokio::test]
async fn a_store_that_denies_access_is_an_error() {
    let filled = Filled::on_the_web().await;
    for _ in 0..1000 {
        filled.server().refuse("/models/", 403);
    }
    let (outcome, seen) = filled.download(StoreMode::First, &filled.model.commit).await;
    filled.check(outcome, 0);
    assert_eq!((seen.count(&["StoreGivenUp"]), seen.count(&["Warning"])), (1, 1));
    let builder = filled.builder(StoreMode::Only).home(filled.world.beside("only"));
    let (outcome, _) = download(builder, &filled.model.commit).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
}

/// A store on the internet must not direct requests into a private network. (The proxy represents the
/// internet.)
#[tokio::test]
async fn a_store_cannot_redirect_nearer_than_it_is() {
    let filled = Filled::on_the_web().await;
    let (near, key) = (LocalWebStore::start(), filled.key(SHARD));
    near.put(&key, filled.server().get(&key).unwrap());
    let proxy = LocalProxy::start();
    proxy.lead("203.0.113.9:80", &filled.server().url());
    proxy.lead("198.51.100.7:80", &near.url());
    let pack = format!("/models/packs/{}.pack", filled.model.commit);
    near.put(&pack, filled.server().get(&pack).unwrap());
    let builder = |home: &str| {
        let direct: NoProxy = "127.0.0.1".parse().unwrap();
        let settings = ProxySettings::default().http(proxy.url().parse().unwrap()).no_proxy(direct);
        let stores = ["http://203.0.113.9/models".parse().unwrap()];
        filled.world.builder().home(filled.world.beside(home)).stores(stores).proxy(settings)
    };
    let far = "http://198.51.100.7".to_owned();
    // To this machine, into a private network, and elsewhere on the internet.
    for (number, (place, from_store)) in [
        (near.url(), filled.bytes() - 200_000),
        ("http://10.255.255.1".to_owned(), filled.bytes() - 200_000),
        (far, filled.bytes()),
    ]
    .into_iter()
    .enumerate()
    {
        filled.server().redirect(&key, &format!("{place}{key}"));
        let (outcome, _) = download(builder(&format!("home {number}")), &filled.model.commit).await;
        filled.check(outcome, from_store);
        let is_sent_there = from_store == filled.bytes();
        assert_eq!(near.requests().len(), usize::from(is_sent_there), "{place}");
    }
    // Nor for what is read whole.
    filled.server().redirect(&pack, &format!("{}{pack}", near.url()));
    let (outcome, seen) = download(builder("another home"), &filled.model.commit).await;
    filled.check(outcome, 0);
    assert_eq!((near.requests().len(), seen.count(&["StoreGivenUp"])), (1, 1));
}

/// A store's answer, once for each request.
#[tokio::test]
async fn answers_of_stores_are_reported() {
    for kind in [Kind::Web(LocalWebStore::start()), Kind::Folder] {
        let filled = Filled::on(kind).await;
        let files = filled.model.lfs_files().count();
        let (outcome, seen) = filled.download(StoreMode::Refs, "").await;
        filled.check(outcome, filled.bytes());
        let told =
            |seen: &Recorded, answer: StoreAnswer| seen.count(&["Store {", &format!("answer: {answer:?}")]);
        let of = |seen: &Recorded| {
            [StoreAnswer::Hit, StoreAnswer::Miss, StoreAnswer::GivenUp].map(|answer| told(seen, answer))
        };
        // Also a ref and a pack.
        assert_eq!(of(&seen), [files + 2, 0, 0]);

        let file = filled.model.file(SHARD).unwrap();
        match &filled.kind {
            Kind::Web(server) => server.remove(&filled.key(SHARD)),
            Kind::Folder => {
                let blob = filled.world.beside("store/blobs/sha256").join(&file.sha256);
                std::fs::write(blob, vec![0; file.bytes().len()]).unwrap();
            }
        }
        let builder = filled.builder(StoreMode::Refs).home(filled.world.beside("another home"));
        let (outcome, seen) = download(builder, "v9").await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(of(&seen), [0, 1, 0]);
        let builder = filled.builder(StoreMode::Refs).home(filled.world.beside("another home"));
        let (outcome, seen) = download(builder, "").await;
        filled.check(outcome, filled.bytes() - file.size);
        assert_eq!(of(&seen), [files + 1, 1, 0]);
        let url = format!("{}/blobs/sha256/{}", filled.url(), file.sha256);
        assert_eq!(seen.count(&["Store {", &url, "Miss"]), 1);
    }
}

/// A store that has failed with three files, and one that never existed.
#[tokio::test]
async fn an_abandoned_store_is_reported_once() {
    let filled = Filled::on_the_web().await;
    let login = filled.url().replace("http://", "http://reader:s3cret@");
    for _ in 0..100 {
        filled.server().refuse("/blobs/", 401);
    }
    let seen = Recorded::default();
    let request: Request = format!("HF://{ID}@{}", filled.model.commit).parse().unwrap();
    let request = request.files_in_flight(NonZeroUsize::MIN).observer(seen.clone());
    let builder = filled.world.builder().stores([login.parse().unwrap()]);
    filled.check(builder.build().unwrap().download(request).await, 0);
    assert_eq!(seen.count(&["Store {", &format!("url: {:?}", filled.url()), "GivenUp"]), 1);
    assert_eq!((seen.count(&["Store {", "Hit"]), seen.count(&["Store {", "Miss"])), (1, 3));
    assert_eq!((seen.count(&["s3cret"]), seen.count(&["reader"])), (0, 0));
}

/// Sets the store's ref of the default branch: a commit, seen this many seconds ago.
fn point(filled: &Filled, commit: &str, ago: i64) {
    let paths = filled.server().paths();
    let path = paths.iter().find(|path| path.contains("/refs/")).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let record = serde_json::json!({
        "format": 1, "model": ID, "revision": "HEAD", "commit": commit,
        "seen_at": now.saturating_add_signed(-ago), "files": 1, "bytes": 1, "by": "tests",
    });
    filled.server().put(path, record.to_string());
}

/// Downloads the default branch again; returns how many warnings there are about a name turned back.
async fn again(filled: &Filled, mode: StoreMode, commit: &str) -> (usize, Recorded) {
    let seen = Recorded::default();
    let request: Request = format!("HF://{ID}").parse().unwrap();
    let request = request.force(true).observer(seen.clone());
    let model = filled.builder(mode).build().unwrap().download(request).await.unwrap();
    assert_eq!(model.commit.unwrap().to_string(), commit);
    (seen.count(&["Warning(TurnedBack"]), seen)
}

/// An old ref is used, since its writer is trusted with that, but with a warning.
#[tokio::test]
async fn a_name_that_returns_to_an_older_commit_causes_a_warning() {
    let (world, old) = World::with(&ModelFixture::new(ID).seed(1).shard(SHARD, 1_000));
    let mut filled = Filled { world, model: old.clone(), kind: Kind::Web(LocalWebStore::start()) };
    filled.push().await;
    filled.model = filled.world.hub.publish(&ModelFixture::new(ID).shard(SHARD, 1_000));
    let new = filled.model.commit.clone();
    let pinned = format!("HF://{ID}@{new}").parse().unwrap();
    filled.push_with(facade::stores::PushOptions::default(), pinned).await.unwrap();
    for mode in [StoreMode::Refs, StoreMode::Only] {
        let home = filled.world.home();
        // Nothing was seen before.
        let _ = std::fs::remove_dir_all(&home);
        point(&filled, &new, 1_000);
        assert_eq!(again(&filled, mode, &new).await.0, 0, "{mode}");
        // The same commit, seen earlier by another machine.
        point(&filled, &new, 5_000);
        assert_eq!(again(&filled, mode, &new).await.0, 0, "{mode}");
        point(&filled, &new, 1_000);
        assert_eq!(again(&filled, mode, &new).await.0, 0, "{mode}");
        point(&filled, &old.commit, 2_000);
        let (warnings, seen) = again(&filled, mode, &old.commit).await;
        assert_eq!(warnings, 1, "{mode}");
        assert_eq!(seen.count(&["TurnedBack", &new, &old.commit, "/refs/", "seen_at", "seen_before_at"]), 1);
        // Forwards.
        point(&filled, &new, 500);
        assert_eq!(again(&filled, mode, &new).await.0, 0, "{mode}");
        // A ref dated in the future counts as seen now, so that correct ones cause no warning later.
        point(&filled, &old.commit, -1_000_000_000);
        assert_eq!(again(&filled, mode, &old.commit).await.0, 0, "{mode}");
        point(&filled, &new, -60);
        assert_eq!(again(&filled, mode, &new).await.0, 0, "{mode}");
    }
}

/// The hub also says when it resolved the name, and that counts too.
#[tokio::test]
async fn a_store_behind_the_hub_returns_a_name_to_an_older_commit() {
    let filled = Filled::on_the_web().await;
    let old = filled.model.commit.clone();
    let new = filled.world.hub.publish(&ModelFixture::new(ID).seed(1)).commit;
    assert_eq!(again(&filled, StoreMode::First, &new).await.0, 0);
    // In whole seconds.
    point(&filled, &old, 10);
    assert_eq!(again(&filled, StoreMode::Refs, &old).await.0, 1);
}

/// A repair keeps the time when the name was seen.
#[tokio::test]
async fn a_repair_keeps_the_time_when_a_name_was_seen() {
    let filled = Filled::on_the_web().await;
    let new = filled.model.commit.clone();
    let (outcome, _) = filled.download(StoreMode::Refs, "").await;
    let directory = outcome.unwrap().path;
    std::fs::remove_file(directory.join(SHARD)).unwrap();
    let (outcome, _) = filled.download(StoreMode::Refs, "").await;
    assert_eq!(outcome.unwrap().commit.unwrap().to_string(), new);
    let old = filled.world.hub.publish(&ModelFixture::new(ID).seed(1)).commit;
    point(&filled, &old, 1_000);
    assert_eq!(again(&filled, StoreMode::Refs, &old).await.0, 1);
}

/// An invalid ref says nothing about the rest of the store.
#[tokio::test]
async fn an_invalid_ref_does_not_disqualify_the_store() {
    let filled = Filled::on_the_web().await;
    let paths = filled.server().paths();
    filled.server().put(paths.iter().find(|path| path.contains("/refs/")).unwrap(), "no ref");
    let (outcome, seen) = filled.download(StoreMode::Refs, "").await;
    filled.check(outcome, filled.bytes());
    assert_eq!((seen.count(&["WrongInStore"]), seen.count(&["Warning"])), (1, 1));
}

/// If one store is gone, or has wrong content, the next is still asked.
#[tokio::test]
async fn in_the_mode_only_all_stores_are_asked() {
    let filled = Filled::on_the_web().await;
    let rotten = LocalWebStore::start();
    for path in filled.server().paths() {
        rotten.put(&path, "rotten");
    }
    for first in [format!("{NO_SERVER}/models"), format!("{}/models", rotten.url())] {
        let home = |name: &str| filled.world.beside(&format!("{name} {}", first.replace(['/', ':'], "_")));
        let builder = |stores: &[&String], name: &str| {
            let stores = stores.iter().map(|url| url.parse().unwrap());
            filled.world.builder().home(home(name)).stores(stores).store_mode(StoreMode::Only)
        };
        let (outcome, _) = download(builder(&[&first, &filled.url()], "both"), "").await;
        assert_eq!(filled.model.differences(&outcome.unwrap().path), [""; 0]);
        // If none has it, the error is the first store's failure.
        let empty = format!("{}/empty", filled.server().url());
        let (outcome, _) = download(builder(&[&first, &empty], "none"), "").await;
        let kind = outcome.unwrap_err().kind();
        assert_eq!(
            kind,
            if first.starts_with(NO_SERVER) { ErrorKind::Network } else { ErrorKind::Integrity }
        );
    }
}
