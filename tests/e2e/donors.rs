//! Files that another entry of the cache has are copied and hashed instead of fetched.

use std::fs;
use std::path::{Path, PathBuf};

use local_hub::{ModelFixture, PublishedModel, RequestLog, flip_a_bit};

use crate::world::{Recorded, World};

const SHARD: &str = "params_shard_1.bin";

/// A shard that an update changes.
const CHANGED: &str = "params_shard_2.bin";

fn fixture(filler: u8) -> ModelFixture {
    let shards = ModelFixture::new("mlc-ai/tiny").shards(2, 30_000);
    shards.shard_with(CHANGED, vec![filler; 50_000])
}

/// The same commit under another name.
fn pinned(published: &PublishedModel) -> facade::Request {
    format!("{}@{}", published.url, published.commit).parse().unwrap()
}

/// A cache with a model, and the model's directory.
async fn world() -> (World, PublishedModel, PathBuf) {
    let (world, published) = World::with(&fixture(6));
    let donor = world.download(&published).await.unwrap().path;
    (world, published, donor)
}

/// The files whose bytes were fetched, sorted.
fn fetched(log: &RequestLog) -> Vec<String> {
    let mut files: Vec<_> = log.data().requests().into_iter().filter_map(|asked| asked.file).collect();
    files.sort();
    files.dedup();
    files
}

/// Downloads the model under another name; returns what was fetched for it, and its directory.
async fn copy(world: &World, published: &PublishedModel) -> (Vec<String>, PathBuf) {
    let (log, events) = (world.hub.log().from_now(), Recorded::default());
    let asked = pinned(published).observer(events.clone());
    let model = world.downloader().download(asked).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert_eq!(events.count(&["Reused"]), 1);
    (fetched(&log), model.path)
}

#[tokio::test]
async fn another_name_of_a_commit_fetches_nothing() {
    let (world, published, donor) = world().await;
    let (fetched, copy) = copy(&world, &published).await;
    assert_eq!(fetched, [""; 0]);
    assert_ne!(donor, copy);
}

/// People and tools modify shards in place.
#[tokio::test]
async fn an_edit_of_either_is_not_seen_in_the_other() {
    let (world, published, donor) = world().await;
    let (_, copy) = copy(&world, &published).await;
    let right = fs::read(donor.join(SHARD)).unwrap();
    flip_a_bit(&donor.join(SHARD));
    assert_eq!(fs::read(copy.join(SHARD)).unwrap(), right);
    fs::write(copy.join("params_shard_0.bin"), "mine").unwrap();
    assert_ne!(fs::read(donor.join("params_shard_0.bin")).unwrap(), b"mine");
}

#[tokio::test]
async fn an_update_fetches_what_has_changed() {
    let (world, _, _) = world().await;
    let changed = world.hub.replace(&fixture(7));
    let (fetched, _) = copy(&world, &changed).await;
    assert_eq!(fetched, [CHANGED]);
}

#[tokio::test]
async fn a_damaged_file_and_a_missing_one_are_fetched() {
    let (world, published, donor) = world().await;
    flip_a_bit(&donor.join(SHARD));
    let damaged = fs::read(donor.join(SHARD)).unwrap();
    fs::remove_file(donor.join("params_shard_0.bin")).unwrap();
    let (fetched, _) = copy(&world, &published).await;
    assert_eq!(fetched, ["params_shard_0.bin", SHARD]);
    assert_eq!(fs::read(donor.join(SHARD)).unwrap(), damaged, "the other model is left as it is");
}

/// It exists when the receipts are read, and is gone when it should be copied.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_cannot_be_opened_is_fetched() {
    let (world, published, donor) = world().await;
    let length = fs::metadata(donor.join(SHARD)).unwrap().len();
    fs::remove_file(donor.join(SHARD)).unwrap();
    // The right length, as far as metadata shows.
    let empty = fs::File::create(donor.join(SHARD)).unwrap();
    empty.set_len(length).unwrap();
    let (fetched, _) = copy(&world, &published).await;
    assert_eq!(fetched, [SHARD]);
}

#[tokio::test]
async fn a_redo_fetches_everything() {
    let (world, published, _) = world().await;
    let (_, _) = copy(&world, &published).await;
    let log = world.hub.log().from_now();
    let model = world.downloader().download(pinned(&published).force(true)).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert_eq!(fetched(&log).len(), published.lfs_files().count());
}

#[tokio::test]
async fn a_read_only_tier_helps() {
    let (world, published, donor) = world().await;
    let tier = world.home().join("model_weights");
    let log = world.hub.log().from_now();
    let mine = world.builder().home(world.beside("mine")).read_only([tier]).build().unwrap();
    let model = mine.download(pinned(&published)).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert_eq!(fetched(&log), [""; 0]);
    assert!(model.path.starts_with(world.beside("mine")) && donor.exists());
}

/// Its owner may have it open, and write to it after the copy was hashed.
#[cfg(unix)]
#[tokio::test]
async fn files_of_another_user_are_copied() {
    use std::os::unix::fs::MetadataExt as _;
    let (world, published, donor) = world().await;
    if std::os::unix::fs::chown(donor.join(SHARD), Some(12_345), None).is_err() {
        // Only root can set this up.
        return;
    }
    let (fetched, copy) = copy(&world, &published).await;
    assert_eq!(fetched, [""; 0]);
    let look = |folder: &Path| fs::metadata(folder.join(SHARD)).unwrap();
    assert_ne!(look(&copy).uid(), 12_345);
    assert_ne!(look(&copy).ino(), look(&donor).ino());
}

#[tokio::test]
async fn a_plan_says_what_would_be_copied() {
    let (world, published, _) = world().await;
    let plan = world.downloader().plan(pinned(&published)).await.unwrap();
    let facade::DownloadPlan::Download(plan) = plan else { panic!("{plan:?}") };
    let copied = plan.files.iter().filter(|file| file.from == facade::FileOrigin::OtherModel).count();
    assert_eq!((copied, plan.bytes_to_fetch()), (published.lfs_files().count(), 0));
}
