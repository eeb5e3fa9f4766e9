//! How many requests a download makes.

use local_hub::ModelFixture;

use crate::world::World;

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

#[tokio::test]
async fn history_costs_nothing() {
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
