//! What may be in a model's place and must not be replaced.

use std::fs;
use std::path::Path;

use facade::{CachePolicy, Error, ErrorKind};
use local_hub::{ModelFixture, PublishedModel};

use crate::world::{World, files_below, is_cached, request};

#[derive(Clone, Copy, Debug)]
enum Ask {
    Plainly,
    Forced,
    Offline,
}

async fn ask(world: &World, model: &PublishedModel, ask: Ask) -> Result<facade::Model, Error> {
    let asked = request(model);
    let asked = match ask {
        Ask::Plainly => asked,
        Ask::Forced => asked.force(true),
        Ask::Offline => asked.policy(CachePolicy::Off),
    };
    world.downloader().download(asked).await
}

/// Checks that it stays, that the error names it, and that no request is made.
async fn check(prepare: impl FnOnce(&Path), kinds: [(Ask, ErrorKind); 3], words: &[&str]) {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = world.entry(&model);
    fs::create_dir_all(entry.parent().unwrap()).unwrap();
    prepare(&entry);
    let before = files_below(&world.home().join("model_weights/hf"));
    for (how, kind) in kinds {
        let error = ask(&world, &model, how).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{how:?}: {error}");
        let message = error.to_string();
        for word in words.iter().copied().chain([entry.to_str().unwrap()]) {
            assert!(message.contains(word), "{how:?}: {word} is missing in {message}");
        }
    }
    assert_eq!(files_below(&world.home().join("model_weights/hf")), before);
    assert!(world.hub.log().is_empty());
}

const KINDS: [(Ask, ErrorKind); 3] =
    [(Ask::Plainly, ErrorKind::Disk), (Ask::Forced, ErrorKind::Disk), (Ask::Offline, ErrorKind::NotCached)];

#[tokio::test]
async fn a_file_in_the_models_place_is_not_replaced() {
    check(|entry| fs::write(entry, "mine").unwrap(), KINDS, &["not a directory"]).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_dangling_link_is_not_replaced() {
    check(|entry| std::os::unix::fs::symlink("/nonexistent", entry).unwrap(), KINDS, &["symbolic link"])
        .await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_directory_that_is_not_whole() {
    let prepare = |entry: &Path| {
        let own = entry.with_file_name("own");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("mlc-chat-config.json"), "{}").unwrap();
        std::os::unix::fs::symlink(own, entry).unwrap();
    };
    check(prepare, KINDS, &[]).await;
}

#[tokio::test]
async fn an_offline_error_lists_the_first_of_what_is_missing_and_how_many() {
    for policy in [CachePolicy::Off, CachePolicy::ReadOnly] {
        let (world, model) = World::with(&ModelFixture::new("mlc-ai/many").shards(12, 1_000));
        let entry = crate::world::lay_out(&model, &world.home().join("model_weights"));
        for shard in model.shards() {
            fs::remove_file(entry.join(&shard.path)).unwrap();
        }
        let error = world.downloader().download(request(&model).policy(policy)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotCached);
        let message = error.to_string();
        for word in ["params_shard_0.bin", "params_shard_1.bin", "and 9 more"] {
            assert!(message.contains(word), "{word} is missing in {message}");
        }
        assert!(!message.contains("params_shard_7.bin"), "{message}");
    }
}

/// A process that has files of a model open can continue reading them, whatever takes the model's
/// place.
#[tokio::test]
async fn readers_are_not_disturbed_by_a_redo() {
    use std::io::Read as _;

    let (world, old) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = world.download(&old).await.unwrap().path;
    let mut open: Vec<_> = old
        .files
        .iter()
        .map(|file| (file, fs::File::open(entry.join(&file.path)).unwrap(), vec![0; 10]))
        .collect();
    for (_, file, beginning) in &mut open {
        file.read_exact(beginning).unwrap();
    }
    let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(1));
    assert!(!is_cached(ask(&world, &new, Ask::Forced).await.unwrap().outcome));
    assert_eq!(new.differences(&entry), [""; 0]);
    for (published, mut file, mut read) in open {
        file.read_to_end(&mut read).unwrap();
        assert_eq!(read, published.bytes(), "{}", published.path);
    }
}
