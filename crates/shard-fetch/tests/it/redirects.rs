//! A data host's own redirects. Which ones are followed, and with which headers: `tests/e2e/one_http.rs`.

use std::sync::Arc;

use local_hub::{Fault, FaultTarget, Times};
use shard_fetch::{Error, ErrorKind, LocateError, LocateReason, Location, Locator, RepoPath, async_trait};

use crate::support::{Stage, chain};

/// The same location for every file.
struct Fixed(Location);

#[async_trait]
impl Locator for Fixed {
    async fn locate(&self, _file: &RepoPath, _reason: LocateReason) -> Result<Location, LocateError> {
        Ok(self.0.clone())
    }
}

/// The location of the stage's `a.bin`.
async fn location(stage: &Stage) -> Location {
    stage.locator.locate(&"a.bin".parse().unwrap(), LocateReason::First).await.unwrap()
}

async fn fetch(stage: &Stage, location: Location) -> Result<(), Error> {
    stage.fetch_from(stage.requests(), Arc::new(Fixed(location)), Arc::new(())).await
}

fn redirect(stage: &Stage, to: &str, times: Times) {
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::redirect(302, to), times);
}

#[tokio::test]
async fn every_request_of_a_chain_has_the_range() {
    let stage = Stage::one(1000);
    let location = location(&stage).await;
    redirect(&stage, location.url.as_str(), Times::N(5));
    fetch(&stage, location).await.unwrap();
    assert_eq!(stage.ranges("a.bin"), ["bytes=0-"; 6]);
}

#[tokio::test]
async fn a_redirect_that_is_refused_names_file_and_host() {
    let stage = Stage::one(1000);
    let location = location(&stage).await;
    redirect(&stage, location.url.as_str(), Times::Forever);
    let error = fetch(&stage, location).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.to_string(), format!("cannot download a.bin from {}", stage.hub.data_origin()));
    assert!(chain(&error).ends_with("was redirected more than 5 times"), "{}", chain(&error));
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
