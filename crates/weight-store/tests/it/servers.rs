//! One list of behaviours, run against the servers that stores are kept on.

use std::cell::RefCell;

use local_hub::{
    AzureAccess, DebianServer, LocalAzure, LocalGcs, LocalS3, LocalWebStore, OtherServer, WebStoreSettings,
};
use net::{Hop, Request};
use reqwest::Method;
use reqwest::header::{CONTENT_RANGE, HeaderValue, RANGE};
use url_parse::{CommitId, ErrorKind};
use weight_store::{BlobPlace, Error, Lease, LeaseSeen, LeaseTaken, Put, Store, StoreSettings};

use crate::contract::keeps_the_contract;
use crate::support::{Stage, again, ago, chain, client, content, open, record, settings_of};

/// A running server.
struct Served {
    /// The URL of a store, without its last component.
    url: String,
    settings: StoreSettings,
    /// Settings with wrong credentials.
    wrong: Option<StoreSettings>,
    conditions: Conditions,
    /// The status of a range request.
    range_status: u16,
    /// How many clients write the same name at once.
    racers: u8,
}

/// What happens to a name that several clients write at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conditions {
    /// The latest record wins.
    Hold,
    /// Conditions hold, but not for simultaneous requests: any of the records may win.
    HoldOneByOne,
    /// The last writer wins.
    Ignored,
}

impl Served {
    fn at(url: &str, settings: StoreSettings) -> Self {
        let url = url.to_owned();
        Self { url, settings, wrong: None, conditions: Conditions::Hold, range_status: 206, racers: 16 }
    }

    fn store(&self, name: &str) -> Store {
        open(&format!("{}/{name}", self.url), &self.settings)
    }

    async fn behaves(&self, stage: &Stage) {
        let store = self.store("a/prefix");
        let is_able = self.conditions != Conditions::Ignored;
        keeps_the_contract(stage, &store, is_able).await;
        self.two_stores_are_apart().await;
        self.many_write_a_name(stage).await;
        self.one_of_many_has_a_lease().await;
        large_contents(stage, &store).await;
        self.ranges(stage, &store).await;
        self.nobody_else_is_let_in(stage).await;
    }

    async fn two_stores_are_apart(&self) {
        let other = self.store("other");
        assert_eq!(other.info().await.unwrap(), None);
        assert_eq!(other.find_pack(&CommitId::from_bytes([7; 20])).await.unwrap(), None);
    }

    async fn many_write_a_name(&self, stage: &Stage) {
        let store = self.store("race");
        let inits = (0..self.racers).map(|_| async {
            let store = self.store("race");
            assert_eq!(again(async || store.init().await).await.format, 1);
        });
        join_all(inits).await;
        // However the race to set it up ended, the store must not promise more than it keeps.
        let info = store.info().await.unwrap().unwrap();
        assert!(self.conditions != Conditions::Ignored || !info.conditional_put);
        let writers = (1..=self.racers).map(|number| {
            let (store, name) = (store.clone(), stage.name());
            async move {
                let record = record(number, ago(1000 - u64::from(number)));
                again(async || store.put_ref(&name, &record).await).await;
            }
        });
        join_all(writers).await;
        let last = store.find_ref(&stage.name()).await.unwrap().unwrap();
        if self.conditions == Conditions::Hold && info.conditional_put {
            assert_eq!(last.commit, CommitId::from_bytes([self.racers; 20]));
        }
        assert!((1..=self.racers).any(|number| last.commit == CommitId::from_bytes([number; 20])));
    }

    async fn one_of_many_has_a_lease(&self) {
        let (store, commit) = (self.store("race"), CommitId::from_bytes([9; 20]));
        if !store.info().await.unwrap().unwrap().conditional_put {
            // Leases are not used there.
            return;
        }
        let mut lease = self.race_for(&commit, None).await;
        assert!(lease.renew(3, 10).await.unwrap());
        let LeaseTaken::Theirs(seen) = store.take_lease(&commit, "another", None).await.unwrap() else {
            panic!()
        };
        assert_eq!(seen.of(), 10);
        // It has not progressed for long enough, and all clients notice at once.
        let taken_over = self.race_for(&commit, Some(&seen)).await;
        assert!(!lease.renew(4, 10).await.unwrap(), "it is somebody else's by now");
        taken_over.release().await.unwrap();
    }

