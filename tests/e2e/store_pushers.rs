//! Several writers of a store that are stopped.

use facade::stores::{PushOptions, Pushed, StoreMode};
use facade::{Durability, Error, Request};
use local_hub::{FaultProxy, LocalWebStore, ModelFixture, PublishedModel, WebStoreSettings};

use crate::world::World;

/// A hub with two models, a store behind a proxy, and three machines that have the models.
struct Fillers {
    world: World,
    models: [PublishedModel; 2],
    server: LocalWebStore,
    proxy: FaultProxy,
}

impl Fillers {
    async fn new() -> Self {
        let (world, first) = World::with(&ModelFixture::new("mlc-ai/first").shards(1, 3_000));
        let second = world.hub.publish(&ModelFixture::new("mlc-ai/second").seed(1).shards(1, 3_000));
        let server =
            LocalWebStore::start_with(WebStoreSettings { knows_conditions: true, ..Default::default() });
        let proxy = FaultProxy::before(&server.url());
        let fillers = Self { world, models: [first, second], server, proxy };
        for machine in 0..3 {
            let downloader = fillers.builder(&format!("machine {machine}")).stores([]).build().unwrap();
            downloader.download(fillers.request(machine)).await.unwrap();
        }
        fillers
    }

    /// The first two have the same model.
    fn model(&self, machine: usize) -> &PublishedModel {
        &self.models[machine / 2]
    }

    fn request(&self, machine: usize) -> Request {
        self.model(machine).url.parse().unwrap()
    }

    fn builder(&self, home: &str) -> facade::DownloaderBuilder {
        let store = format!("{}/models", self.proxy.url()).parse().unwrap();
        let builder = self.world.builder().home(self.world.beside(home)).stores([store]);
        builder.durability(Durability::Fast)
    }

    async fn push(&self, machine: usize) -> Result<Pushed, Error> {
        let downloader = self.builder(&format!("machine {machine}")).build().unwrap();
        downloader.push(self.request(machine), PushOptions::default()).await
    }

    /// Whether a reader of this store alone finds the whole model; otherwise the store must have
    /// nothing of it.
    async fn has(&self, model: &PublishedModel, case: &str) -> bool {
        let home = self.world.beside("reader");
        // Perhaps left by the last reader.
        let _ = std::fs::remove_dir_all(&home);
        let downloader = self.builder("reader").store_mode(StoreMode::Only).build().unwrap();
        match downloader.download(model.url.parse().unwrap()).await {
            Ok(found) => assert_eq!(model.differences(&found.path), [""; 0], "{case}"),
            Err(error) => {
                let is_all_missing =
                    matches!(&error, Error::NotInStore { missing, .. } if !missing.contains(".bin"));
                assert!(is_all_missing, "{case}: {error:?}");
                return false;
            }
        }
        true
    }

    /// How many of the models are there.
    async fn count(&self, case: &str) -> usize {
        let mut count = 0;
        for model in &self.models {
            count += usize::from(self.has(model, case).await);
        }
        count
    }

    fn empty(&self) {
        for path in self.server.paths() {
            self.server.remove(&path);
        }
    }
}

/// Three writers, two of them with the same model, stop simultaneously: all at their first request,
/// then all at their second, and so on to the last.
#[tokio::test]
async fn three_writers_may_stop_at_any_request() {
    let fillers = Fillers::new().await;
    let (mut number, mut seen) = (0, [0; 3]);
    loop {
        fillers.empty();
        fillers.proxy.stop_at(Some(number));
        let pushes = async { tokio::join!(fillers.push(0), fillers.push(1), fillers.push(2)) };
        let is_stopped = tokio::select! {
            outcomes = pushes => {
                assert!(outcomes.0.is_ok() && outcomes.1.is_ok() && outcomes.2.is_ok(), "{outcomes:?}");
                false
            }
            () = fillers.proxy.stopped() => true,
        };
        fillers.proxy.stop_at(None);
        let case = format!("request {number}");
        seen[fillers.count(&case).await] += 1;
        for machine in [2, 0, 1] {
            let pushed = fillers.push(machine).await.unwrap();
            assert_eq!(pushed.commit.to_string(), fillers.model(machine).commit, "{case}");
        }
        assert_eq!(fillers.count(&case).await, 2, "{case}");
        if !is_stopped {
            break;
        }
        number += 1;
    }
    assert!(number > 30, "{number} requests");
    assert!(seen.iter().all(|times| *times > 0), "none, one and both were there: {seen:?}");
}

/// The server carries out a request, and the writer does not receive the response.
#[tokio::test]
async fn a_lost_response_does_no_harm() {
    let fillers = Fillers::new().await;
    let mut number = 0;
    loop {
        fillers.empty();
        let before = fillers.proxy.requests().len();
        fillers.proxy.lose_answer(number);
        let pushed = fillers.push(0).await.unwrap();
        assert_eq!(pushed.files + pushed.files_there, 2, "request {number}: {pushed:?}");
        let requests = fillers.proxy.requests().len() - before;
        assert!(fillers.has(fillers.model(0), &format!("request {number}")).await, "request {number}");
        let drafts: Vec<String> =
            fillers.server.paths().into_iter().filter(|path| path.contains(".tmp-")).collect();
        assert_eq!(drafts, [""; 0], "request {number}: {:?}", &fillers.proxy.requests()[before..]);
        if number >= requests {
            break;
        }
        number += 1;
    }
    assert!(number > 12, "{number} requests");
}

/// Readers that arrive while the store is being filled find the whole model or nothing.
#[tokio::test]
async fn readers_during_a_push_find_all_or_nothing() {
    let fillers = Fillers::new().await;
    let mut readers = 0;
    for _ in 0..5 {
        fillers.empty();
        let mut pushing = std::pin::pin!(fillers.push(0));
        loop {
            tokio::select! {
                _ = fillers.has(&fillers.models[0], "a reader") => readers += 1,
                pushed = &mut pushing => break drop(pushed.unwrap()),
            }
        }
        assert!(fillers.has(&fillers.models[0], "when it is done").await);
    }
    assert!(readers > 0);
}
