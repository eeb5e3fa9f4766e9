//! Connections that break or fall silent.

use std::time::{Duration, Instant};

use hf_transport::{Error, ErrorKind, HubClient, HubConfig, Token};
use local_hub::{Fault, FaultTarget, NO_SERVER, Outcome, Times};
use net::{Client, Floor, NetSettings};

use crate::support::{ID, IMPATIENT, PATIENCE, Stage};

/// Long enough to reveal a test that waits, short enough for a slow machine.
const PROMPTLY: Duration = Duration::from_secs(5);

/// Every request of a fetch, and its name in messages.
fn requests() -> [(FaultTarget, &'static str); 2] {
    [
        (FaultTarget::info_refs(ID), "list the references of"),
        (FaultTarget::upload_pack(ID), "fetch git objects from"),
    ]
}

#[tokio::test]
async fn silence_is_cut_before_and_in_every_answer() {
    let stage = Stage::wordy().impatient();
    // The second of the stalls is in the middle of the pack.
    for faults in [[Fault::NoAnswer, Fault::NoAnswer], [50, 5000].map(|after| Fault::Stall { after })] {
        for (fault, (target, action)) in faults.into_iter().zip(requests()) {
            stage.hub.fault(target, fault.clone(), Times::Once);
            let began = Instant::now();
            let error = stage.fetch_error().await;
            assert!((IMPATIENT..PROMPTLY).contains(&began.elapsed()), "{fault:?}: {:?}", began.elapsed());
            assert!(
                matches!(error, Error::Net(net::Error::Stalled { idle: IMPATIENT, .. })),
                "{fault:?}: {error:?}"
            );
            assert!(error.is_transient());
            let message = error.to_string();
            assert!(message.starts_with(&format!("cannot {action} http://127.0.0.1")), "{message}");
            assert!(message.ends_with(": it sent nothing for 0.5 s"), "{message}");
            let log = stage.hub.log();
            assert!(log.until(PATIENCE, |log| log.in_flight() == 0).await, "{log}");
            assert_eq!(log.requests().last().unwrap().outcome, Outcome::ClosedByClient, "{log}");
        }
    }
}

#[tokio::test]
async fn a_slow_response_is_not_cut() {
    let stage = Stage::usual().impatient();
    let drip = Fault::SlowDrip { bytes: 30, every: IMPATIENT / 40 };
    stage.hub.fault(FaultTarget::any(ID), drip, Times::Forever);
    let began = Instant::now();
    stage.fetch_whole().await;
    assert!(began.elapsed() > IMPATIENT, "the whole must take longer than the time-out");
}

#[tokio::test]
async fn every_response_that_is_too_slow_is_abandoned() {
    let floor = Floor { bytes: 1_000_000, window: IMPATIENT };
    let stage = Stage::wordy().impatient().with_net(|net| net.floor = floor);
    for (target, action) in requests() {
        let drip = Fault::SlowDrip { bytes: 1, every: IMPATIENT / 20 };
        stage.hub.fault(target, drip, Times::Once);
        let began = Instant::now();
        let error = stage.fetch_error().await;
        assert!(matches!(error, Error::Net(net::Error::TooSlow { .. })), "{error:?}");
        assert!(error.is_transient() && error.is_too_slow());
        assert!((2 * IMPATIENT..PROMPTLY).contains(&began.elapsed()), "{:?}", began.elapsed());
        let message = error.to_string();
        assert!(message.starts_with(&format!("cannot {action} http://127.0.0.1")), "{message}");
        assert!(message.contains(": it sent only ") && message.contains(" B in "), "{message}");
    }
}

#[tokio::test]
async fn broken_connections_are_transient() {
    let stage = Stage::wordy();
    for fault in [
        Fault::Refuse,
        Fault::Truncate { after: 0 },
        Fault::Truncate { after: 40 },
        Fault::Reset { after: 0 },
        Fault::Reset { after: 40 },
    ] {
        for (target, action) in requests() {
            // A request over a kept connection is sent twice.
            stage.hub.fault(target, fault.clone(), Times::N(2));
            let error = stage.fetch_error().await;
            stage.hub.clear_faults();
            assert!(matches!(error, Error::Net(net::Error::Transport { .. })), "{fault:?}: {error:?}");
            assert!(error.to_string().starts_with(&format!("cannot {action} http://")), "{error}");
            assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Network, true));
            assert!(std::error::Error::source(&error).is_some());
        }
    }
    stage.fetch_whole().await;
}

#[tokio::test]
async fn a_truncated_or_damaged_pack_is_noticed() {
    let stage = Stage::wordy();
    let pack = || FaultTarget::upload_pack(ID);
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
    let stage = Stage::usual().with(|config| config.endpoint = NO_SERVER.parse().unwrap());
    let error = stage.fetch_error().await;
    assert_eq!(error.to_string(), format!("cannot reach {NO_SERVER}: it refused the connection"));
    assert!(error.is_transient());
    let error = stage.locate("README.md").await.unwrap_err();
    assert!(matches!(error, Error::Net(net::Error::Unreachable { .. })), "{error:?}");
}

#[test]
fn settings_are_shown_without_their_secrets() {
    let mut config = HubConfig::new(NO_SERVER.parse().unwrap());
    config.token = Some(Token::new("hf_s3cret").unwrap());
    let mut settings = NetSettings::default();
    settings.proxy.https = Some("http://user:s3cret@proxy".parse().unwrap());
    let http = Client::new(settings).unwrap();
    let client = HubClient::new(http.clone(), config.clone());
    let shown = format!("{http:?} {config:?} {client:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
}