    /// Several clients try to take the lease; one gets it.
    async fn race_for(&self, commit: &CommitId, dead: Option<&LeaseSeen>) -> Box<Lease> {
        let taken = RefCell::new(Vec::new());
        let racers = (0..self.racers).map(|number| {
            let (store, taken) = (self.store("race"), &taken);
            async move {
                let holder = format!("holder {number}");
                if let LeaseTaken::Ours(lease) =
                    again(async || store.take_lease(commit, &holder, dead).await).await
                {
                    taken.borrow_mut().push(lease);
                }
            }
        });
        join_all(racers).await;
        let mut taken = taken.into_inner();
        assert!(taken.len() == 1 || self.conditions == Conditions::HoldOneByOne, "{taken:?}");
        taken.pop().unwrap()
    }

    /// As shards are fetched: by ranges, several at once.
    async fn ranges(&self, stage: &Stage, store: &Store) {
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| (at % 253) as u8).collect();
        let blob = stage.blob(&bytes);
        store.put_blob(&blob, false).await.unwrap();
        let BlobPlace::Url { url, headers, .. } = store.locate(&blob.id).await.unwrap() else { panic!() };
        let asked = [0..1, 1..50_000, 50_000..99_999, 99_999..100_000].map(|range| {
            let mut request = Request::get(url.clone(), "read", Hop::Store);
            request.own_headers = headers.clone();
            let text = format!("bytes={}-{}", range.start, range.end - 1);
            request.headers.insert(RANGE, HeaderValue::try_from(text).unwrap());
            let part = bytes.get(range.clone()).unwrap();
            async move {
                let answer = client().send(request, &()).await.unwrap();
                assert_eq!(answer.status().as_u16(), self.range_status);
                let expected = format!("bytes {}-{}/100000", range.start, range.end - 1);
                assert_eq!(answer.headers().get(CONTENT_RANGE).unwrap(), &expected);
                assert_eq!(answer.read(1 << 20).await.unwrap().unwrap(), part);
            }
        });
        join_all(asked).await;
    }

    async fn nobody_else_is_let_in(&self, stage: &Stage) {
        let Some(wrong) = &self.wrong else { return };
        let store = open(&format!("{}/a/prefix", self.url), wrong);
        let blob = stage.blob(b"refused");
        for error in [
            store.put_blob(&blob, true).await.unwrap_err(),
            store.find_pack(&CommitId::from_bytes([7; 20])).await.unwrap_err(),
            store.init().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Refused, "{}", chain(&error));
            assert!(!chain(&error).contains("ignature="), "{}", chain(&error));
        }
        assert_eq!(content(&self.store("a/prefix"), &blob.id).await, None);
    }
}

/// In parts, if the server supports them.
async fn large_contents(stage: &Stage, store: &Store) {
    let large: Vec<u8> = (0..33_u32 << 20).map(|at| (at % 251) as u8).collect();
    let blob = stage.blob(&large);
    assert_eq!(store.put_blob(&blob, false).await.unwrap(), Put::Written);
    assert_eq!(store.put_blob(&blob, false).await.unwrap(), Put::WasThere);
    assert!(content(store, &blob.id).await.unwrap() == large);
    let mistaken = stage.mistaken(&large[1..]);
    let error = store.put_blob(&mistaken, false).await.unwrap_err();
    assert!(matches!(error, Error::OtherContent { .. }), "{error:?}");
    assert_eq!(content(store, &mistaken.id).await, None);
}

