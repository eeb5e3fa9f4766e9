//! Stores that fill themselves: one machine downloads from the hub and pushes the model for all.

use std::time::Duration;

use facade::stores::PushedName;
use facade::{DownloaderBuilder, Error, Outcome, blocking};
use local_hub::{Access, LocalWebStore, ModelFixture, PublishedModel, Route, WebStoreSettings};

use crate::world::{PATIENCE, Recorded, World, request};

const ID: &str = "mlc-ai/tiny";
/// Short enough for a test to see a holder die.
const SOON: Duration = Duration::from_millis(600);

struct Fleet {
    world: World,
    model: PublishedModel,
    server: LocalWebStore,
}

impl Fleet {
    fn around(knows_conditions: bool) -> Self {
        let fixture = ModelFixture::new(ID).shard("params_shard_7.bin", 200_000);
        let (world, model) = World::with(&fixture);
        let settings = WebStoreSettings { knows_conditions, ..WebStoreSettings::default() };
        Self { world, model, server: LocalWebStore::start_with(settings) }
    }

    /// A machine with its own cache.
    fn machine(&self, name: &str) -> DownloaderBuilder {
        let store = format!("{}/models", self.server.url()).parse().unwrap();
        let builder = self.world.builder().home(self.world.beside(name)).stores([store]);
        builder.fill_store(true).fill_patience(SOON)
    }

    /// Starts this many machines at once. Returns to how many the hub sent the shards, and how many
    /// filled the store.
    async fn start(&self, machines: usize) -> (usize, usize) {
        let names = (0..machines).map(|number| format!("machine {number}"));
        let downloads = names.map(|name| {
            // A machine under load may make no progress for a second or two.
            let downloader = self.machine(&name).fill_patience(Duration::from_secs(20)).build().unwrap();
            let wanted = request(&self.model);
            tokio::spawn(async move {
                let model = downloader.download(wanted).await.unwrap();
                (model, downloader.filled().await)
            })
        });
        let (mut by_hub, mut filled) = (0, 0);
        for download in downloads.collect::<Vec<_>>() {
            let (model, fillings) = download.await.unwrap();
            assert_eq!(self.model.differences(&model.path), [""; 0]);
            by_hub += usize::from(has_used_hub(model.outcome));
            for filling in fillings {
                assert_eq!(filling.outcome.unwrap().name, PushedName::Written);
                filled += 1;
            }
        }
        (by_hub, filled)
    }

    fn lease(&self) -> String {
        format!("/models/leases/{}.json", self.model.commit)
    }

    fn put_lease(&self, bytes: u64) {
        let record = format!(r#"{{"format":1,"holder":"other","bytes":{bytes},"started":"2099-01-01"}}"#);
        self.server.put(&self.lease(), record);
    }

    fn is_filled(&self) -> bool {
        self.server.get(&format!("/models/packs/{}.pack", self.model.commit)).is_some()
    }
}

fn has_used_hub(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Downloaded { bytes_received, bytes_from_store, .. } if bytes_received > bytes_from_store)
}

