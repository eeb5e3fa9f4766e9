//! The number of connections: it grows while that helps, and falls when the host fails.

use std::num::NonZeroUsize;
use std::time::Duration;

use local_hub::{Fault, FaultTarget, LocalHub, LocalHubBuilder, LoggedRequest, RequestLog, Times};

use crate::support::{PATIENCE, Seen, Stage, quick};

const SIZE: u64 = 1_280_000;

/// Each connection receives `bytes` every 10 ms, however many there are.
fn stage(hub: LocalHubBuilder, files: usize, bytes: u64) -> Stage {
    let names: Vec<_> = (0..files).map(|place| format!("{place}.bin")).collect();
    let shards: Vec<_> = names.iter().map(|name| (name.as_str(), SIZE)).collect();
    let stage = Stage::on(hub, &shards).with(|builder| builder.split_above(8000));
    let drip = Fault::SlowDrip { bytes, every: Duration::from_millis(10) };
    stage.hub.fault(FaultTarget::data(""), drip, Times::Forever);
    stage
}

#[tokio::test]
async fn connections_adapt_when_no_number_is_given() {
    let stage = stage(LocalHub::builder(), 8, 4000);
    stage.fetch_all().await;
    let most = stage.hub.log().data().max_concurrent();
    assert!((9..=32).contains(&most), "{most}");
    for file in stage.model.shards() {
        assert_eq!(stage.events.end(&file.path), Some(Seen::Verified(SIZE)));
    }
}

const LEAST: usize = 2;
const MOST: usize = 16;

/// How many consecutive requests must have little company, so that it cannot be chance.
const IN_A_ROW: usize = 12;

/// How many requests, including this one, were in progress when it arrived.
fn at_once(requests: &[LoggedRequest], this: &LoggedRequest) -> usize {
    let is_there = |other: &&LoggedRequest| {
        other.began <= this.began && other.ended.is_none_or(|ended| ended > this.began)
    };
    requests.iter().filter(is_there).count()
}

/// Whether the last requests, all made after `since`, saw at most a quarter of the maximum.
fn is_quiet(log: &RequestLog, since: u64) -> bool {
    let requests = log.requests();
    let Some((_, last)) = requests.split_at_checked(requests.len().saturating_sub(IN_A_ROW)) else {
        return false;
    };
    last.len() == IN_A_ROW
        && last.iter().all(|asked| asked.began > since && at_once(&requests, asked) <= MOST / 4)
}

/// While every request fails in this way, there are soon fewer at a time, including repeated ones;
/// afterwards everything arrives.
async fn check(trouble: Fault) {
    // A response takes a moment, so that failing requests are seen side by side.
    let patient = quick().attempts(1000).max_pause(Duration::from_millis(10));
    let hub = LocalHub::builder().latency(Duration::from_millis(50));
    let stage = stage(hub, 4, 1000).with(|builder| {
        builder
            .files_in_flight(NonZeroUsize::new(LEAST).unwrap())
            .max_connections(NonZeroUsize::new(MOST).unwrap())
            .retry(patient)
    });
    let stage = stage.with_net(|net| net.idle_timeout = Duration::from_millis(400));
    let data = stage.hub.log().data();
    let host = async {
        assert!(data.until(PATIENCE, |log| log.in_flight() > MOST / 2).await, "{trouble:?}: {data}");
        let since = data.requests().last().unwrap().began;
        stage.hub.clear_faults();
        stage.hub.fault(FaultTarget::data(""), trouble.clone(), Times::Forever);
        assert!(data.until(PATIENCE, |log| is_quiet(log, since)).await, "{trouble:?}: {data}");
        stage.hub.clear_faults();
    };
    tokio::join!(stage.fetch_all(), host);
}

#[tokio::test]
async fn a_failing_host_gets_fewer_connections() {
    tokio::join!(
        check(Fault::status(429)),
        check(Fault::status(503)),
        check(Fault::Stall { after: 0 }),
        check(Fault::Stall { after: 1000 }),
    );
}
