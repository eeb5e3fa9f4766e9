//! Large files, divided among connections.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Duration;

use local_hub::{Fault, FaultTarget, Hold, Times};
use shard_fetch::{Checked, Error, LocateReason};

use crate::support::{PATIENCE, Stage, chain};

/// Larger files are divided in these tests.
const SPLIT: u64 = 64_000;

/// These files, over at most this many connections.
fn stage(shards: &[(&str, u64)], connections: usize) -> Stage {
    let connections = NonZeroUsize::new(connections).unwrap();
    Stage::new(shards)
        .with(|builder| builder.split_above(SPLIT).files_in_flight(connections).max_connections(connections))
}

/// The requested ranges of a file, in order.
fn asked(stage: &Stage, path: &str) -> Vec<Range<u64>> {
    let size = stage.model.file(path).unwrap().size;
    let mut asked: Vec<_> = stage.ranges(path).iter().map(|range| parse(range, size)).collect();
    asked.sort_by_key(|range| range.start);
    asked
}

pub(crate) fn parse(range: &str, size: u64) -> Range<u64> {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    first.parse().unwrap()..last.parse::<u64>().map_or(size, |last| last + 1)
}

/// Whether ordered ranges cover every byte of a file exactly once.
fn is_partition(ranges: &[Range<u64>], size: u64) -> bool {
    ranges.first().is_some_and(|first| first.start == 0)
        && ranges.last().is_some_and(|last| last.end == size)
        && ranges.windows(2).all(|pair| pair[0].end == pair[1].start)
}

#[tokio::test]
async fn files_of_every_edge_size_are_divided_completely() {
    let sizes = [1, SPLIT - 1, SPLIT, SPLIT + 1, 2 * SPLIT, 2 * SPLIT + 1, 4 * SPLIT, 5 * SPLIT - 1];
    let names: Vec<_> = (0..sizes.len()).map(|place| format!("{place}.bin")).collect();
    let shards: Vec<_> = names.iter().map(String::as_str).zip(sizes).collect();
    let stage = stage(&shards, 3);
    stage.fetch_all().await;
    for (name, size) in shards {
        let ranges = asked(&stage, name);
        assert!(is_partition(&ranges, size), "{size}: {ranges:?}");
        match ranges.len() {
            1 => assert!(size < 4 * SPLIT, "{size}"),
            _ => assert!(size > SPLIT, "{size}: {ranges:?}"),
        }
    }
    assert!(stage.hub.log().data().max_concurrent() <= 3);
    assert_eq!(stage.hub.log().resolve().count(), sizes.len());
}

#[tokio::test]
async fn one_file_has_all_connections_when_it_is_the_last() {
    let stage = stage(&[("a.bin", 8 * SPLIT)], 4);
    let hold = Hold::new();
    stage.hub.fault(FaultTarget::data(""), Fault::Hold(hold.clone()), Times::N(4));
    let all_waiting = async {
        assert!(stage.hub.log().data().until(PATIENCE, |log| log.in_flight() == 4).await);
        hold.release();
    };
    tokio::join!(stage.fetch_all(), all_waiting);
    assert_eq!(stage.hub.log().data().max_concurrent(), 4);
    assert_eq!(stage.hub.log().resolve().count(), 1);
    assert!(is_partition(&asked(&stage, "a.bin"), 8 * SPLIT));
}

#[tokio::test]
async fn a_given_number_of_files_is_the_number_of_connections() {
    let stage = Stage::new(&[("a.bin", 8 * SPLIT), ("b.bin", 8 * SPLIT), ("c.bin", 100)])
        .with(|builder| builder.split_above(SPLIT))
        .in_flight(2);
    let hold = Hold::new();
    stage.hub.fault(FaultTarget::data(""), Fault::Hold(hold.clone()), Times::N(2));
    let all_waiting = async {
        assert!(stage.hub.log().data().until(PATIENCE, |log| log.in_flight() == 2).await);
        hold.release();
    };
    tokio::join!(stage.fetch_all(), all_waiting);
    assert_eq!(stage.hub.log().data().max_concurrent(), 2);
}

/// The largest number of files with requests in progress at a time. A file counts from its first
/// request to the end of its last.
fn most_files_at_once(stage: &Stage) -> usize {
    let spans: Vec<(u64, u64)> = stage
        .model
        .shards()
        .map(|file| {
            let requests = stage.hub.log().data().file(&file.path).requests();
            let begun = requests.iter().map(|request| request.began).min().unwrap();
            (begun, requests.iter().filter_map(|request| request.ended).max().unwrap())
        })
        .collect();
    let at = |moment: u64| spans.iter().filter(|(begun, ended)| (*begun..*ended).contains(&moment)).count();
    spans.iter().map(|(begun, _)| at(*begun)).max().unwrap()
}

#[tokio::test]
async fn a_given_number_of_files_holds_whatever_the_number_of_connections() {
    let (files, connections) = (NonZeroUsize::new(2).unwrap(), NonZeroUsize::new(8).unwrap());
    let names: Vec<_> = (0..6).map(|place| format!("{place}.bin")).collect();
    let shards: Vec<_> = names.iter().map(|name| (name.as_str(), 8 * SPLIT)).collect();
    let stage = Stage::new(&shards)
        .with(|builder| builder.split_above(SPLIT).files_in_flight(files).max_connections(connections));
    // Long enough for the number of connections to exceed that of the files.
    let drip = Fault::SlowDrip { bytes: 4000, every: Duration::from_millis(10) };
    stage.hub.fault(FaultTarget::data(""), drip, Times::Forever);
    stage.fetch_all().await;
    assert!((3..=8).contains(&stage.hub.log().data().max_concurrent()));
    assert_eq!(most_files_at_once(&stage), 2);
}

