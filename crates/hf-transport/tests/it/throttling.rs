//! The limits in a hub's responses are obeyed, whatever the response.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hf_transport::{HubMetadata, MetadataSource as _};
use local_hub::{Fault, FaultTarget, ModelFixture, Times};
use net::Gate;
use tokio::sync::Notify;

use crate::support::{ID, Stage};

fn stage() -> (Stage, String) {
    let mut stage = Stage::usual();
    let old = stage.model.commit.clone();
    stage.model = stage.hub.publish(&ModelFixture::new(ID).seed(1));
    (stage, old)
}

fn gate(stage: &Stage) -> Gate {
    stage.gates().for_origin(&stage.hub.endpoint())
}

/// Responses of this kind say that nothing is left; checks which lanes wait afterwards.
async fn check(target: FaultTarget, expected: [bool; 3]) {
    let (stage, old) = stage();
    let name = "ratelimit".to_owned();
    let header = Fault::Header { name, value: Some("\"any\";r=0;t=100".to_owned()) };
    stage.hub.fault(target.clone(), header, Times::Once);
    if !expected[0] {
        // Other requests are made only after this.
        stage.hub.fault(FaultTarget::info_refs(ID), Fault::status(404), Times::Forever);
    }
    let request = stage.request(Some(&old), Arc::new(()));
    let told = Arc::new(Notify::new());
    let tell = Arc::clone(&told);
    let source = HubMetadata::new(stage.client().on_throttled(move |_| tell.notify_one()));
    // Further requests of that lane wait, so it may never finish.
    tokio::select! {
        outcome = source.fetch(request) => { outcome.unwrap(); }
        () = told.notified() => {}
    }
    let waits = ["git", "api", "files"].map(|lane| gate(&stage).enter(lane, Instant::now()).is_some());
    assert_eq!(waits, expected, "{target:?}");
}

#[tokio::test]
async fn limits_are_read_from_every_response() {
    check(FaultTarget::info_refs(ID), [true, false, false]).await;
    check(FaultTarget::api(ID), [false, true, false]).await;
    check(FaultTarget::resolve("README.md"), [false, false, true]).await;
    check(FaultTarget::resolve_cache("README.md"), [false, false, true]).await;
}

#[tokio::test]
async fn a_refusal_holds_everything_and_is_told_once() {
    check_told_once(Fault::retry_after(429, "100")).await;
    // This also says that nothing is left in the window, but since nothing more is requested, nothing
    // is spread.
    check_told_once(Fault::rate_limited(100)).await;
}

async fn check_told_once(refusal: Fault) {
    let stage = Stage::usual();
    stage.hub.fault(FaultTarget::resolve("README.md"), refusal, Times::Once);
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let client = stage.client().on_throttled(move |throttled| heard.lock().unwrap().push(throttled.clone()));
    let commit = stage.model.commit.parse().unwrap();
    client.locate_file(&stage.id(), &commit, &"README.md".parse().unwrap()).await.unwrap_err();

    let wait = Duration::from_secs(100);
    assert!(gate(&stage).remaining(Instant::now()) <= Some(wait));
    for lane in ["git", "api", "files"] {
        assert!(gate(&stage).enter(lane, Instant::now()).is_some(), "{lane}");
    }
    assert_eq!(stage.gates().for_origin(&stage.hub.data_origin()).remaining(Instant::now()), None);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].origin.to_string(), told[0].pause), (stage.hub.endpoint(), wait));
    assert!(!told[0].is_spread);
}
