//! Pruning during a download.

use std::time::Duration;

use facade::Locking;
use facade::cache::PruneMode;
use local_hub::{Fault, FaultTarget, Hold, LoggedRequest, ModelFixture, Outcome, Times};

use crate::world::{PATIENCE, World, request};

/// With locks and, without effective ones, by the heartbeat alone.
#[tokio::test]
async fn a_running_download_loses_nothing() {
    for locking in [Locking::System, Locking::None] {
        let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
        let hold = Hold::new();
        world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Hold(hold.clone()), Times::Once);
        let downloader = world.builder().locking(locking).build().unwrap();
        let (cache, asked) = (downloader.cache(), request(&model));
        let download = tokio::spawn(async move { downloader.download(asked).await });
        let others = model.lfs_files().count() - 1;
        let are_sent = |log: &local_hub::RequestLog| {
            let is_over = |asked: &&LoggedRequest| asked.outcome != Outcome::InFlight;
            log.requests().iter().filter(is_over).count() == others
        };
        assert!(world.hub.log().data().until(PATIENCE, are_sent).await);

        for mode in [PruneMode::DryRun, PruneMode::Remove, PruneMode::Remove] {
            let pruning = cache.prune(Duration::ZERO, mode);
            assert_eq!(pruning.models.len(), 1, "{locking:?}");
            assert!(pruning.models[0].in_use && pruning.models[0].failure.is_none(), "{pruning:?}");
            assert_eq!(pruning.models[0].removed_bytes, 0);
        }

        hold.release();
        let path = download.await.unwrap().unwrap().path;
        assert_eq!(model.differences(&path), [""; 0]);
        assert_eq!(world.hub.log().data().count(), model.lfs_files().count(), "nothing was fetched twice");
        assert!(cache.prune(Duration::ZERO, PruneMode::DryRun).models.is_empty());
    }
}
