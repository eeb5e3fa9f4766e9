//! Repairing a model that looks whole, keeping its intact files.

use std::fs;

use facade::{CommitId, Error, ErrorKind, Model, Repair};
use local_hub::{ModelFixture, PublishedModel, edit_config, flip_a_bit};

use crate::world::{Recorded, World, download_bytes, lay_out, request};

async fn downloaded(fixture: &ModelFixture) -> (World, PublishedModel) {
    let (world, published) = World::with(fixture);
    world.download(&published).await.unwrap();
    (world, published)
}

async fn repair(world: &World, published: &PublishedModel, repair: Repair) -> Result<Model, Error> {
    world.downloader().download(request(published).repair(repair)).await
}

#[tokio::test]
async fn only_wrong_files_are_fetched_although_the_model_looks_whole() {
    let (world, published) = downloaded(&ModelFixture::new("mlc-ai/tiny")).await;
    let entry = world.entry(&published);
    flip_a_bit(&entry.join("params_shard_1.bin"));
    flip_a_bit(&entry.join("tokenizer_config.json"));
    let config = edit_config(&entry);
    fs::write(entry.join("mine.txt"), "mine").unwrap();
    let later = world.hub.log().from_now();

    let model = repair(&world, &published, Repair::Damaged).await.unwrap();

    let fetched: Vec<_> = later.data().requests().into_iter().filter_map(|asked| asked.file).collect();
    assert_eq!(fetched, ["params_shard_1.bin"]);
    let bytes_received = published.file("params_shard_1.bin").unwrap().size;
    assert_eq!(download_bytes(&model), Some([bytes_received, 0, 0]));
    assert_eq!(
        published.differences(&entry),
        ["differs: mlc-chat-config.json", "not in the model: mine.txt"],
        "an edited file other than the config is damage to a repair"
    );
    assert_eq!(fs::read_to_string(entry.join("mlc-chat-config.json")).unwrap(), config);
}

#[tokio::test]
async fn an_edited_config_is_replaced_only_on_request() {
    for fixture in [ModelFixture::new("mlc-ai/tiny"), ModelFixture::new("mlc-ai/tiny").lfs_config()] {
        let (world, published) = downloaded(&fixture).await;
        let entry = world.entry(&published);
        edit_config(&entry);
        fs::write(entry.join("mine.txt"), "mine").unwrap();
        repair(&world, &published, Repair::Damaged).await.unwrap();
        assert_eq!(
            published.differences(&entry),
            ["differs: mlc-chat-config.json", "not in the model: mine.txt"]
        );
        repair(&world, &published, Repair::DamagedAndModified).await.unwrap();
        assert_eq!(published.differences(&entry), ["not in the model: mine.txt"]);
    }
}

#[tokio::test]
async fn a_repair_is_of_the_commit_that_was_downloaded() {
    let (world, old) = downloaded(&ModelFixture::new("mlc-ai/tiny")).await;
    let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(7).history(1, 10));
    assert_ne!(old.commit, new.commit);
    flip_a_bit(&world.entry(&old).join("params_shard_0.bin"));
    // Also with visible damage, and with a missing manifest.
    for damage in ["", "params_shard_1.bin", "tensor-cache.json"] {
        if !damage.is_empty() {
            fs::remove_file(world.entry(&old).join(damage)).unwrap();
        }
        match repair(&world, &old, Repair::Damaged).await {
            Ok(model) => assert_eq!(model.commit, Some(old.commit.parse::<CommitId>().unwrap())),
            Err(error) => panic!("{damage}: {error}"),
        }
        assert_eq!(old.differences(&world.entry(&old)), [""; 0], "{damage}");
    }
}

#[tokio::test]
async fn a_commit_that_is_gone_is_replaced_by_the_hubs() {
    let (world, old) = downloaded(&ModelFixture::new("mlc-ai/tiny")).await;
    let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(7));
    let receipt = world.private_files().into_iter().find(|path| path.ends_with("mlc-ai+tiny.json")).unwrap();
    let text = fs::read_to_string(&receipt).unwrap().replace(&old.commit, &"ab".repeat(20));
    fs::write(&receipt, text).unwrap();
    fs::remove_file(world.entry(&old).join("params_shard_0.bin")).unwrap();
    let events = Recorded::default();
    let asked = request(&old).repair(Repair::Damaged).observer(events.clone());
    let model = world.downloader().download(asked).await.unwrap();
    assert_eq!(model.commit, Some(new.commit.parse().unwrap()));
    assert_eq!(events.count(&["CommitGone"]), 1);
    assert_eq!(new.differences(&world.entry(&new)), [""; 0]);
}

#[tokio::test]
async fn the_originals_copy_is_repaired_too() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = lay_out(&published, &world.home().join("model_weights"));
    flip_a_bit(&entry.join("params_shard_0.bin"));
    repair(&world, &published, Repair::Damaged).await.unwrap();
    assert_eq!(published.differences(&entry), [""; 0]);
}

#[tokio::test]
async fn the_writable_copy_is_repaired_and_a_read_only_one_is_not() {
    let (world, published) = downloaded(&ModelFixture::new("mlc-ai/tiny")).await;
    let tier = world.beside("tier");
    let copy = lay_out(&published, &tier);
    for entry in [&world.entry(&published), &copy] {
        flip_a_bit(&entry.join("params_shard_0.bin"));
    }
    let downloader = world.builder().read_only([&tier]).build().unwrap();
    let asked = || request(&published).repair(Repair::Damaged);
    assert_eq!(downloader.download(asked()).await.unwrap().path, world.entry(&published));
    assert_eq!(published.differences(&world.entry(&published)), [""; 0]);
    assert_eq!(published.differences(&copy), ["differs: params_shard_0.bin"]);

    _ = downloader.cache().remove(&"mlc-ai/tiny".parse().unwrap()).unwrap();
    let error = downloader.download(asked()).await.unwrap_err();
    assert!(matches!(error, Error::OnlyReadOnly { .. }), "{error}");
    assert!(!world.entry(&published).exists());
}

#[tokio::test]
async fn a_repair_that_fails_changes_nothing() {
    let (world, published) = downloaded(&ModelFixture::new("mlc-ai/tiny")).await;
    flip_a_bit(&world.entry(&published).join("params_shard_0.bin"));
    let target = local_hub::FaultTarget::data("params_shard_0.bin");
    world.hub.fault(target, local_hub::Fault::Corrupt { at: 3 }, local_hub::Times::Forever);
    let error = repair(&world, &published, Repair::Damaged).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(published.differences(&world.entry(&published)), ["differs: params_shard_0.bin"]);
}
