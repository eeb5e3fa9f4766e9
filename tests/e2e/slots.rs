//! What may be in a model's place and must not be replaced.

use std::fs;

use facade::{CachePolicy, Error, ErrorKind};
use local_hub::{ModelFixture, PublishedModel};

use crate::world::{World, is_cached, request};

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

/// The unit tests of cache-layout's obstacles have the other cases.
#[tokio::test]
async fn a_file_in_the_place_of_a_model_is_kept_and_no_request_is_made() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = world.entry(&model);
    fs::create_dir_all(entry.parent().unwrap()).unwrap();
    fs::write(&entry, "mine").unwrap();
    for (how, kind) in [
        (Ask::Plainly, ErrorKind::Disk),
        (Ask::Forced, ErrorKind::Disk),
        (Ask::Offline, ErrorKind::NotCached),
    ] {
        let error = ask(&world, &model, how).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{how:?}: {error}");
        let message = error.to_string();
        assert!(message.contains(entry.to_str().unwrap()), "{how:?}: {message}");
        assert!(message.contains("not a directory"), "{how:?}: {message}");
    }
    assert_eq!(fs::read(&entry).unwrap(), b"mine");
    assert!(world.hub.log().is_empty());
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
