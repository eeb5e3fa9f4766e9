//! Obeying a hub's limits.

use std::num::NonZeroUsize;
use std::time::Duration;

use facade::Durability;
use local_hub::{Fault, FaultTarget, Hold, LocalHub, LoggedRequest, ModelFixture, RequestLog, Times};

use crate::world::{PATIENCE, Recorded, World, request};

#[tokio::test]
async fn a_hub_that_counts_refuses_nothing() {
    let hub = LocalHub::builder().rate_limit(40, Duration::from_secs(2)).start();
    let world = World::on(hub);
    let published = world.hub.publish(&ModelFixture::new("mlc-ai/many").shards(60, 1000));
    let events = Recorded::default();
    let downloader = world.builder().durability(Durability::Fast).build().unwrap();
    let model = downloader.download(request(&published).observer(events.clone())).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    let log = world.hub.log();
    assert_eq!(log.status(429).count(), 0, "{log}");
    assert_eq!(log.resolve().count(), published.lfs_files().count());
    assert!(events.count(&["Throttled(", "is_spread: true"]) > 0, "it is said");
    assert!(events.count(&["Throttled("]) < 10, "it is not said of each request");
}

/// The refused request, and all requests to the hub that began after it.
fn after_refusal(log: &RequestLog) -> (LoggedRequest, Vec<LoggedRequest>) {
    let refused = log.status(429).requests().remove(0);
    let end = refused.ended.unwrap();
    (refused, log.hub().filter(move |asked| asked.began > end).requests())
}

/// Checks that all these requests came at least this long after the refusal.
#[track_caller]
fn check_left_alone(refused: &LoggedRequest, later: &[LoggedRequest], seconds: u64) {
    assert!(!later.is_empty());
    for asked in later {
        let pause = asked.began_at.duration_since(refused.ended_at.unwrap());
        assert!(pause >= Duration::from_secs(seconds), "{pause:?} before {}", asked.path);
    }
}

#[tokio::test]
async fn a_refusing_hub_is_not_asked_while_the_data_host_is() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/many").shards(8, 30_000));
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Hold(hold.clone()), Times::Once);
    let limited = Fault::retry_after(429, "2");
    world.hub.fault(FaultTarget::resolve("params_shard_3.bin"), limited, Times::Once);
    let events = Recorded::default();
    // The first shard is held, so requests are made one at a time, and none is in flight when the
    // refusal arrives.
    let two = NonZeroUsize::new(2).unwrap();
    let asked = request(&published).observer(events.clone()).files_in_flight(two);
    let downloader = world.downloader();
    let download = tokio::spawn(async move { downloader.download(asked).await });
    let log = world.hub.log();
    assert!(
        log.until(PATIENCE, |log| log.status(429).requests().iter().any(|one| one.ended.is_some())).await
    );
    hold.release();
    let model = download.await.unwrap().unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);

    let (refused, later) = after_refusal(&log);
    check_left_alone(&refused, &later, 2);
    let held = log.data().file("params_shard_0.bin").requests().remove(0);
    assert!(held.ended.unwrap() < later[0].began, "what the data host sends goes on: {log}");
    assert_eq!(events.count(&["Throttled(", "pause: 2s", "is_spread: false"]), 1);
}

#[tokio::test]
async fn two_downloads_of_one_downloader_wait_together() {
    let world = World::new();
    let models = ["mlc-ai/one", "mlc-ai/two"].map(|id| world.hub.publish(&ModelFixture::new(id)));
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Hold(hold.clone()), Times::Once);
    let downloader = world.downloader();
    let (other, asked) = (downloader.clone(), request(&models[0]));
    let first = tokio::spawn(async move { other.download(asked).await });
    let log = world.hub.log();
    let located = models[0].lfs_files().count();
    assert!(log.until(PATIENCE, |log| log.resolve().count() == located && log.hub().in_flight() == 0).await);

    // The first download needs nothing more; a refusal of the second one applies to it too.
    world.hub.fault(FaultTarget::info_refs("mlc-ai/two"), Fault::retry_after(429, "1"), Times::Once);
    let again = request(&models[0]).force(true);
    let (second, ()) = tokio::join!(downloader.download(request(&models[1])), async { hold.release() });
    second.unwrap();
    first.await.unwrap().unwrap();
    downloader.download(again).await.unwrap();
    let (refused, later) = after_refusal(&log);
    check_left_alone(&refused, &later, 1);
}
