//! Dropping a download at every moment of its life.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use facade::{Downloader, Event, FetchEvent, Request};
use local_hub::{Fault, FaultTarget, ModelFixture, RequestLog, Times};
use tokio::sync::Notify;

use crate::world::{PATIENCE, World, request};

/// Five times the promised time.
const BOUND: Duration = Duration::from_secs(5);
const ID: &str = "mlc-ai/tiny";

/// Blocking jobs hold the model's lock until the last one has ended.
fn nothing_runs(world: &World) -> bool {
    let locks = world.home().join("model_weights/.mlc-weights/locks");
    let files = std::fs::read_dir(locks).unwrap().map(|entry| entry.unwrap().path());
    let mut files = files.filter(|path| !path.to_str().unwrap().ends_with("+holder"));
    files.all(|path| File::open(path).unwrap().try_lock().is_ok())
}

fn open_connections(world: &World) -> usize {
    world.hub.open_hub_connections() + world.hub.open_data_connections()
}

async fn until(deadline: Instant, condition: impl Fn() -> bool) -> bool {
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

/// Drops a download at the moment `reached`, and checks that everything ends.
async fn check(
    world: &World,
    downloader: Downloader,
    asked: Request,
    what: &str,
    reached: impl Future<Output = ()>,
) {
    let download = tokio::spawn(async move {
        let outcome = downloader.download(asked).await;
        drop(downloader);
        outcome
    });
    reached.await;
    let dropped = Instant::now();
    download.abort();
    // A publication that has begun completes, and may already have done so.
    let _ended = download.await;
    assert!(until(dropped + BOUND, || nothing_runs(world)).await, "{what}: a job runs on");
    let log = world.hub.log();
    assert!(until(dropped + BOUND, || log.in_flight() == 0).await, "{what}: {log}");
    // The downloader was dropped with the task.
    assert!(until(dropped + BOUND, || open_connections(world) == 0).await, "{what}: connections stay open");
}

fn patient(world: &World) -> Downloader {
    world.builder().idle_timeout(100 * PATIENCE).build().unwrap()
}

#[tokio::test]
async fn while_a_server_is_waited_for() {
    let shard = "params_shard_1.bin";
    for (target, fault) in [
        (FaultTarget::upload_pack(ID), Fault::Stall { after: 50 }),
        (FaultTarget::resolve(shard), Fault::NoAnswer),
        (FaultTarget::data(shard), Fault::Stall { after: 1000 }),
        (FaultTarget::info_refs(ID), Fault::retry_after(429, "200")),
    ] {
        let (world, published) = World::with(&ModelFixture::new(ID));
        world.hub.fault(target.clone(), fault.clone(), Times::Once);
        let log = world.hub.log();
        let reached = async {
            assert!(log.until(PATIENCE, |log| log.requests().iter().any(|one| one.fault.is_some())).await);
        };
        check(&world, patient(&world), request(&published), &format!("{target:?} {fault:?}"), reached).await;
        assert!(world.visible_files().is_empty());
    }
}

#[tokio::test]
async fn while_a_large_shard_is_hashed() {
    let (world, published) = World::with(&ModelFixture::new(ID).shards(1, 48 << 20));
    let log = world.hub.log().data().file("params_shard_0.bin");
    let is_sent = |log: &RequestLog| log.bytes_sent() >= 48 << 20;
    let reached = async {
        assert!(log.until(PATIENCE, is_sent).await, "{log}");
    };
    check(&world, patient(&world), request(&published), "hashing", reached).await;
}

/// Drops the download from within, at the first such event.
async fn at_event(what: &str, is_it: impl Fn(&Event<'_>) -> bool + Send + Sync + 'static) {
    let (world, published) = World::with(&ModelFixture::new(ID));
    let seen = Arc::new(Notify::new());
    let told = Arc::clone(&seen);
    let asked = request(&published).on_event(move |event| {
        if is_it(event) {
            told.notify_one();
        }
    });
    check(&world, patient(&world), asked, what, seen.notified()).await;
    // Whatever happened, the next call gets the model.
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0], "{what}");
}

#[tokio::test]
async fn a_download_may_be_dropped_at_every_step() {
    at_event("metadata", |event| matches!(event, Event::Metadata { .. })).await;
    at_event("commit", |event| matches!(event, Event::Commit { .. })).await;
    at_event("planned", |event| matches!(event, Event::Fetch(FetchEvent::Planned { .. }))).await;
    at_event("received", |event| matches!(event, Event::Fetch(FetchEvent::Received { .. }))).await;
    at_event("verified", |event| matches!(event, Event::Fetch(FetchEvent::Verified { .. }))).await;
    at_event("publishing", |event| matches!(event, Event::Publishing { .. })).await;
}

#[tokio::test]
async fn a_downloader_that_is_dropped_leaves_no_connection() {
    let (world, published) = World::with(&ModelFixture::new(ID));
    let downloader = world.downloader();
    downloader.download(request(&published)).await.unwrap();
    drop(downloader);
    let deadline = Instant::now() + BOUND;
    assert!(until(deadline, || open_connections(&world) == 0).await, "{}", open_connections(&world));
}