#[tokio::test]
async fn one_of_many_that_start_together_asks_the_hub() {
    let fleet = Fleet::around(true);
    let log = fleet.world.hub.log().from_now();
    assert_eq!(fleet.start(6).await, (1, 1));
    let shards = log.data().count();
    assert_eq!(shards, fleet.model.lfs_files().count(), "{log}");
    let lease = fleet.server.get(&fleet.lease()).unwrap();
    assert!(String::from_utf8_lossy(&lease).contains(r#""holder":"""#), "given back: {lease:?}");
}

#[tokio::test]
async fn what_a_download_has_learned_is_not_asked_again_to_fill_the_store() {
    let fleet = Fleet::around(true);
    let log = fleet.world.hub.log().from_now();
    let downloader = fleet.machine("filler").build().unwrap();
    downloader.download(request(&fleet.model)).await.unwrap();
    let pushed = downloader.filled().await.pop().unwrap().outcome.unwrap();
    assert_eq!(pushed.name, PushedName::Written);
    // One list of references resolves the name, the other precedes the pack.
    assert_eq!((log.route(Route::InfoRefs).count(), log.route(Route::UploadPack).count()), (2, 1), "{log}");
}

/// By the clock of the waiting machine: a time in the lease would mean nothing.
#[tokio::test]
async fn a_holder_without_progress_is_replaced() {
    let fleet = Fleet::around(true);
    let downloader = fleet.machine("filler").build().unwrap();
    downloader.init_store().await.unwrap();
    fleet.put_lease(7);
    let seen = Recorded::default();
    let model = downloader.download(request(&fleet.model).observer(seen.clone())).await.unwrap();
    assert_eq!(fleet.model.differences(&model.path), [""; 0]);
    assert_eq!(seen.count(&["WaitingForStore"]), 1);
    downloader.filled().await.pop().unwrap().outcome.unwrap();
    assert!(fleet.is_filled());
}

/// Only the first store is filled. Nobody waits for a lease in another one.
#[tokio::test]
async fn a_first_store_that_was_abandoned_is_not_filled() {
    let fleet = Fleet::around(true);
    fleet.machine("any").build().unwrap().init_store().await.unwrap();
    let closed = WebStoreSettings { login: Some("Basic s3cret".to_owned()), ..WebStoreSettings::default() };
    let first = LocalWebStore::start_with(closed);
    let stores = [&first, &fleet.server].map(|server| format!("{}/models", server.url()).parse().unwrap());
    let before = fleet.server.requests().len();
    let downloader = fleet.machine("filler").stores(stores).build().unwrap();
    let model = downloader.download(request(&fleet.model)).await.unwrap();
    assert_eq!(fleet.model.differences(&model.path), [""; 0]);
    let error = downloader.filled().await.pop().unwrap().outcome.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error:?}");
    let asked: Vec<String> =
        fleet.server.requests().into_iter().skip(before).map(|request| request.path).collect();
    assert!(!asked.is_empty() && !asked.iter().any(|path| path.contains("/leases/")), "{asked:?}");
}

#[tokio::test]
async fn a_holder_with_progress_is_waited_for() {
    let fleet = Fleet::around(true);
    fleet.machine("any").build().unwrap().init_store().await.unwrap();
    fleet.put_lease(0);
    let log = fleet.world.hub.log().from_now();
    // A loaded machine may take a second or two between two notes of progress.
    let waiting = fleet.machine("waiting").fill_patience(5 * SOON).build().unwrap();
    let wanted = request(&fleet.model);
    let download = tokio::spawn(async move { waiting.download(wanted).await });
    // Longer than a dead holder is waited for.
    for bytes in 1..24 {
        tokio::time::sleep(SOON / 4).await;
        fleet.put_lease(bytes);
    }
    assert_eq!(log.data().count(), 0, "{log}");
    // A machine without leases pushes the model.
    let push = fleet.machine("pusher").fill_store(false).build().unwrap();
    let gets_on = async {
        for bytes in 12.. {
            tokio::time::sleep(SOON / 4).await;
            fleet.put_lease(bytes);
        }
    };
    tokio::select! {
        () = gets_on => {}
        pushed = push.push(request(&fleet.model), facade::stores::PushOptions::default()) => drop(pushed.unwrap()),
    }
    let model = download.await.unwrap().unwrap();
    assert!(!has_used_hub(model.outcome));
}

/// If every machine turned from a failing store to the hub, the hub would be overloaded next.
#[tokio::test]
async fn a_failing_store_sends_no_machine_to_the_hub() {
    let fleet = Fleet::around(true);
    fleet.machine("any").build().unwrap().init_store().await.unwrap();
    fleet.put_lease(1);
    for part in ["/leases/", "mlc-weights-store.json"] {
        fleet.server.refuse(part, 503);
    }
    let log = fleet.world.hub.log().from_now();
    let waiting = fleet.machine("waiting").fill_patience(PATIENCE).build().unwrap();
    let seen = Recorded::default();
    let wanted = request(&fleet.model).observer(seen.clone());
    let download = tokio::spawn(async move { waiting.download(wanted).await });
    let until_it_waits = async {
        while seen.count(&["WaitingForStore"]) == 0 && !download.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, until_it_waits).await.unwrap();
    assert_eq!((seen.count(&["WaitingForStore"]), log.data().count()), (1, 0), "{log}");
    download.abort();
}

#[tokio::test]
async fn leases_are_optional() {
    // Without conditions there are no leases.
    let fleet = Fleet::around(false);
    fleet.start(3).await;
    assert!(fleet.is_filled() && fleet.server.get(&fleet.lease()).is_none());
    // If a server promises conditions but does not keep them, there may be several holders.
    let fleet = Fleet::around(false);
    fleet.server.put("/models/mlc-weights-store.json", r#"{"format":1,"conditional_put":true}"#);
    fleet.start(3).await;
    assert!(fleet.is_filled());
}

#[tokio::test]
async fn a_store_that_cannot_be_filled_fails_nothing() {
    let fleet = Fleet::around(true);
    fleet.server.refuse("/blobs/", 404);
    let downloader = fleet.machine("filler").build().unwrap();
    downloader.init_store().await.unwrap();
    let model = downloader.download(request(&fleet.model)).await.unwrap();
    assert_eq!(fleet.model.differences(&model.path), [""; 0]);
    downloader.filled().await;
    // A model that needs a token must not become readable for everyone who can read the store.
    let private = ModelFixture::new("mlc-ai/private").access(Access::Private(vec!["hf_s3cret".to_owned()]));
    let model = fleet.world.hub.publish(&private);
    let token = facade::Token::new("hf_s3cret").unwrap();
    let downloader = fleet.machine("private").token(token).build().unwrap();
    downloader.download(request(&model)).await.unwrap();
    let error = downloader.filled().await.pop().unwrap().outcome.unwrap_err();
    assert!(matches!(error, Error::Private { .. }), "{error:?}");
}

/// A failed download returns the lease, so that the next machine need not wait until the holder counts
/// as dead.
#[tokio::test]
async fn a_failed_holder_leaves_no_lease() {
    let fleet = Fleet::around(true);
    let broken = ModelFixture::new("mlc-ai/broken").without_config();
    let model = fleet.world.hub.publish(&broken);
    let downloader = fleet.machine("filler").build().unwrap();
    downloader.download(request(&model)).await.unwrap_err();
    let lease = fleet.server.get(&format!("/models/leases/{}.json", model.commit)).unwrap();
    assert!(String::from_utf8_lossy(&lease).contains(r#""holder":"""#), "{lease:?}");
}

/// A blocking caller has the model before the store does.
#[test]
fn a_blocking_download_does_not_wait_for_the_store() {
    let fleet = Fleet::around(true);
    let model = blocking::download(&fleet.machine("filler").build().unwrap(), request(&fleet.model)).unwrap();
    assert_eq!(fleet.model.differences(&model.path), [""; 0]);
    let log = fleet.world.hub.log();
    // The last request to the hub is about the name.
    assert!(log.wait_until(PATIENCE, |_| fleet.is_filled()));
}
