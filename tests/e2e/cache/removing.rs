//! Removing models and leftovers.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use facade::cache::{PruneMode, RemovedEntry};
use facade::{Error, ErrorKind};
use local_hub::{Fault, FaultTarget, Hold, ModelFixture, Times};

use crate::world::{PATIENCE, Recorded, World, is_cached, lay_out, request};

/// Makes the download look as if it failed an hour ago, once its last blocking job has ended: anything
/// younger than a quarter of an hour counts as in use.
async fn age(world: &World) {
    let cache = world.downloader().cache();
    let then = SystemTime::now() - Duration::from_secs(3600);
    let deadline = Instant::now() + PATIENCE;
    loop {
        for file in world.private_files().iter().filter_map(|path| fs::File::open(path).ok()) {
            file.set_modified(then).unwrap();
        }
        let pruning = cache.prune(Duration::ZERO, PruneMode::DryRun);
        if pruning.models.iter().all(|model| !model.in_use) {
            return;
        }
        assert!(Instant::now() < deadline, "{pruning:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_removed_model_is_downloaded_again() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let cache = world.downloader().cache();
    let model = "mlc-ai/tiny".parse().unwrap();

    let removal = cache.remove(&model).unwrap();

    assert_eq!((removal.entry, removal.path), (RemovedEntry::Directory, world.entry(&published)));
    let size: u64 = published.files.iter().map(|file| file.size).sum();
    assert!(removal.bytes >= size, "{} of {size} bytes", removal.bytes);
    assert!(removal.leftover.is_none() && removal.kept.is_empty());
    assert!(cache.list().unwrap().models.is_empty());
    let is_lock = |path: &Path| path.components().any(|part| part.as_os_str() == "locks");
    let left: Vec<_> =
        world.private_files().into_iter().filter(|path| path.is_file() && !is_lock(path)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!is_cached(world.download(&published).await.unwrap().outcome));
}

#[tokio::test]
async fn removing_an_absent_model_is_an_error_and_creates_nothing() {
    let world = World::new();
    let error = world.downloader().cache().remove(&"mlc-ai/tiny".parse().unwrap()).unwrap_err();
    assert!(matches!(error, Error::NotInCache { .. }) && error.kind() == ErrorKind::NotCached, "{error}");
    assert!(!world.home().exists());
}

#[tokio::test]
async fn copies_in_read_only_tiers_stay() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let tier = world.beside("tier");
    let copy = lay_out(&published, &tier);
    let cache = world.builder().read_only([&tier]).build().unwrap().cache();
    let model = "mlc-ai/tiny".parse().unwrap();

    let error = cache.remove(&model).unwrap_err();
    assert!(matches!(error, Error::OnlyReadOnly { .. }), "{error}");
    assert!(error.to_string().contains(&tier.display().to_string()), "{error}");

    lay_out(&published, &world.home().join("model_weights"));
    assert_eq!(cache.remove(&model).unwrap().kept, std::slice::from_ref(&copy));
    assert_eq!(published.differences(&copy), [""; 0]);
    assert!(!world.entry(&published).exists());
}

#[tokio::test]
async fn a_model_that_is_being_downloaded_is_not_removed() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let hold = Hold::new();
    let target = FaultTarget::data("params_shard_0.bin");
    world.hub.fault(target, Fault::Hold(hold.clone()), Times::Once);
    let (downloader, asked) = (world.downloader(), request(&published));
    let cache = downloader.cache();
    let download = tokio::spawn(async move { downloader.download(asked).await });
    assert!(world.hub.log().data().until(PATIENCE, |log| log.count() > 0).await);

    let error = cache.remove(&"mlc-ai/tiny".parse().unwrap()).unwrap_err();
    let pruning = cache.prune(Duration::ZERO, PruneMode::Remove);

    hold.release();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(error.to_string().contains(&format!("by process {}", std::process::id())), "{error}");
    assert!(pruning.models.iter().all(|model| model.in_use && model.removed_bytes == 0), "{pruning:?}");
    assert_eq!(published.differences(&download.await.unwrap().unwrap().path), [""; 0]);
}

#[tokio::test]
async fn leftovers_of_a_failed_download_are_pruned() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::status(404), Times::Forever);
    world.download(&published).await.unwrap_err();
    world.hub.clear_faults();
    let cache = world.downloader().cache();
    age(&world).await;

    let day = Duration::from_secs(24 * 3600);
    assert_eq!(cache.prune(day, PruneMode::Remove).removed_bytes(), 0, "it is too young");
    let would = cache.prune(Duration::ZERO, PruneMode::DryRun);
    assert!(would.dry_run && would.removed_bytes() > 0, "{would:?}");
    let did = cache.prune(Duration::ZERO, PruneMode::Remove);
    assert_eq!((did.dry_run, did.removed_bytes(), did.kept_bytes()), (false, would.removed_bytes(), 0));
    assert_eq!(did.models[0].model.to_string(), "mlc-ai/tiny");
    assert!(cache.prune(Duration::ZERO, PruneMode::Remove).models.is_empty());

    // Everything is fetched again.
    let events = Recorded::default();
    world.downloader().download(request(&published).observer(events.clone())).await.unwrap();
    assert_eq!(events.count(&["Reused"]), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn of_a_link_only_the_link_is_removed() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let own = lay_out(&published, &world.beside("own"));
    fs::create_dir_all(world.entry(&published).parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&own, world.entry(&published)).unwrap();
    let removal = world.downloader().cache().remove(&"mlc-ai/tiny".parse().unwrap()).unwrap();
    assert_eq!(removal.entry, RemovedEntry::Link { target: own.clone() });
    assert_eq!(published.differences(&own), [""; 0]);
    assert!(fs::symlink_metadata(world.entry(&published)).is_err());
}

#[tokio::test]
async fn the_fields_of_the_documents_of_remove_and_prune() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let cache = world.downloader().cache();
    let removal = cache.remove(&"mlc-ai/tiny".parse().unwrap()).unwrap();
    assert_eq!(
        serde_json::to_value(&removal).unwrap(),
        serde_json::json!({
            "model": "mlc-ai/tiny",
            "revision": null,
            "path": world.entry(&published).to_str().unwrap(),
            "entry": "directory",
            "link_target": null,
            "bytes": removal.bytes,
            "leftover": null,
            "kept": [],
        })
    );
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::status(404), Times::Forever);
    world.download(&published).await.unwrap_err();
    age(&world).await;
    let pruning = cache.prune(Duration::ZERO, PruneMode::DryRun);
    let bytes = pruning.removed_bytes();
    assert_eq!(
        serde_json::to_value(&pruning).unwrap(),
        serde_json::json!({
            "version": 1,
            "dry_run": true,
            "models": [{
                "model": "mlc-ai/tiny",
                "revision": null,
                "removed_bytes": bytes,
                "kept_bytes": pruning.kept_bytes(),
                "in_use": false,
                "holder": null,
                "kept_until": null,
                "failure": null,
            }],
            "temporary_bytes": 0,
            "failures": [],
            "removed_bytes": bytes,
            "kept_bytes": pruning.kept_bytes(),
        })
    );
}
