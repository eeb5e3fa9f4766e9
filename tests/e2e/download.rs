//! The main job: from a URL to a whole directory.

use std::num::NonZeroUsize;

use facade::Outcome;
use local_hub::{Fault, FaultTarget, Hold, Manifests, ModelFixture, Times};

use crate::world::{PATIENCE, Recorded, World, download_bytes, files_below, request};

#[tokio::test]
async fn a_model_arrives_as_the_original_would_leave_it() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));

    let model = world.download(&published).await.unwrap();

    assert_eq!(model.path, world.entry(&published));
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert_eq!(model.commit.unwrap().to_string(), published.commit);
    let bytes: u64 = published.lfs_files().map(|file| file.size).sum();
    assert_eq!(download_bytes(&model), Some([bytes, 0, 0]));
}

#[tokio::test]
async fn only_the_model_and_private_files_remain() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let model = world.download(&published).await.unwrap();
    assert_eq!(world.visible_files().len(), published.files.len());
    // The lock and the receipt stay, each named after the model; staging is empty.
    let private = world.private_files();
    let is_expected = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("mlc-ai+tiny") || name == "staging"
    };
    assert!(private.iter().all(is_expected), "{private:?}");
    assert!(!model.path.join(".git").exists());
}

#[tokio::test]
async fn the_second_call_makes_no_request() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let first = world.download(&published).await.unwrap();
    let later = world.hub.log().from_now();

    let second = world.download(&published).await.unwrap();

    assert_eq!(second.path, first.path);
    assert_eq!(second.outcome, Outcome::Cached);
    assert!(later.is_empty(), "{later:?}");
}

#[tokio::test]
async fn both_prefixes_name_the_same_model() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let url = format!("https://huggingface.co/{}/{}", published.user, published.repo);
    let model = world.downloader().download(url.parse().unwrap()).await.unwrap();
    assert_eq!(model.outcome, Outcome::Cached);
}

#[tokio::test]
async fn everything_belongs_to_one_commit() {
    let (world, old) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    // The branch moves after the metadata is known, before the first shard is located.
    let hold = Hold::new();
    world.hub.fault(FaultTarget::resolve("params_shard_0.bin"), Fault::Hold(hold.clone()), Times::Once);
    let downloader = world.downloader();
    let asked = request(&old);
    let download = tokio::spawn(async move { downloader.download(asked).await });
    assert!(world.hub.log().resolve().until(PATIENCE, |log| log.count() > 0).await);
    let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(7));
    hold.release();

    let model = download.await.unwrap().unwrap();

    assert_ne!(old.commit, new.commit);
    assert_eq!(model.commit.unwrap().to_string(), old.commit);
    assert_eq!(old.differences(&model.path), [""; 0]);
}

#[tokio::test]
async fn shards_that_are_plain_in_git_are_verified_too() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/plain").plain_shards());
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert_eq!(world.hub.log().resolve().file("params_shard_0.bin").count(), 0);

    let (world, published) = World::with(&ModelFixture::new("mlc-ai/plain").plain_shards().wrong_md5(1));
    let error = world.download(&published).await.unwrap_err();
    assert_eq!(error.kind(), facade::ErrorKind::Integrity, "{error}");
    assert!(error.to_string().contains("params_shard_1.bin"), "{error}");
    assert!(world.visible_files().is_empty());
}

#[tokio::test]
async fn the_older_manifest_gets_its_newer_name_beside_it() {
    let fixture = ModelFixture::new("mlc-ai/old").manifests(Manifests::NdArrayCache);
    let (world, published) = World::with(&fixture);
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.differences(&model.path), ["not in the model: tensor-cache.json"]);
    let read = |name: &str| std::fs::read(model.path.join(name)).unwrap();
    assert_eq!(read("tensor-cache.json"), read("ndarray-cache.json"));
}

