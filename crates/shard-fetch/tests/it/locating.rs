//! Locators that behave in various ways.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use local_hub::{Fault, FaultTarget, LocalWebStore, NO_SERVER, Times};
use shard_fetch::{
    Error, ErrorKind, LocateError, LocateReason, Location, Locator, RepoPath, Url, async_trait,
};

use crate::support::{HubLocator, Stage, chain};

/// Gives the prepared results one after another, then the hub's.
struct Moody {
    answers: Mutex<VecDeque<Result<Location, LocateError>>>,
    asked: Mutex<Vec<(LocateReason, Instant)>>,
    hub: Arc<HubLocator>,
}

impl Moody {
    fn new(stage: &Stage, answers: impl IntoIterator<Item = Result<Location, LocateError>>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self { answers, asked: Mutex::default(), hub: stage.locator.clone() })
    }

    fn reasons(&self) -> Vec<LocateReason> {
        self.asked.lock().unwrap().iter().map(|(reason, _)| *reason).collect()
    }
}

#[async_trait]
impl Locator for Moody {
    async fn locate(&self, file: &RepoPath, reason: LocateReason) -> Result<Location, LocateError> {
        self.asked.lock().unwrap().push((reason, Instant::now()));
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => self.hub.locate(file, reason).await,
        }
    }
}

fn trouble(count: usize) -> impl Iterator<Item = Result<Location, LocateError>> {
    (0..count).map(|_| Err(LocateError::transient("the hub answers 500", None)))
}

fn at(url: &str) -> Location {
    Location::new(url.parse::<Url>().unwrap())
}

async fn fetch(stage: &Stage, locator: &Arc<Moody>) -> Result<(), Error> {
    stage.fetch_from(stage.requests(), locator.clone(), Arc::new(())).await
}

#[tokio::test]
async fn a_locator_that_recovers() {
    let stage = Stage::one(1000);
    let locator = Moody::new(&stage, trouble(4));
    fetch(&stage, &locator).await.unwrap();
    assert_eq!(locator.reasons(), [LocateReason::First; 5]);
    assert_eq!(stage.events.retries("a.bin"), ["cannot locate the file"; 4]);
}

#[tokio::test]
async fn locating_and_fetching_have_one_budget() {
    let stage = Stage::one(1000);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(503), Times::Forever);
    let locator = Moody::new(&stage, trouble(3));
    let error = fetch(&stage, &locator).await.unwrap_err();
    assert!(matches!(error, Error::GaveUp { attempts: 6, .. }), "{}", chain(&error));
    assert_eq!(stage.hub.log().data().count(), 3);
}

#[tokio::test]
async fn a_locator_that_never_recovers() {
    let stage = Stage::one(1000);
    let error = fetch(&stage, &Moody::new(&stage, trouble(9))).await.unwrap_err();
    assert!(error.to_string().starts_with("gave up on a.bin after 6 failed attempts in "), "{error}");
    assert!(chain(&error).ends_with(": cannot locate the file: the hub answers 500"), "{}", chain(&error));
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[tokio::test]
async fn a_locator_decides_the_kind_of_error() {
    let stage = Stage::one(1000);
    let locator = Moody::new(&stage, [Err(LocateError::permanent("no such file", ErrorKind::Integrity))]);
    let error = fetch(&stage, &locator).await.unwrap_err();
    assert_eq!(chain(&error), "cannot locate a.bin: no such file");
    assert_eq!(error.kind(), ErrorKind::Integrity, "the locator says what it is");
    assert!(!error.is_transient());
    assert_eq!(locator.reasons().len(), 1);
}

#[tokio::test]
async fn a_wait_that_the_hub_asks_for_holds_all_locating() {
    let stage = Stage::new(&[("a.bin", 10), ("b.bin", 10), ("c.bin", 10)]).in_flight(1);
    let second = Duration::from_secs(1);
    let locator = Moody::new(&stage, [Err(LocateError::transient("the hub answers 429", Some(second)))]);
    fetch(&stage, &locator).await.unwrap();
    let asked = locator.asked.lock().unwrap();
    assert!(asked[1].1 - asked[0].1 >= second);
    assert_eq!(asked.len(), 4);
}

#[tokio::test]
async fn an_expired_location_is_not_used_again() {
    let stage = Stage::one(200_000);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::Truncate { after: 1000 }, Times::Once);
    let file: RepoPath = "a.bin".parse().unwrap();
    let mut location = stage.locator.locate(&file, LocateReason::First).await.unwrap();
    location.expires_at = Some(SystemTime::now());
    let locator = Moody::new(&stage, [Ok(location)]);
    fetch(&stage, &locator).await.unwrap();
    assert_eq!(locator.reasons(), [LocateReason::First, LocateReason::Expired]);
    assert_eq!(stage.ranges("a.bin"), ["bytes=0-", "bytes=1000-"]);
}

