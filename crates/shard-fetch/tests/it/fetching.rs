//! Downloads without failures.

use local_hub::{Fault, FaultTarget, Times};
use shard_fetch::LocateReason;

use crate::support::{PATIENCE, Seen, Stage};

#[tokio::test]
async fn all_files_arrive_with_one_request_each() {
    let stage = Stage::new(&[("a.bin", 100_000), ("sub/dir/b.bin", 3), ("c.bin", 1), ("d.bin", 2_000_000)]);
    stage.fetch_all().await;
    assert_eq!(stage.events.planned(), Some((4, 2_100_004)));
    assert_eq!(stage.hub.log().resolve().count(), 4);
    assert_eq!(stage.hub.log().data().count(), 4);
    for file in stage.model.shards() {
        assert_eq!(stage.ranges(&file.path), ["bytes=0-"]);
        assert_eq!(stage.events.end(&file.path), Some(Seen::Verified(file.size)));
        assert_eq!(stage.events.retries(&file.path), [""; 0]);
    }
    assert_eq!(stage.locator.reasons(), [LocateReason::First; 4]);
}

#[tokio::test]
async fn requests_carry_what_they_must_and_no_more() {
    let stage = Stage::one(1000).with_net(|net| net.user_agent = "tester/2".to_owned());
    stage.fetch_all().await;
    let request = &stage.hub.log().data().requests()[0];
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "host", "range", "user-agent"]);
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("user-agent"), Some("tester/2"));
}

#[tokio::test]
async fn no_more_files_at_once_than_allowed() {
    let names: Vec<_> = (0..8).map(|i| format!("{i}.bin")).collect();
    let shards: Vec<_> = names.iter().map(|name| (name.as_str(), 50_000)).collect();
    let stage = Stage::new(&shards).in_flight(3);
    let hold = local_hub::Hold::new();
    stage.hub.fault(FaultTarget::data(""), Fault::Hold(hold.clone()), Times::N(3));
    let all_waiting = async {
        assert!(stage.hub.log().data().until(PATIENCE, |log| log.in_flight() == 3).await);
        hold.release();
    };
    tokio::join!(stage.fetch_all(), all_waiting);
    assert_eq!(stage.hub.log().data().max_concurrent(), 3);
    assert_eq!(stage.hub.log().data().connections(), 3);
}

#[tokio::test]
async fn files_without_bytes_need_no_request() {
    let stage = Stage::one(0);
    stage.fetch_all().await;
    assert!(stage.hub.log().hub().resolve().is_empty() && stage.hub.log().data().is_empty());
    assert_eq!(stage.events.of("a.bin"), [Seen::Started(0), Seen::Verified(0)]);
}

#[tokio::test]
async fn a_file_without_bytes_is_compared_as_well() {
    let stage = Stage::one(0);
    let mut requests = stage.requests();
    requests[0].expected.md5 = Some([0; 16].into());
    let error = stage.fetch_from(requests, stage.locator.clone(), std::sync::Arc::new(())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.bin failed verification: its MD5 is d41d8cd98f00b204e9800998ecf8427e, \
         expected 00000000000000000000000000000000"
    );
}

#[tokio::test]
async fn a_fetch_of_no_files_succeeds() {
    let stage = Stage::one(1);
    stage.fetch_from(Vec::new(), stage.locator.clone(), std::sync::Arc::new(())).await.unwrap();
    assert_eq!(stage.events.planned(), Some((0, 0)));
}

#[tokio::test]
async fn connections_are_used_again() {
    let names: Vec<_> = (0..6).map(|i| format!("{i}.bin")).collect();
    let shards: Vec<_> = names.iter().map(|name| (name.as_str(), 20_000)).collect();
    let stage = Stage::new(&shards).in_flight(1);
    stage.fetch_all().await;
    assert_eq!(stage.hub.log().data().connections(), 1);
}

#[tokio::test]
async fn a_slow_file_arrives() {
    let stage = Stage::one(40_000).with_net(|net| net.idle_timeout = std::time::Duration::from_millis(500));
    let drip = Fault::SlowDrip { bytes: 1000, every: std::time::Duration::from_millis(20) };
    stage.hub.fault(FaultTarget::data("a.bin"), drip, Times::Once);
    stage.fetch_all().await;
    assert_eq!(stage.ranges("a.bin"), ["bytes=0-"]);
}