#[tokio::test]
async fn a_manifest_or_configuration_may_be_an_lfs_file() {
    for fixture in [
        ModelFixture::new("mlc-ai/lfs-manifest").lfs_manifest(),
        ModelFixture::new("mlc-ai/lfs-config").lfs_config(),
    ] {
        let (world, published) = World::with(&fixture);
        let events = Recorded::default();
        let asked = request(&published).observer(events.clone());
        let model = world.downloader().download(asked).await.unwrap();
        assert_eq!(published.differences(&model.path), [""; 0]);
        assert_eq!(events.count(&["Reused"]), 0, "nothing was there before");
    }
}

#[tokio::test]
async fn md5_may_be_absent_or_blank() {
    for field in [local_hub::Md5Field::Absent, local_hub::Md5Field::Blank] {
        let (world, published) = World::with(&ModelFixture::new("mlc-ai/old").md5(field));
        let model = world.download(&published).await.unwrap();
        assert_eq!(published.differences(&model.path), [""; 0], "{field:?}");
    }
}

#[tokio::test]
async fn lfs_files_of_every_kind_are_fetched_but_not_unlisted_bin_files() {
    let fixture = ModelFixture::new("mlc-ai/tiny")
        .random_lfs_file("deep/er/vocab file #1.json", 5_000)
        .random_lfs_file("pytorch_model.bin", 9_000)
        .lfs_file("empty.dat", b"");
    let (world, published) = World::with(&fixture);
    let events = Recorded::default();

    let model = world.downloader().download(request(&published).observer(events.clone())).await.unwrap();

    assert_eq!(published.differences(&model.path), ["missing: pytorch_model.bin"]);
    assert_eq!(world.hub.log().file("pytorch_model.bin").count(), 0);
    assert_eq!(events.count(&["UnlistedShard", "pytorch_model.bin"]), 1);
}

#[tokio::test]
async fn the_same_bytes_under_two_names_are_fetched_once() {
    let fixture = ModelFixture::new("mlc-ai/twice")
        .lfs_file("a.dat", b"the same bytes")
        .lfs_file("b.dat", b"the same bytes");
    let (world, published) = World::with(&fixture);
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    let fetched = ["a.dat", "b.dat"].map(|file| world.hub.log().data().file(file).count());
    assert_eq!(fetched.iter().sum::<usize>(), 1);
}

#[tokio::test]
async fn the_given_number_limits_parallel_files() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/many").shards(12, 20_000));
    // Slow enough to reveal more requests.
    world.hub.fault(FaultTarget::data(".bin"), Fault::status(503), Times::N(3));
    for jobs in [1, 3] {
        let home = world.beside(&format!("home-{jobs}"));
        let log = world.hub.log().from_now();
        let asked = request(&published).files_in_flight(NonZeroUsize::new(jobs).unwrap());
        world.builder().home(home).build().unwrap().download(asked).await.unwrap();
        assert!(log.data().max_concurrent() <= jobs, "{jobs}: {}", log.data().max_concurrent());
        assert!(log.data().count() >= 12);
    }
}

#[tokio::test]
async fn a_wrong_md5_in_the_manifest_is_an_integrity_error() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny").wrong_md5(2));
    let error = world.download(&published).await.unwrap_err();
    assert_eq!(error.kind(), facade::ErrorKind::Integrity, "{error}");
    assert!(error.to_string().contains("params_shard_2.bin"), "{error}");
    assert!(error.to_string().contains("MD5"), "{error}");
}

#[tokio::test]
async fn scratch_space_is_where_it_was_asked_for_and_is_left_empty() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let scratch = world.beside("scratch");
    let hold = Hold::new();
    world.hub.fault(FaultTarget::upload_pack("mlc-ai/tiny"), Fault::Hold(hold.clone()), Times::Once);
    let downloader = world.builder().temp_dir(&scratch).build().unwrap();
    let asked = request(&published);
    let download = tokio::spawn(async move { downloader.download(asked).await });
    assert!(world.hub.log().git().until(PATIENCE, |log| log.count() > 1).await);
    assert!(!files_below(&scratch).is_empty());
    hold.release();
    download.await.unwrap().unwrap();
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
}
