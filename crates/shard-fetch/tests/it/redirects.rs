//! A data host's own redirects.

use std::sync::Arc;

use local_hub::{Fault, FaultTarget, Times};
use shard_fetch::{
    Error, ErrorKind, LocateError, LocateReason, Location, Locator, RepoPath, Url, async_trait,
};

use crate::support::{Stage, chain};

/// The same location for every file.
struct Fixed(Location);

#[async_trait]
impl Locator for Fixed {
    async fn locate(&self, _file: &RepoPath, _reason: LocateReason) -> Result<Location, LocateError> {
        Ok(self.0.clone())
    }
}

/// The location of the stage's `a.bin`, with a secret header.
async fn location(stage: &Stage) -> Location {
    let file: RepoPath = "a.bin".parse().unwrap();
    let mut location = stage.locator.locate(&file, LocateReason::First).await.unwrap();
    location.headers.insert("x-secret", "s3cret".parse().unwrap());
    location
}

async fn fetch(stage: &Stage, location: Location) -> Result<(), Error> {
    stage.fetch_from(stage.requests(), Arc::new(Fixed(location)), Arc::new(())).await
}

fn redirect(stage: &Stage, to: &str, times: Times) {
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::redirect(302, to), times);
}

#[tokio::test]
async fn headers_stay_with_their_origin() {
    let stage = Stage::one(1000);
    let location = location(&stage).await;
    // First within the same origin, then to another one, then back.
    let other = Stage::one(1000);
    let elsewhere = self::location(&other).await.url;
    redirect(&stage, location.url.as_str(), Times::Once);
    redirect(&stage, elsewhere.as_str(), Times::Once);
    redirect(&other, location.url.as_str(), Times::Once);
    fetch(&stage, location).await.unwrap();

    let secrets = |stage: &Stage| -> Vec<bool> {
        let requests = stage.hub.log().data().requests();
        requests.iter().map(|request| request.header("x-secret").is_some()).collect()
    };
    assert_eq!(secrets(&stage), [true, true, false]);
    assert_eq!(secrets(&other), [false]);
}

#[tokio::test]
async fn every_request_of_a_chain_has_the_range() {
    let stage = Stage::one(1000);
    let location = location(&stage).await;
    redirect(&stage, location.url.as_str(), Times::N(5));
    fetch(&stage, location).await.unwrap();
    assert_eq!(stage.ranges("a.bin"), ["bytes=0-"; 6]);
}

#[track_caller]
fn is_refused(stage: &Stage, result: Result<(), Error>, problem: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let host = stage.hub.data_origin();
    assert_eq!(error.to_string(), format!("cannot download a.bin from {host}"));
    assert!(chain(&error).ends_with(problem), "{}", chain(&error));
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let stage = Stage::one(1000);
    let location = location(&stage).await;
    redirect(&stage, location.url.as_str(), Times::Forever);
    is_refused(&stage, fetch(&stage, location).await, "was redirected more than 5 times");
    assert_eq!(stage.hub.log().data().count(), 6);
}

#[tokio::test]
async fn targets_that_are_not_followed() {
    for (target, problem) in [
        ("ftp://host/", "only http and https are followed"),
        ("http://", "the location is no URL"),
        ("http://user:pw@host/", "the location holds a user name or a password"),
    ] {
        let stage = Stage::one(1000);
        let location = location(&stage).await;
        redirect(&stage, target, Times::Forever);
        is_refused(&stage, fetch(&stage, location).await, problem);
        assert_eq!(stage.hub.log().data().count(), 1);
    }
    let stage = Stage::one(1000);
    let location = location(&stage).await;
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(302), Times::Forever);
    is_refused(&stage, fetch(&stage, location).await, "it names no location");
}

#[tokio::test]
async fn a_locations_token_is_sent_and_not_shown() {
    // The local hub's data host refuses any `Authorization`, which shows that it was sent.
    let stage = Stage::one(1000);
    let mut location = location(&stage).await;
    location.headers.insert("authorization", "Bearer hf_s3cret".parse().unwrap());
    let error = fetch(&stage, location).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 400, .. }));
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("Only one auth mechanism allowed") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_relative_redirect_is_followed() {
    let stage = Stage::one(1000);
    let location = location(&stage).await;
    let url: &Url = &location.url;
    let relative = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    redirect(&stage, &relative, Times::Once);
    fetch(&stage, location).await.unwrap();
    assert_eq!(stage.hub.log().data().count(), 2);
}
