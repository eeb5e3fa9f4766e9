//! Resuming what an earlier fetch has left.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use local_hub::{Fault, FaultTarget, Times};
use shard_fetch::{Error, ErrorKind, RetryPolicy};

use crate::cancelling::held;
use crate::ranges::parse;
use crate::support::{PATIENCE, Seen, Stage, chain};

const SIZE: u64 = 300_000;
const KEPT: u64 = 100_000;
/// The format's name, its version, a size, and two digests.
const HEADER: usize = 16 + 1 + 8 + 1 + 16 + 32;

fn journal(stage: &Stage) -> PathBuf {
    stage.dir.path().join("parts/a.bin.journal")
}

/// A stage after a fetch that failed when this much had arrived.
async fn failed(size: u64, kept: u64) -> Stage {
    let stage = Stage::one(size);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::Truncate { after: kept }, Times::Once);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(418), Times::Once);
    assert_eq!(stage.fetch_error().await.kind(), ErrorKind::Refused);
    next(stage)
}

/// The same stage for another fetch.
fn next(stage: Stage) -> Stage {
    stage.hub.clear_faults();
    Stage { events: Arc::default(), locator: Stage::locator_of(&stage.hub, &stage.model), ..stage }
}

/// The second fetch, which must succeed; returns the ranges that it requests and how much it resumes.
async fn second(stage: &Stage) -> (Vec<String>, u64) {
    let before = stage.ranges("a.bin").len();
    stage.fetch_all().await;
    assert!(!journal(stage).exists());
    (stage.ranges("a.bin").split_off(before), stage.events.resumed("a.bin"))
}

#[tokio::test]
async fn a_fetch_resumes_after_an_error() {
    let stage = failed(SIZE, KEPT).await;
    assert_eq!(second(&stage).await, (vec![format!("bytes={KEPT}-")], KEPT));
    assert_eq!(stage.events.discarded("a.bin"), 0);
}

/// Drops a fetch of `a.bin` after this many bytes; returns how many had been received.
async fn drop_at(stage: &Stage, bytes: u64) -> u64 {
    let (keep_alive, released) = held();
    let fetcher = stage.fetcher();
    let fetch = fetcher.fetch(stage.requests(), stage.locator.clone(), stage.events.clone(), keep_alive);
    let received = async {
        while stage.events.received("a.bin") < bytes {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = fetch => panic!("{result:?}"),
        () = received => {}
    }
    tokio::time::timeout(PATIENCE, released).await.unwrap().unwrap();
    assert_eq!(stage.events.end("a.bin"), Some(Seen::Cancelled));
    stage.events.received("a.bin")
}

#[tokio::test]
async fn a_fetch_resumes_everything_written_before_a_drop() {
    for bytes in [1000, (4 << 20) + 1000] {
        let stage = Stage::one(6 << 20).with_net(|net| net.idle_timeout = PATIENCE);
        stage.hub.fault(FaultTarget::data("a.bin"), Fault::Stall { after: bytes }, Times::Once);
        assert_eq!(drop_at(&stage, bytes).await, bytes);
        let stage = next(stage);
        assert_eq!(second(&stage).await, (vec![format!("bytes={bytes}-")], bytes));
    }
}

/// After a kill, only the journal on disk counts, so it must keep up with the fetch.
#[tokio::test]
async fn a_journal_is_never_more_than_two_seconds_behind() {
    let stage = Stage::one(SIZE);
    let drip = Fault::SlowDrip { bytes: 1000, every: std::time::Duration::from_millis(100) };
    stage.hub.fault(FaultTarget::data("a.bin"), drip, Times::Once);
    let fetcher = stage.fetcher();
    let fetch = fetcher.fetch(stage.requests(), stage.locator.clone(), stage.events.clone(), Arc::new(()));
    let watched = async {
        while stage.events.received("a.bin") < 35_000 {
            tokio::task::yield_now().await;
        }
        // As a kill would leave it.
        let copy = crate::scratch();
        for name in ["a.bin", "a.bin.journal"] {
            fs::copy(stage.part(name), copy.path().join(name)).unwrap();
        }
        copy
    };
    let copy = tokio::select! {
        result = fetch => panic!("{result:?}"),
        copy = watched => copy,
    };
    let stage = next(Stage::one(SIZE));
    fs::create_dir_all(stage.part("a.bin").parent().unwrap()).unwrap();
    for name in ["a.bin", "a.bin.journal"] {
        fs::copy(copy.path().join(name), stage.part(name)).unwrap();
    }
    let (_, resumed) = second(&stage).await;
    assert!(resumed >= 15_000, "{resumed}");
}

#[tokio::test]
async fn a_fetch_resumes_several_ranges() {
    let size = 1_000_000;
    let two = std::num::NonZeroUsize::new(2).unwrap();
    let stage = Stage::one(size).with(|builder| {
        builder.split_above(200_000).files_in_flight(two).retry(RetryPolicy::default().attempts(1))
    });
    stage.hub.fault(FaultTarget::data("a.bin").resumed(), Fault::Truncate { after: 50_000 }, Times::Once);
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::GaveUp { attempts: 1, .. }), "{}", chain(&error));

    let stage = next(stage);
    let (ranges, resumed) = second(&stage).await;
    let asked: u64 = ranges.iter().map(|range| parse(range, size)).map(|range| range.end - range.start).sum();
    assert!(resumed >= 50_000);
    assert_eq!(asked, size - resumed);
}