#[tokio::test]
async fn locations_that_cannot_be_fetched() {
    for (url, problem) in [
        ("ftp://host/a", "the URL is neither http nor https"),
        ("file:///etc/passwd", "the URL is neither http nor https"),
        ("https://user:s3cret@host/a", "the URL contains a user name or a password"),
    ] {
        let stage = Stage::one(1000);
        let error = fetch(&stage, &Moody::new(&stage, [Ok(at(url))])).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot use the location of a.bin: {problem}"));
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
}

#[tokio::test]
async fn a_host_that_is_gone_fails_after_six_attempts() {
    let stage = Stage::one(1000);
    let gone = (0..5).map(|_| Ok(at(&format!("{NO_SERVER}/a?Signature=s3cret"))));
    let error = fetch(&stage, &Moody::new(&stage, gone)).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("gave up on a.bin from {NO_SERVER} after 6 ")), "{error}");
    assert!(chain(&error).contains(": the request failed: "), "{}", chain(&error));
}

/// A place that is not the last one.
fn alternative(url: &str) -> Location {
    let mut location = at(url);
    location.alternative = true;
    location
}

/// Fetches `a.bin` from these places and then, when they have failed, from the hub. Returns why the
/// locator was asked.
#[track_caller]
fn turns(
    stage: &Stage,
    places: impl IntoIterator<Item = Location>,
) -> impl Future<Output = Vec<LocateReason>> {
    let locator = Moody::new(stage, places.into_iter().map(Ok));
    async move {
        let fetched = fetch(stage, &locator).await;
        assert!(fetched.is_ok(), "{}", fetched.map_err(|error| chain(&error)).unwrap_err());
        let file = stage.model.file("a.bin").unwrap();
        assert_eq!(std::fs::read(stage.destination("a.bin")).unwrap(), file.bytes());
        locator.reasons()
    }
}

#[tokio::test]
async fn another_location_is_tried_if_the_first_does_not_have_the_file() {
    let server = LocalWebStore::start();
    let wrong = vec![0; 1000];
    server.put("/wrong", wrong);
    server.put("/short", "x");
    for (path, status, expected) in [
        ("/absent", 404, vec![LocateReason::Refused(404)]),
        ("/refused", 403, vec![LocateReason::Refused(403)]),
        // Would be final if there were no other place.
        ("/denied", 405, vec![LocateReason::Refused(405)]),
        ("/wrong", 200, vec![LocateReason::Mismatched]),
        ("/short", 200, vec![LocateReason::Mismatched]),
    ] {
        if ![200, 404].contains(&status) {
            server.refuse(path, status);
        }
        let stage = Stage::one(1000);
        let reasons = turns(&stage, [alternative(&format!("{}{path}", server.url()))]).await;
        assert_eq!(reasons[1..], expected, "{path}");
        assert_eq!(stage.hub.log().data().count(), 1, "{path}");
    }
    // A cache may have supplied wrong bytes: the locator may want to try once more.
    let stage = Stage::one(1000);
    let wrong = format!("{}/wrong", server.url());
    let reasons = turns(&stage, [alternative(&wrong), alternative(&wrong)]).await;
    assert_eq!(reasons[1..], [LocateReason::Mismatched; 2]);
}

#[tokio::test]
async fn a_location_that_fails_twice_is_abandoned() {
    let stage = Stage::one(1000);
    let reasons = turns(&stage, [alternative(&format!("{NO_SERVER}/a"))]).await;
    assert_eq!(reasons, [LocateReason::First, LocateReason::Failed]);
    assert_eq!(stage.events.retries("a.bin").len(), 2);
}

/// Leaving an overloaded place would only move the load.
#[tokio::test]
async fn an_overloaded_location_gets_all_attempts() {
    let server = LocalWebStore::start();
    for _ in 0..6 {
        server.refuse("/a", 503);
    }
    let stage = Stage::one(1000);
    let reasons = turns(&stage, [alternative(&format!("{}/a", server.url()))]).await;
    assert_eq!(reasons, [LocateReason::First, LocateReason::Failed]);
    assert_eq!(server.requests().len(), 6);
}

/// A server with too many connections does not take new ones.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_place_that_takes_no_connection_has_all_its_attempts() {
    let full = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
    let waiting: Vec<_> = std::iter::from_fn(connect).collect();
    let stage = Stage::one(1000).with_net(|net| net.connect_timeout = Duration::from_millis(100));
    let reasons = turns(&stage, [alternative(&format!("http://{address}/a"))]).await;
    assert_eq!(reasons, [LocateReason::First, LocateReason::Failed]);
    assert_eq!(stage.events.retries("a.bin").len(), 6, "with {} connections waiting", waiting.len());
}

#[tokio::test]
async fn another_location_continues_with_the_bytes_received() {
    let stage = Stage::one(200_000);
    for _ in 0..2 {
        stage.hub.fault(FaultTarget::data("a.bin"), Fault::Truncate { after: 1000 }, Times::Once);
    }
    let file: RepoPath = "a.bin".parse().unwrap();
    let mut location = stage.locator.locate(&file, LocateReason::First).await.unwrap();
    location.alternative = true;
    let reasons = turns(&stage, [location]).await;
    assert_eq!(reasons, [LocateReason::First, LocateReason::Failed]);
    assert_eq!(stage.ranges("a.bin"), ["bytes=0-", "bytes=1000-", "bytes=2000-"]);
}

#[tokio::test]
async fn a_locator_may_switch_eight_times() {
    let server = LocalWebStore::start();
    let stage = Stage::one(1000);
    let places = (0..100).map(|_| Ok(alternative(&format!("{}/absent", server.url()))));
    let error = fetch(&stage, &Moody::new(&stage, places)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 404, .. }), "{}", chain(&error));
    assert_eq!(server.requests().len(), 8 + 4);
}
