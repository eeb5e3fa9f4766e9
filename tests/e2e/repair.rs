//! An existing directory that is not whole.

use facade::ErrorKind;
use local_hub::{ModelFixture, edit_config, flip_a_bit};

use crate::world::{Recorded, World, download_bytes, is_cached, lay_out, request};

#[tokio::test]
async fn only_what_is_missing_is_fetched() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = lay_out(&published, &world.home().join("model_weights"));
    std::fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    // Wrong bytes of the right size are only noticed by a repair that looks closer.
    flip_a_bit(&entry.join("params_shard_1.bin"));

    let model = world.download(&published).await.unwrap();

    assert_eq!(published.differences(&model.path), [""; 0]);
    let mut fetched: Vec<_> =
        world.hub.log().data().requests().into_iter().filter_map(|asked| asked.file).collect();
    fetched.sort();
    assert_eq!(fetched, ["params_shard_0.bin", "params_shard_1.bin"]);
    let bytes: u64 = ["params_shard_0.bin", "params_shard_1.bin"]
        .iter()
        .map(|name| published.file(name).unwrap().size)
        .sum();
    assert_eq!(download_bytes(&model), Some([bytes, 0, 0]));
}

#[tokio::test]
async fn leftovers_of_an_interrupted_git_lfs_are_replaced() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = lay_out(&published, &world.home().join("model_weights"));
    for file in published.lfs_files() {
        std::fs::write(entry.join(&file.path), file.git_bytes()).unwrap();
    }
    let model = world.download(&published).await.unwrap();
    assert!(!is_cached(model.outcome));
    assert_eq!(published.differences(&model.path), [""; 0]);
}

#[tokio::test]
async fn an_empty_directory_is_filled() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    std::fs::create_dir_all(world.entry(&published)).unwrap();
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
}

#[tokio::test]
async fn the_users_own_files_and_edits_are_kept_and_reported() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = lay_out(&published, &world.home().join("model_weights"));
    std::fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    let edited = edit_config(&entry);
    std::fs::create_dir(entry.join("notes")).unwrap();
    std::fs::write(entry.join("notes/mine.txt"), "mine").unwrap();
    // The beginning of the right file is not an edit but an interrupted copy.
    let tokenizer = published.file("tokenizer_config.json").unwrap().bytes();
    std::fs::write(entry.join("tokenizer_config.json"), &tokenizer[..10]).unwrap();
    let events = Recorded::default();

    world.downloader().download(request(&published).observer(events.clone())).await.unwrap();

    // Without a receipt nothing shows that it is an edit rather than another commit's file: it is kept
    // beside the right one.
    assert_eq!(
        published.differences(&entry),
        ["not in the model: mlc-chat-config.json.own", "not in the model: notes/mine.txt"]
    );
    assert_eq!(std::fs::read_to_string(entry.join("mlc-chat-config.json.own")).unwrap(), edited);
    assert_eq!(std::fs::read(entry.join("tokenizer_config.json")).unwrap(), tokenizer);
    assert_eq!(events.count(&["CarriedOver"]), 2);
}

#[tokio::test]
async fn a_damaged_shard_that_is_plain_in_git_is_no_edit() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/plain").plain_shards());
    let entry = lay_out(&published, &world.home().join("model_weights"));
    std::fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    flip_a_bit(&entry.join("params_shard_1.bin"));

    let model = world.download(&published).await.unwrap();

    assert_eq!(published.differences(&model.path), [""; 0]);
}

#[tokio::test]
async fn a_tokenizer_file_that_the_commit_lacks_does_not_cause_repeated_downloads() {
    let fixture = ModelFixture::new("mlc-ai/tiny").tokenizer_files(&["tokenizer.json", "vocab.json"]);
    let (world, published) = World::with(&fixture);
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert!(is_cached(world.download(&published).await.unwrap().outcome));
    // A file that the commit does have is still missing.
    std::fs::remove_file(model.path.join("tokenizer.json")).unwrap();
    assert!(!is_cached(world.download(&published).await.unwrap().outcome));
}

#[cfg(unix)]
#[tokio::test]
async fn a_users_own_link_is_not_replaced() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let own = lay_out(&published, &world.beside("own"));
    std::fs::create_dir_all(world.entry(&published).parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&own, world.entry(&published)).unwrap();

    let model = world.download(&published).await.unwrap();
    assert!(is_cached(model.outcome), "a link to a whole model is a hit");

    let error = world.downloader().download(request(&published).force(true)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disk);
    assert!(error.to_string().contains("link"), "{error}");
    assert_eq!(published.differences(&own), [""; 0]);
}
