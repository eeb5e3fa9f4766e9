//! Removing models and leftovers.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use facade::Error;
use facade::cache::{PruneMode, RemovedEntry};
use local_hub::{Fault, FaultTarget, ModelFixture, Times};

use crate::world::{PATIENCE, World, is_cached, lay_out};

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
