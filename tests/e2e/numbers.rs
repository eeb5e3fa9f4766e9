//! The number of requests of a download.

use facade::Durability;
use local_hub::{Fault, FaultTarget, ModelFixture, PublishedModel, RequestLog, Times};

use crate::world::{World, request};

#[tokio::test]
async fn a_model_of_n_lfs_files_costs_three_git_requests_and_n_of_each_other_kind() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/many").shards(40, 3_000));
    world.download(&published).await.unwrap();
    let (log, files) = (world.hub.log(), published.lfs_files().count());
    assert!(log.git().count() <= 3, "{}", log.git().count());
    assert!(log.resolve().count() <= files, "{}", log.resolve().count());
    assert!(log.data().count() <= files, "{}", log.data().count());
    assert_eq!(log.count(), log.git().count() + log.resolve().count() + log.data().count());
}

/// Downloads a model with 483 shards; returns the requests.
async fn of_483_shards(batches: Option<Fault>) -> (RequestLog, PublishedModel) {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/large").shards(483, 100));
    if let Some(fault) = batches {
        world.hub.fault(FaultTarget::lfs_batch(""), fault, Times::Forever);
    }
    let downloader = world.builder().durability(Durability::Fast).build().unwrap();
    downloader.download(request(&published)).await.unwrap();
    (world.hub.log(), published)
}

#[tokio::test]
async fn a_model_of_483_shards_costs_the_hub_ten_requests_at_most() {
    let (log, published) = of_483_shards(None).await;
    assert!(log.hub().count() <= 10, "{}", log.hub());
    assert_eq!((log.lfs_batch().count(), log.resolve().count()), (5, 0));
    assert_eq!(log.data().count(), published.lfs_files().count());
    assert_eq!(log.hub().filter(|asked| asked.status.is_some_and(|status| status >= 400)).count(), 0);
}

#[tokio::test]
async fn without_batches_it_costs_488() {
    let (log, published) = of_483_shards(Some(Fault::status(404))).await;
    // 483 shards, the tokenizer, three for git, and the refused batch.
    assert!(log.hub().count() <= 488, "{}", log.hub().count());
    assert_eq!(log.resolve().count(), published.lfs_files().count(), "each file is located once");
}

#[tokio::test]
async fn a_file_is_located_again_only_when_its_url_has_expired_or_is_refused() {
    const MIB: u64 = 1 << 20;
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny").shards(1, 20 * MIB));
    let located = |log: &RequestLog| log.resolve().file("params_shard_0.bin").count();
    // Many ranges, and a connection that breaks, need no second location request.
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Reset { after: MIB }, Times::Once);
    world.download(&published).await.unwrap();
    let log = world.hub.log();
    assert!(log.data().file("params_shard_0.bin").count() > 1, "{log}");
    assert_eq!(located(&log), 1, "{log}");

    // Refusals by the data host, as of an expired URL, take one request for all connections.
    let log = log.from_now();
    let again = request(&published).force(true);
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::status(403), Times::Once);
    world.downloader().download(again).await.unwrap();
    assert_eq!(located(&log), 2, "{log}");
}

#[tokio::test]
async fn a_long_history_costs_no_requests() {
    let (world, short) = World::with(&ModelFixture::new("mlc-ai/short"));
    let long = world.hub.publish(&ModelFixture::new("mlc-ai/long").history(500, 50_000_000));
    for model in [&short, &long] {
        world.download(model).await.unwrap();
    }
    let received = |model: &str| world.hub.log().git().model(model).bytes_sent();
    let (short, long) = (received("mlc-ai/short"), received("mlc-ai/long"));
    assert!(long * 10 <= short * 12, "{long} bytes for a long history, {short} for a short one");
    assert!(world.hub.log().git().model("mlc-ai/long").count() <= 3);
}
