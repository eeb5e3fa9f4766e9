//! How work ends early.

use std::sync::Arc;
use std::time::{Duration, Instant};

use local_hub::{Fault, FaultTarget, Outcome, RequestLog, Times};
use shard_fetch::ErrorKind;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{PATIENCE, Seen, Stage};

/// Reports when the last holder has released it.
pub(crate) struct Held(Option<oneshot::Sender<()>>);

impl Drop for Held {
    fn drop(&mut self) {
        // It does not matter whether the test still listens.
        let _listening = self.0.take().map(|released| released.send(()));
    }
}

pub(crate) fn held() -> (Arc<Held>, oneshot::Receiver<()>) {
    let (sender, receiver) = oneshot::channel();
    (Arc::new(Held(Some(sender))), receiver)
}

fn closed_by_client(log: &RequestLog) -> bool {
    log.requests().iter().all(|request| request.outcome == Outcome::ClosedByClient)
}

#[tokio::test]
async fn dropping_the_future_ends_everything() {
    let stage = Stage::new(&[("a.bin", 500_000), ("b.bin", 500_000), ("c.bin", 500_000)]).in_flight(2);
    stage.hub.fault(FaultTarget::data(""), Fault::Stall { after: 100_000 }, Times::Forever);
    let (keep_alive, mut released) = held();
    let fetcher = stage.fetcher();
    let fetch = fetcher.fetch(stage.requests(), stage.locator.clone(), stage.events.clone(), keep_alive);

    let stalled = stage.hub.log().data();
    let all_stalled = stalled.until(PATIENCE, |log| log.in_flight() == 2 && log.bytes_sent() == 200_000);
    tokio::select! {
        result = fetch => panic!("{result:?}"),
        stalled = all_stalled => assert!(stalled),
    }

    timeout(PATIENCE, &mut released).await.unwrap().unwrap();
    assert!(stage.hub.log().data().until(PATIENCE, closed_by_client).await, "{}", stage.hub.log());
    stage.events.check_contract();
    for file in ["a.bin", "b.bin"] {
        assert_eq!(stage.events.end(file), Some(Seen::Cancelled));
        assert!(!stage.destination(file).exists());
    }
    assert_eq!(stage.events.begun(), 2);
}

/// Reports which files below a folder this process had open at the release.
#[cfg(target_os = "linux")]
struct Looking(std::path::PathBuf, Option<oneshot::Sender<Vec<std::path::PathBuf>>>);

#[cfg(target_os = "linux")]
impl Drop for Looking {
    fn drop(&mut self) {
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let open = open.filter_map(|number| std::fs::read_link(number.unwrap().path()).ok());
        let open = open.filter(|path| path.starts_with(&self.0)).collect();
        let _listening = self.1.take().map(|released| released.send(open));
    }
}

/// Its owner may remove the parts, and Windows removes no folder with an open file.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn files_are_closed_before_the_release() {
    // Which task ends last is chance.
    for _ in 0..20 {
        let stage = Stage::new(&[("a.bin", 500_000), ("b.bin", 500_000)]).in_flight(2);
        stage.hub.fault(FaultTarget::data(""), Fault::Stall { after: 100_000 }, Times::Forever);
        let (sender, released) = oneshot::channel();
        let keep_alive = Arc::new(Looking(stage.dir.path().canonicalize().unwrap(), Some(sender)));
        let fetcher = stage.fetcher();
        let fetch = fetcher.fetch(stage.requests(), stage.locator.clone(), stage.events.clone(), keep_alive);
        let data = stage.hub.log().data();
        tokio::select! {
            result = fetch => panic!("{result:?}"),
            stalled = data.until(PATIENCE, |log| log.in_flight() == 2) => assert!(stalled),
        }
        let open = timeout(PATIENCE, released).await.unwrap().unwrap();
        assert!(open.is_empty(), "{open:?}");
    }
}

#[tokio::test]
async fn the_work_is_kept_alive_until_its_end_and_no_longer() {
    let stage = Stage::one(100_000);
    let (keep_alive, mut released) = held();
    stage.fetch_from(stage.requests(), stage.locator.clone(), keep_alive).await.unwrap();
    timeout(PATIENCE, &mut released).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_first_fatal_error_stops_the_others() {
    let stage = Stage::new(&[("a.bin", 500_000), ("b.bin", 500_000), ("c.bin", 500_000)]).in_flight(2);
    stage.hub.fault(FaultTarget::data("b.bin"), Fault::Stall { after: 100_000 }, Times::Forever);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(451), Times::Forever);
    let begun = Instant::now();
    let error = stage.fetch_error().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "the idle time-out must not have been waited for");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(stage.events.end("a.bin"), Some(Seen::Failed(error.to_string())));
    assert_eq!(stage.events.end("b.bin"), Some(Seen::Cancelled));
    assert_eq!(stage.events.begun(), 2);
    assert!(stage.hub.log().data().file("b.bin").until(PATIENCE, closed_by_client).await);
}

#[tokio::test]
async fn a_fetch_may_move_between_threads() {
    let stage = Stage::one(1000);
    let fetcher = stage.fetcher();
    let (requests, locator) = (stage.requests(), stage.locator.clone());
    let fetch = async move { fetcher.fetch(requests, locator, (), Arc::new(())).await };
    tokio::spawn(fetch).await.unwrap().unwrap();
}

#[tokio::test]
async fn files_received_before_an_error_stay() {
    let stage = Stage::new(&[("a.bin", 1000), ("b.bin", 1000)]).in_flight(1);
    stage.hub.fault(FaultTarget::data("b.bin"), Fault::status(451), Times::Forever);
    stage.fetch().await.unwrap_err();
    // Verified, or about to be.
    let is_whole = |path| std::fs::metadata(path).is_ok_and(|found| found.len() == 1000);
    assert!(is_whole(stage.destination("a.bin")) || is_whole(stage.part("a.bin")));
    assert!(!stage.destination("b.bin").exists());
}

#[tokio::test]
async fn waiting_for_a_retry_can_be_cancelled() {
    let stage = Stage::one(1000);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::retry_after(503, "200"), Times::Forever);
    let (keep_alive, mut released) = held();
    let fetcher = stage.fetcher();
    let fetch = fetcher.fetch(stage.requests(), stage.locator.clone(), stage.events.clone(), keep_alive);
    let answered = stage.hub.log().data();
    let answered = answered.until(PATIENCE, |log| log.count() == 1 && log.in_flight() == 0);
    tokio::select! {
        result = fetch => panic!("{result:?}"),
        answered = answered => assert!(answered),
    }
    timeout(PATIENCE, &mut released).await.unwrap().unwrap();
    assert_eq!(stage.hub.log().data().count(), 1);
}
