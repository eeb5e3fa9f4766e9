//! The number of requests of a download.

use facade::Durability;
use local_hub::ModelFixture;

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

#[tokio::test]
async fn a_model_of_483_shards_costs_the_hub_ten_requests_at_most() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/large").shards(483, 100));
    let downloader = world.builder().durability(Durability::Fast).build().unwrap();
    downloader.download(request(&published)).await.unwrap();
    let log = world.hub.log();
    assert!(log.hub().count() <= 10, "{}", log.hub());
    assert_eq!((log.lfs_batch().count(), log.resolve().count()), (5, 0));
    assert_eq!(log.data().count(), published.lfs_files().count());
    assert_eq!(log.hub().filter(|asked| asked.status.is_some_and(|status| status >= 400)).count(), 0);
}