#[tokio::test]
async fn the_last_range_is_not_left_to_one_slow_connection() {
    let stage = stage(&[("a.bin", 4 * SPLIT)], 2);
    // The first range crawls; the second one finishes and then helps.
    let drip = Fault::SlowDrip { bytes: 1000, every: Duration::from_millis(50) };
    stage.hub.fault(FaultTarget::data("a.bin"), drip, Times::Once);
    stage.fetch_all().await;
    let ranges = asked(&stage, "a.bin");
    assert!(ranges.len() > 3, "{ranges:?}");
    assert_eq!(stage.events.discarded("a.bin"), 0);
    assert_eq!(stage.events.retries("a.bin"), [""; 0]);
}

#[tokio::test]
async fn each_range_is_resumed_separately() {
    for fault in [Fault::Truncate { after: 10_000 }, Fault::Reset { after: 10_000 }] {
        let stage = stage(&[("a.bin", 8 * SPLIT)], 4);
        stage.hub.fault(FaultTarget::data("a.bin").resumed(), fault.clone(), Times::N(3));
        stage.fetch_all().await;
        assert_eq!(stage.events.discarded("a.bin"), 0);
        assert_eq!(stage.events.retries("a.bin").len(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn connections_that_fail_together_use_up_one_try() {
    let stage = stage(&[("a.bin", 64 * SPLIT)], 16);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(503), Times::N(16));
    stage.fetch_all().await;
}

#[tokio::test]
async fn a_host_that_never_responds_is_abandoned_too() {
    let stage = stage(&[("a.bin", 64 * SPLIT)], 8);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(503), Times::Forever);
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::GaveUp { attempts: 6, .. }), "{}", chain(&error));
}

#[tokio::test]
async fn a_host_that_ignores_ranges_costs_only_the_file_itself() {
    for fault in [Fault::IgnoreRange, Fault::NoContentLength] {
        let stage = stage(&[("a.bin", 8 * SPLIT), ("b.bin", 1000), ("c.bin", 8 * SPLIT)], 4);
        stage.hub.fault(FaultTarget::data("a.bin").resumed(), fault, Times::Once);
        stage.fetch_all().await;
        for file in ["b.bin", "c.bin"] {
            assert_eq!(stage.events.discarded(file), 0);
        }
        assert_eq!(stage.ranges("b.bin").len(), 1);
        assert!(stage.events.retries("a.bin").is_empty());
    }
}

#[tokio::test]
async fn a_host_that_always_ignores_ranges() {
    let stage = stage(&[("a.bin", 8 * SPLIT)], 4);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::IgnoreRange, Times::Forever);
    stage.fetch_all().await;
    assert!(stage.ranges("a.bin").len() <= 4);
}

#[tokio::test]
async fn wrong_bytes_in_one_range() {
    let once = stage(&[("a.bin", 8 * SPLIT)], 4);
    once.hub.fault(FaultTarget::data("a.bin"), Fault::Corrupt { at: 5 * SPLIT }, Times::Once);
    once.fetch_all().await;
    assert_eq!(once.events.discarded("a.bin"), 8 * SPLIT);

    let for_ever = stage(&[("a.bin", 8 * SPLIT)], 4);
    for_ever.hub.fault(FaultTarget::data("a.bin"), Fault::Corrupt { at: 5 * SPLIT }, Times::Forever);
    match for_ever.fetch_error().await {
        Error::DigestMismatch { mismatch, .. } => assert_eq!(mismatch.what(), Checked::Sha256),
        other => panic!("{}", chain(&other)),
    }
}

#[tokio::test]
async fn a_wrong_content_range_in_one_range() {
    let stage = stage(&[("a.bin", 8 * SPLIT)], 4);
    stage.hub.fault(FaultTarget::data("a.bin").resumed(), Fault::WrongContentRange, Times::Once);
    stage.fetch_all().await;
    assert_eq!(stage.events.discarded("a.bin"), 0);
}

#[tokio::test]
async fn ranges_of_a_file_of_another_size() {
    for size in [8 * SPLIT + 1, 8 * SPLIT - 1] {
        let stage = stage(&[("a.bin", size)], 4);
        let mut requests = stage.requests();
        requests[0].expected.size = 8 * SPLIT;
        let result = stage.fetch_from(requests, stage.locator.clone(), std::sync::Arc::new(())).await;
        match result.unwrap_err() {
            Error::DigestMismatch { mismatch, .. } => assert_eq!(mismatch.what(), Checked::Size),
            other => panic!("{}", chain(&other)),
        }
    }
}

#[tokio::test]
async fn one_refusal_of_a_location_that_all_use_is_one_refusal() {
    let stage = stage(&[("a.bin", 32 * SPLIT)], 8);
    let hold = Hold::new();
    stage.hub.fault(FaultTarget::data("a.bin").skip(2), Fault::Hold(hold.clone()), Times::N(6));
    let expire = async {
        assert!(stage.hub.log().data().until(PATIENCE, |log| log.in_flight() >= 6).await);
        stage.hub.expire_signed_urls();
        hold.release();
    };
    tokio::join!(stage.fetch_all(), expire);
    let reasons = stage.locator.reasons();
    assert!(reasons.len() <= 3, "{reasons:?}");
    assert!(reasons[1..].iter().all(|reason| *reason == LocateReason::Refused(403)), "{reasons:?}");
    assert_eq!(stage.events.discarded("a.bin"), 0);
}
