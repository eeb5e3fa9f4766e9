//! One connection crawls, and the others do not wait for it.

use std::time::Duration;

use local_hub::{Fault, FaultTarget, Times};
use tokio::time::timeout;

use crate::support::{PATIENCE, Stage};

const MIB: u64 = 1 << 20;

/// At 10 B/s, no file here would arrive within a test's patience.
fn crawl(stage: &Stage, target: FaultTarget, times: Times) {
    let crawl = Fault::SlowDrip { bytes: 1, every: Duration::from_millis(100) };
    stage.hub.fault(target, crawl, times);
}

/// Everything is fetched, no failure is counted, and little is fetched twice.
async fn check_arrives(stage: &Stage) {
    timeout(PATIENCE, stage.fetch_all()).await.unwrap();
    for file in stage.model.shards() {
        assert_eq!(stage.events.retries(&file.path), [""; 0]);
    }
    let sent: u64 = stage.model.shards().map(|file| stage.events.duplicated(&file.path)).sum();
    assert!(sent < 64 << 10, "{sent}");
}

#[tokio::test]
async fn a_crawling_last_range_is_requested_twice() {
    let stage = Stage::one(16 * MIB).with(|builder| builder.split_above(4 * MIB));
    crawl(&stage, FaultTarget::data("a.bin").skip(2), Times::Once);
    check_arrives(&stage).await;
}

#[tokio::test]
async fn a_crawling_undivided_file_is_requested_twice() {
    let names: Vec<_> = (0..8).map(|place| format!("{place}.bin")).collect();
    let shards: Vec<_> = names.iter().map(|name| (name.as_str(), MIB)).collect();
    let stage = Stage::new(&shards);
    crawl(&stage, FaultTarget::data("3.bin"), Times::Once);
    check_arrives(&stage).await;
    assert_eq!(stage.ranges("3.bin").len(), 2);
    assert_eq!(stage.ranges("4.bin").len(), 1);
}

#[tokio::test]
async fn two_crawling_attempts_are_followed_by_another() {
    let stage = Stage::new(&[("a.bin", MIB), ("b.bin", MIB)]);
    crawl(&stage, FaultTarget::data("a.bin"), Times::N(2));
    check_arrives(&stage).await;
}

#[tokio::test]
async fn at_the_limit_a_crawling_connection_is_replaced() {
    let stage = Stage::new(&[("a.bin", MIB), ("b.bin", MIB), ("c.bin", MIB)]).in_flight(1);
    crawl(&stage, FaultTarget::data("b.bin"), Times::Once);
    check_arrives(&stage).await;
    assert_eq!(stage.ranges("b.bin").len(), 2);
    // The dropped one may not be closed yet.
    assert!(stage.hub.log().data().max_concurrent() <= 2);
}

#[tokio::test]
async fn a_second_attempt_that_fails_is_no_failure() {
    let stage = Stage::new(&[("a.bin", MIB), ("b.bin", MIB)]);
    crawl(&stage, FaultTarget::data("a.bin"), Times::Once);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(503), Times::Once);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::Truncate { after: 0 }, Times::Once);
    check_arrives(&stage).await;
    assert_eq!(stage.ranges("a.bin").len(), 4);
}

/// Eight connections over a line of 5 kB/s.
#[tokio::test]
async fn on_a_slow_line_nothing_is_requested_twice() {
    let names: Vec<_> = (0..12).map(|place| format!("{place}.bin")).collect();
    let shards: Vec<_> = names.iter().zip(1..).map(|(name, size)| (name.as_str(), 400 * size)).collect();
    let stage = Stage::new(&shards).in_flight(8);
    let drip = Fault::SlowDrip { bytes: 62, every: Duration::from_millis(100) };
    stage.hub.fault(FaultTarget::data(""), drip, Times::Forever);
    check_arrives(&stage).await;
    for name in &names {
        assert_eq!((stage.ranges(name).len(), stage.events.duplicated(name)), (1, 0), "{name}");
    }
}