#[tokio::test]
async fn a_part_that_is_whole_needs_no_request() {
    let stage = Stage::one(SIZE);
    // The first fetch ends after the last byte, before the file is at its destination.
    fs::create_dir_all(stage.destination("a.bin").join("in the way")).unwrap();
    stage.fetch().await.unwrap_err();
    fs::remove_dir_all(stage.destination("a.bin")).unwrap();
    let stage = next(stage);
    assert_eq!(second(&stage).await, (Vec::new(), SIZE));
    assert_eq!(stage.hub.log().resolve().count(), 1);
}

/// After this damage to what the first fetch left, the second one starts over, at once or when the
/// digest shows it.
async fn check_starts_over(spoil: impl FnOnce(&Stage), resumed: u64) {
    let stage = failed(SIZE, KEPT).await;
    spoil(&stage);
    let (ranges, went_on_with) = second(&stage).await;
    assert_eq!(went_on_with, resumed);
    assert_eq!(ranges.last().unwrap(), "bytes=0-", "{ranges:?}");
    assert_eq!(stage.events.discarded("a.bin"), if resumed > 0 { SIZE } else { 0 });
}

#[tokio::test]
async fn damaged_parts_are_started_over() {
    let noise =
        |length| -> Vec<u8> { (0..length).map(|at: u64| (at * 7919 % 251).to_le_bytes()[0]).collect() };
    check_starts_over(|stage| fs::remove_file(stage.part("a.bin")).unwrap(), 0).await;
    check_starts_over(|stage| fs::write(stage.part("a.bin"), "").unwrap(), 0).await;
    check_starts_over(|stage| fs::write(stage.part("a.bin"), noise(KEPT)).unwrap(), KEPT).await;
    check_starts_over(|stage| fs::write(stage.part("a.bin"), noise(1000)).unwrap(), 1000).await;
    check_starts_over(|stage| fs::write(stage.part("a.bin"), noise(SIZE + 1)).unwrap(), 0).await;
    let linked = |stage: &Stage| fs::hard_link(stage.part("a.bin"), stage.dir.path().join("other")).unwrap();
    check_starts_over(linked, 0).await;
}

#[tokio::test]
async fn damaged_journals_are_ignored() {
    let change = |change: fn(&mut Vec<u8>)| {
        move |stage: &Stage| {
            let mut bytes = fs::read(journal(stage)).unwrap();
            change(&mut bytes);
            fs::write(journal(stage), bytes).unwrap();
        }
    };
    check_starts_over(|stage| fs::remove_file(journal(stage)).unwrap(), 0).await;
    check_starts_over(change(Vec::clear), 0).await;
    // The first record follows the header; the others do not count without it.
    check_starts_over(change(|bytes| bytes.truncate(HEADER + 23)), 0).await;
    check_starts_over(change(|bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x55)), 0).await;
    check_starts_over(change(|bytes| bytes[HEADER] ^= 1), 0).await;
    // The version follows the format's name.
    check_starts_over(change(|bytes| bytes[16] += 1), 0).await;
    let folder = |stage: &Stage| {
        fs::remove_file(journal(stage)).unwrap();
        fs::write(journal(stage), "shard-fetch part\u{1}").unwrap();
    };
    check_starts_over(folder, 0).await;
}

#[tokio::test]
async fn a_read_only_file_is_replaced() {
    for name in ["a.bin", "a.bin.journal"] {
        let stage = failed(SIZE, KEPT).await;
        let path = stage.part(name);
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        // A user who may write anywhere resumes it; others start over.
        second(&stage).await;
    }
}

#[tokio::test]
async fn a_part_of_other_content_is_not_resumed() {
    let stage = failed(SIZE, KEPT).await;
    let mut requests = stage.requests();
    requests[0].expected.sha256 = None;
    stage.fetch_from(requests, stage.locator.clone(), Arc::new(())).await.unwrap();
    assert_eq!(stage.events.resumed("a.bin"), 0);
}

#[tokio::test]
async fn without_a_digest_nothing_is_resumed() {
    let stage = Stage::one(SIZE);
    let mut requests = stage.requests();
    (requests[0].expected.md5, requests[0].expected.sha256) = (None, None);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::Truncate { after: KEPT }, Times::Once);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(418), Times::Once);
    stage.fetch_from(requests.clone(), stage.locator.clone(), Arc::new(())).await.unwrap_err();
    assert!(!journal(&stage).exists());
    let stage = next(stage);
    stage.fetch_from(requests, stage.locator.clone(), Arc::new(())).await.unwrap();
    assert_eq!(stage.events.resumed("a.bin"), 0);
}

#[tokio::test]
async fn a_host_that_ignores_the_range_of_a_resumption() {
    let stage = failed(SIZE, KEPT).await;
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::IgnoreRange, Times::Once);
    assert_eq!(second(&stage).await, (vec![format!("bytes={KEPT}-")], KEPT));
    assert_eq!(stage.events.discarded("a.bin"), KEPT);
}

#[tokio::test]
async fn wrong_bytes_after_a_resumption() {
    let stage = failed(SIZE, KEPT).await;
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::Corrupt { at: SIZE - 1 }, Times::Once);
    let (ranges, _) = second(&stage).await;
    assert_eq!(ranges, [format!("bytes={KEPT}-"), "bytes=0-".to_owned()]);

    let stage = failed(SIZE, KEPT).await;
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::Corrupt { at: SIZE - 1 }, Times::Forever);
    assert_eq!(stage.fetch_error().await.kind(), ErrorKind::Integrity);
    let stage = next(stage);
    assert_eq!(second(&stage).await, (vec!["bytes=0-".to_owned()], 0));
}