async fn join_all(futures: impl IntoIterator<Item = impl Future<Output = ()>>) {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// The same settings with another secret.
fn mistyped(variables: &[(String, String)], secret: &str, other: &str) -> StoreSettings {
    let other = |name: &str, value: &str| if name == secret { other.to_owned() } else { value.to_owned() };
    settings_of(variables.iter().map(|(name, value)| (name.clone(), other(name, value))))
}

#[tokio::test]
async fn seaweedfs_behaves() {
    let stage = Stage::new();
    let Some(server) = LocalS3::start(stage.folder.path()) else { return };
    let wrong = mistyped(&server.variables(), "AWS_SECRET_ACCESS_KEY", "another-s3cret");
    let served = Served::at("s3://models", settings_of(server.variables()));
    Served { wrong: Some(wrong), ..served }.behaves(&stage).await;
}

/// Two servers at once, in one process or several, do not take each other's port.
#[tokio::test]
async fn two_seaweedfs_servers_take_different_ports() {
    let stage = Stage::new();
    let Some(one) = LocalS3::start(stage.folder.path()) else { return };
    let Some(two) = LocalS3::start(stage.folder.path()) else { return };
    for server in [one, two] {
        open("s3://models", &settings_of(server.variables())).init().await.unwrap();
    }
}

/// It checks no signatures, so wrong credentials are not tested.
#[tokio::test]
async fn moto_behaves() {
    let stage = Stage::new();
    let Some(server) = OtherServer::moto(&stage.folder.path().join("moto")) else { return };
    // The client creates the bucket.
    let request = request_for(Method::PUT, &format!("{}/models", server.endpoint()));
    assert!(client().send(request, &()).await.unwrap().status().is_success());
    let settings = settings_of([
        ("AWS_ENDPOINT_URL", server.endpoint()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ]);
    Served::at("s3://models", settings).behaves(&stage).await;
}

/// Ranges are answered with status 200, and nothing prevents overwriting: blobs are right all the same.
#[tokio::test]
async fn rclone_behaves_without_conditions() {
    let stage = Stage::new();
    let Some(server) = OtherServer::rclone(&stage.folder.path().join("rclone")) else { return };
    let variables = [
        ("AWS_ENDPOINT_URL", server.endpoint()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test-key"),
        ("AWS_SECRET_ACCESS_KEY", "test-s3cret"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let wrong = mistyped(&variables, "AWS_SECRET_ACCESS_KEY", "another-s3cret");
    let served = Served::at("s3://models", settings_of(variables));
    let conditions = Conditions::Ignored;
    Served { wrong: Some(wrong), conditions, range_status: 200, ..served }.behaves(&stage).await;
}

#[tokio::test]
async fn azurite_behaves() {
    let stage = Stage::new();
    let Some(server) = LocalAzure::start(&stage.folder.path().join("azurite")) else { return };
    let variables = server.variables(AzureAccess::Key);
    let wrong = mistyped(&variables, "AZURE_STORAGE_ACCOUNT_KEY", "YW5vdGhlci1zM2NyZXQ=");
    let served = Served::at("az://models", settings_of(variables));
    Served { wrong: Some(wrong), ..served }.behaves(&stage).await;
}

/// As far as the [stand-in](LocalGcs) goes.
#[tokio::test]
async fn the_stand_in_for_google_behaves() {
    let (stage, server) = (Stage::new(), LocalGcs::start());
    let variables = server.variables(stage.folder.path());
    let wrong = settings_of([("GOOGLE_BASE_URL", server.url().as_str()), ("GOOGLE_SKIP_SIGNATURE", "true")]);
    let served = Served::at("gs://models", settings_of(variables));
    Served { wrong: Some(wrong), ..served }.behaves(&stage).await;
}

#[tokio::test]
async fn nginx_behaves() {
    let stage = Stage::new();
    let Some(server) = DebianServer::nginx_dav() else { return };
    let served = Served::at(&server.url(), StoreSettings::default());
    Served { conditions: Conditions::Ignored, ..served }.behaves(&stage).await;
}

#[tokio::test]
async fn apache_behaves() {
    let stage = Stage::new();
    let Some(server) = DebianServer::apache_dav() else { return };
    let served = Served::at(&server.url(), StoreSettings::default());
    // A file must be a second old before conditions can use it, so each writer takes a second.
    Served { conditions: Conditions::HoldOneByOne, racers: 4, ..served }.behaves(&stage).await;
}

/// The store that most other tests use behaves the same.
#[tokio::test]
async fn the_local_web_store_behaves() {
    for (knows_conditions, conditions) in [(false, Conditions::Ignored), (true, Conditions::Hold)] {
        let settings = WebStoreSettings { knows_conditions, ..WebStoreSettings::default() };
        let (stage, server) = (Stage::new(), LocalWebStore::start_with(settings));
        let served = Served::at(&server.url(), StoreSettings::default());
        Served { conditions, ..served }.behaves(&stage).await;
    }
}

fn request_for(method: Method, url: &str) -> Request {
    let mut request = Request::get(url.parse().unwrap(), "ask", Hop::Store);
    request.method = method;
    request
}
