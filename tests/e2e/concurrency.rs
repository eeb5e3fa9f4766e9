//! Several callers at once.

use facade::{Locking, Model, Outcome};
use local_hub::{Fault, FaultTarget, Hold, LocalHub, ModelFixture, PublishedModel, Times};

use crate::world::{PATIENCE, Recorded, World, is_cached, lay_out, request, temporary_folder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_one_model_share_one_download() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        // One downloader each, as separate parts of a program would have.
        let (downloader, asked) = (world.downloader(), request(&published));
        callers.spawn(async move { downloader.download(asked).await.unwrap() });
    }
    let models = callers.join_all().await;
    let downloads = models.iter().filter(|model| !is_cached(model.outcome)).count();
    assert_eq!(downloads, 1);
    assert!(models.iter().all(|model| model.path == world.entry(&published)));
    assert_eq!(world.hub.log().data().count(), published.lfs_files().count());
}

#[tokio::test]
async fn a_waiting_caller_says_so_once_and_can_be_cancelled() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let hold = Hold::new();
    world.hub.fault(FaultTarget::info_refs("mlc-ai/tiny"), Fault::Hold(hold.clone()), Times::Once);
    let (downloader, asked) = (world.downloader(), request(&published));
    let first = tokio::spawn(async move { downloader.download(asked).await });
    assert!(world.hub.log().git().until(PATIENCE, |log| log.count() > 0).await);

    let events = Recorded::default();
    let (downloader, asked) = (world.downloader(), request(&published).observer(events.clone()));
    let second = tokio::spawn(async move { downloader.download(asked).await });
    while events.count(&["WaitingForLock"]) == 0 {
        tokio::task::yield_now().await;
    }
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());

    hold.release();
    assert!(matches!(first.await.unwrap().unwrap().outcome, Outcome::Downloaded { .. }));
    assert_eq!(events.count(&["WaitingForLock"]), 1);
    assert_eq!(events.count(&["WaitingForLock", &std::process::id().to_string()]), 1);
}

#[tokio::test]
async fn different_models_do_not_wait_for_each_other() {
    let (world, slow) = World::with(&ModelFixture::new("mlc-ai/slow"));
    let quick = world.hub.publish(&ModelFixture::new("mlc-ai/quick"));
    let hold = Hold::new();
    world.hub.fault(FaultTarget::info_refs("mlc-ai/slow"), Fault::Hold(hold.clone()), Times::Once);
    let (downloader, asked) = (world.downloader(), request(&slow));
    let held = tokio::spawn(async move { downloader.download(asked).await });
    assert!(world.hub.log().git().until(PATIENCE, |log| log.count() > 0).await);

    world.download(&quick).await.unwrap();

    hold.release();
    held.await.unwrap().unwrap();
}

/// Without locks, or because of a program that has none, another download may finish first. The result
/// then describes that model, which need not have the commit that was fetched here.
#[tokio::test]
async fn a_model_published_by_another_download_is_reported_with_its_own_commit() {
    let (world, mine) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let (model, theirs) = overtaken(&world, &mine, async |theirs| {
        let downloader = world.builder().locking(Locking::None).build().unwrap();
        downloader.download(request(theirs)).await.unwrap();
    })
    .await;
    assert_ne!(theirs.commit, mine.commit);
    assert_eq!(model.commit.map(|commit| commit.to_string()), Some(theirs.commit));

    let (world, mine) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let (model, _) = overtaken(&world, &mine, async |theirs| {
        lay_out(theirs, &world.home().join("model_weights"));
    })
    .await;
    assert_eq!(model.commit, None, "another program keeps no receipts");
}

/// Downloads `mine`; while its first shard is in transit, the model's next commit is put in its place.
/// Returns the download's result and the directory's content.
async fn overtaken(
    world: &World,
    mine: &PublishedModel,
    somebody_else: impl AsyncFnOnce(&PublishedModel),
) -> (Model, PublishedModel) {
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Hold(hold.clone()), Times::Once);
    // The connection is not given up while it is held.
    let patient = world.builder().locking(Locking::None).idle_timeout(2 * PATIENCE).build().unwrap();
    let asked = request(mine);
    let download = tokio::spawn(async move { patient.download(asked).await });
    let held = world.hub.log().data().file("params_shard_0.bin");
    assert!(held.until(PATIENCE, |log| log.in_flight() == 1).await);
    let theirs = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(1));
    somebody_else(&theirs).await;
    hold.release();
    let model = download.await.unwrap().unwrap();
    assert!(matches!(model.outcome, Outcome::Downloaded { .. }), "it has fetched all of its own");
    assert_eq!(theirs.differences(&model.path), [""; 0]);
    (model, theirs)
}

/// Two downloaders with their own hubs and tokens, at once, and in two runtimes in turn: libgit2's
/// process-wide state must not mix them.
#[test]
fn downloaders_with_different_hubs_and_tokens_do_not_mix() {
    let (home, hubs) = (temporary_folder(), [LocalHub::start(), LocalHub::start()]);
    for round in 0..2 {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut downloads = tokio::task::JoinSet::new();
        for (number, hub) in hubs.iter().enumerate() {
            let published = hub.publish(&ModelFixture::new(&format!("user-{number}/model-{round}")));
            let downloader = facade::Downloader::builder(home.path())
                .endpoint(hub.endpoint().parse().unwrap())
                .token(facade::Token::new(&format!("hf_{number}")).unwrap())
                .build()
                .unwrap();
            let asked = request(&published);
            downloads.spawn_on(async move { downloader.download(asked).await.unwrap() }, runtime.handle());
        }
        let models = runtime.block_on(downloads.join_all());
        assert!(models.iter().all(|model| !is_cached(model.outcome)));
    }
    for (number, hub) in hubs.iter().enumerate() {
        let other = format!("user-{}", 1 - number);
        for asked in hub.log().hub().requests() {
            assert_eq!(asked.header("authorization"), Some(format!("Bearer hf_{number}").as_str()));
            assert!(!asked.path.contains(&other), "{}", asked.path);
        }
        assert!(hub.log().data().with_header("authorization").is_empty());
    }
}
