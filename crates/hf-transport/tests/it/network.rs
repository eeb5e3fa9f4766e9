//! Connections that break or fall silent.

use std::time::{Duration, Instant};

use hf_transport::{Error, ErrorKind};
use local_hub::{Fault, FaultTarget, ModelFixture, Outcome, Times};

use crate::support::{ID, IMPATIENT, PATIENCE, Stage};

/// Long enough that a waiting test would be seen, short enough that a slow machine is not taken for one.
const PROMPTLY: Duration = Duration::from_secs(5);

/// Every request of a fetch, and what it is called in messages.
fn requests() -> [(FaultTarget, &'static str); 3] {
    [
        (FaultTarget::info_refs(ID), "list the references of"),
        (FaultTarget::upload_pack(ID), "fetch git objects from"),
        (FaultTarget::upload_pack(ID).skip(1), "fetch git objects from"),
    ]
}

/// A model whose metadata does not fit into one packet of the network.
fn stage() -> Stage {
    let text = (0..20_000).map(|number| format!("{number} ")).collect::<String>();
    Stage::new(&ModelFixture::new(ID).plain_file("vocabulary.txt", text))
}

#[tokio::test]
async fn silence_is_cut_before_and_in_every_answer() {
    let stage = stage().impatient();
    for fault in [Fault::NoAnswer, Fault::Stall { after: 0 }, Fault::Stall { after: 50 }] {
        for (target, action) in requests() {
            stage.hub.fault(target, fault.clone(), Times::Once);
            let began = Instant::now();
            let error = stage.fetch_error().await;
            assert!((IMPATIENT..PROMPTLY).contains(&began.elapsed()), "{fault:?}: {:?}", began.elapsed());
            assert!(matches!(error, Error::Stalled { idle: IMPATIENT, .. }), "{fault:?}: {error:?}");
            assert!(error.is_transient());
            let message = error.to_string();
            assert!(message.starts_with(&format!("cannot {action} http://127.0.0.1")), "{message}");
            assert!(message.ends_with(": it sent nothing for 0.2 s"), "{message}");
            let log = stage.hub.log();
            assert!(log.until(PATIENCE, |log| log.in_flight() == 0).await, "{log}");
            assert_eq!(log.requests().last().unwrap().outcome, Outcome::ClosedByClient, "{log}");
        }
    }
}

#[tokio::test]
async fn silence_in_the_middle_of_the_pack_is_cut() {
    let stage = stage().impatient();
    stage.hub.fault(FaultTarget::upload_pack(ID).skip(1), Fault::Stall { after: 5000 }, Times::Once);
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::Stalled { .. }), "{error:?}");
    assert_eq!(stage.hub.log().requests().last().unwrap().body_sent, 5000);
}

#[tokio::test]
async fn slow_is_not_silent() {
    let stage = Stage::usual().impatient();
    let drip = Fault::SlowDrip { bytes: 50, every: IMPATIENT / 20 };
    stage.hub.fault(FaultTarget::any(ID), drip, Times::Forever);
    let began = Instant::now();
    stage.fetch_whole().await;
    assert!(began.elapsed() > IMPATIENT, "the whole must take longer than the time-out");
}

#[tokio::test]
async fn broken_connections_are_worth_another_try() {
    let stage = stage();
    for fault in [
        Fault::Refuse,
        Fault::Truncate { after: 0 },
        Fault::Truncate { after: 40 },
        Fault::Reset { after: 0 },
        Fault::Reset { after: 40 },
    ] {
        for (target, action) in requests() {
            stage.hub.fault(target, fault.clone(), Times::Once);
            let error = stage.fetch_error().await;
            assert!(matches!(error, Error::Transport { .. }), "{fault:?}: {error:?}");
            assert!(error.to_string().starts_with(&format!("cannot {action} http://")), "{error}");
            assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Network, true));
            assert!(std::error::Error::source(&error).is_some());
        }
    }
    stage.fetch_whole().await;
}

#[tokio::test]
async fn a_pack_that_is_cut_or_spoiled_is_noticed() {
    let stage = stage();
    let pack = || FaultTarget::upload_pack(ID).skip(1);
    for fault in [Fault::Truncate { after: 3000 }, Fault::Reset { after: 3000 }, Fault::Corrupt { at: 3000 }]
    {
        stage.hub.fault(pack(), fault.clone(), Times::Once);
        let error = stage.fetch_error().await;
        assert_eq!(error.kind(), ErrorKind::Network, "{fault:?}: {error:?}");
    }
    stage.fetch_whole().await;
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_named() {
    let mut stage = Stage::usual();
    let gone = crate::support::hub();
    stage.config.endpoint = gone.endpoint().parse().unwrap();
    drop(gone);
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    let expected = format!("cannot list the references of {}user/model/info/refs?…", stage.config.endpoint);
    let expected = expected.replace("user/", "/user/").replace("//user/", "/user/");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn the_hub_may_be_behind_a_proxy() {
    let mut stage = Stage::usual();
    // A hub answers to absolute URLs as well, which makes it a proxy to itself.
    stage.config.proxy.http = Some(stage.hub.endpoint());
    stage.config.endpoint = "http://hub.invalid".parse().unwrap();
    stage.fetch_whole().await;
    stage.locate("tokenizer.json").await.unwrap();

    stage.config.proxy.no_proxy = Some("hub.invalid".to_owned());
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert_eq!(
        stage.hub.log().requests().iter().filter(|request| request.path.contains("invalid")).count(),
        0
    );
}

#[test]
fn settings_that_cannot_be_used_are_refused_without_showing_them() {
    let mut config = hf_transport::HubConfig::new("http://127.0.0.1:1".parse().unwrap());
    config.proxy.https = Some("http://user:s3cret@[".to_owned());
    assert!(!format!("{config:?}").contains("s3cret"));
    let error = hf_transport::HubClient::new(config.clone()).unwrap_err();
    assert_eq!(error.to_string(), "the proxy for https is not a usable URL");
    crate::support::assert_nothing_secret(&error);

    config.proxy.https = None;
    config.user_agent = "line\nfeed".to_owned();
    let error = hf_transport::HubClient::new(config).unwrap_err();
    assert_eq!(error.to_string(), "cannot set up the HTTP client");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
