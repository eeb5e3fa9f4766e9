//! Several callers at once.

use facade::Outcome;
use local_hub::{Fault, FaultTarget, Hold, LocalHub, ModelFixture, Times};

use crate::world::{PATIENCE, Recorded, World, is_cached, request, temporary_folder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_one_model_share_one_download() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        // A downloader each, as separate parts of a program would have.
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
async fn who_waits_says_so_once_and_can_be_cancelled() {
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

/// Two downloaders with hubs and tokens of their own, at once, and that in two runtimes one after the other:
/// libgit2's process-wide transport must not remember any of them.
#[test]
fn downloaders_with_different_hubs_and_tokens_do_not_mix() {
    let (home, hubs) = (temporary_folder(), [LocalHub::start(), LocalHub::start()]);
    for round in 0..2 {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut downloads = tokio::task::JoinSet::new();
        for (number, hub) in hubs.iter().enumerate() {
            let published = hub.publish(&ModelFixture::new(&format!("user-{number}/model-{round}")));
            let downloader = facade::Downloader::builder()
                .home(home.path())
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
