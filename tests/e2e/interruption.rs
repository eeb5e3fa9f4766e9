//! Interrupted downloads.

use std::fs;
use std::path::PathBuf;

use local_hub::{
    Fault, FaultTarget, LoggedRequest, ModelFixture, Outcome, PublishedModel, Times, flip_a_bit,
};

use crate::world::{PATIENCE, Recorded, World, request};

fn is_over(asked: &LoggedRequest) -> bool {
    asked.outcome != Outcome::InFlight
}

/// A file's first request stalls after this many bytes, and a second one beside it at once.
fn stall(world: &World, file: &str, after: u64) {
    world.hub.fault(FaultTarget::data(file), Fault::Stall { after }, Times::Once);
    world.hub.fault(FaultTarget::data(file), Fault::Stall { after: 0 }, Times::Forever);
}

#[tokio::test]
async fn a_dropped_download_stops_and_the_next_one_continues_it() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    stall(&world, "params_shard_2.bin", 1000);
    let (downloader, asked) = (world.builder().idle_timeout(PATIENCE).build().unwrap(), request(&published));
    let download = tokio::spawn(async move { downloader.download(asked).await });
    let finished = published.lfs_files().count() - 1;
    let others_are_done = world
        .hub
        .log()
        .data()
        .until(PATIENCE, |log| log.requests().iter().filter(|asked| is_over(asked)).count() == finished)
        .await;
    assert!(others_are_done);
    // Sent files are not verified yet, so this waits for that too.
    let pool = || world.private_files().iter().filter(|path| path.to_str().unwrap().contains("pool")).count();
    while pool() < finished {
        tokio::task::yield_now().await;
    }

    download.abort();
    assert!(download.await.unwrap_err().is_cancelled());
    world.hub.clear_faults();
    let stopped = world.hub.log().until(PATIENCE, |log| log.in_flight() == 0).await;
    assert!(stopped, "the hub sees every transfer closed");
    assert!(world.visible_files().is_empty());

    let later = world.hub.log().from_now();
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    let fetched: Vec<_> = later.data().requests().into_iter().filter_map(|asked| asked.file).collect();
    assert_eq!(fetched, ["params_shard_2.bin"]);
}

/// A pool of verified files as left by a killed download, and the path of one of them.
async fn killed_with_a_pool() -> (World, PublishedModel, PathBuf) {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    stall(&world, "params_shard_2.bin", 1000);
    let (downloader, asked) = (world.builder().idle_timeout(PATIENCE).build().unwrap(), request(&published));
    let download = tokio::spawn(async move { downloader.download(asked).await });
    let finished = published.lfs_files().count() - 1;
    let pool = || {
        let files = world.private_files().into_iter();
        files.filter(|path| path.parent().unwrap().ends_with("pool")).collect::<Vec<_>>()
    };
    while pool().len() < finished {
        tokio::task::yield_now().await;
    }
    download.abort();
    assert!(download.await.unwrap_err().is_cancelled());
    world.hub.clear_faults();
    let victim = published.file("params_shard_0.bin").unwrap().sha256.clone();
    let victim = pool().into_iter().find(|path| path.to_str().unwrap().ends_with(&victim)).unwrap();
    (world, published, victim)
}

#[tokio::test]
async fn what_an_earlier_run_had_verified_is_hashed_by_the_run_that_publishes_it() {
    for zeros in [false, true] {
        let (world, published, victim) = killed_with_a_pool().await;
        if zeros {
            // As after a power failure.
            let length = fs::metadata(&victim).unwrap().len();
            fs::write(&victim, vec![0; length.try_into().unwrap()]).unwrap();
        } else {
            flip_a_bit(&victim);
        }
        let (later, events) = (world.hub.log().from_now(), Recorded::default());
        let asked = request(&published).observer(events.clone());
        let model = world.downloader().download(asked).await.unwrap();
        assert_eq!(published.differences(&model.path), [""; 0], "zeros: {zeros}");
        let mut fetched: Vec<_> =
            later.data().requests().into_iter().filter_map(|asked| asked.file).collect();
        fetched.sort();
        assert!(fetched.contains(&"params_shard_0.bin".to_owned()), "{fetched:?}");
        assert!(
            !fetched.contains(&"params_shard_1.bin".to_owned()),
            "what is right is not fetched: {fetched:?}"
        );
        assert_eq!((events.count(&["Checking"]), events.count(&["Reused"])), (1, 1));
    }
}

#[tokio::test]
async fn a_failed_shard_leaves_the_others_verified() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/many").shards(6, 30_000));
    world.hub.fault(FaultTarget::data("params_shard_5.bin"), Fault::status(418), Times::Once);
    // One at a time, so that others exist by then.
    let one_by_one = request(&published).files_in_flight(std::num::NonZeroUsize::MIN);
    world.downloader().download(one_by_one).await.unwrap_err();
    let later = world.hub.log().from_now();
    world.download(&published).await.unwrap();
    assert!(later.data().count() < published.lfs_files().count(), "{}", later.data().count());
}

#[tokio::test]
async fn metadata_is_requested_again_after_a_transient_failure() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.hub.fault(FaultTarget::info_refs("mlc-ai/tiny"), Fault::status(503), Times::Once);
    world.hub.fault(FaultTarget::upload_pack("mlc-ai/tiny"), Fault::Truncate { after: 50 }, Times::Once);
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert_eq!(world.hub.faults_left(), 0);
}

#[tokio::test]
async fn giving_up_says_how_often_and_how_long_it_was_tried() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.hub.fault(FaultTarget::info_refs("mlc-ai/tiny"), Fault::status(503), Times::Forever);
    let error = world.download(&published).await.unwrap_err();
    assert_eq!(error.kind(), facade::ErrorKind::Network);
    let tries = world.hub.log().git().count();
    assert!(tries > 1);
    assert!(error.to_string().contains(&format!("after {tries} attempts")), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("503"), "{cause}");
}
