//! The Python original and this cache on the same folders.

use std::fs;
use std::path::{Path, PathBuf};

use facade::CachePolicy;
use local_hub::{ModelFixture, PublishedModel};

use crate::world::{World, entry_in, files_below, is_cached, request};

/// The original's rule for finding a model: any directory in the writable tier; in a read-only one, any
/// with the configuration.
fn original_finds(read_only: &[&Path], home: &Path, model: &PublishedModel) -> Option<PathBuf> {
    let in_read_only = read_only.iter().map(|tier| entry_in(tier, model));
    let hit = in_read_only.into_iter().find(|entry| entry.join("mlc-chat-config.json").is_file());
    hit.or_else(|| Some(entry_in(&home.join("model_weights"), model)).filter(|entry| entry.is_dir()))
}

/// What the original leaves: the whole tree, with pointers for large files that the manifest does not
/// name.
fn download_with_original(model: &PublishedModel, home: &Path) -> PathBuf {
    let entry = entry_in(&home.join("model_weights"), model);
    for file in &model.files {
        let path = entry.join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.cached_bytes()).unwrap();
    }
    entry
}

fn fixture() -> ModelFixture {
    ModelFixture::new("mlc-ai/tiny").random_lfs_file("pytorch_model.bin", 9_000)
}

#[tokio::test]
async fn it_finds_what_was_downloaded_here() {
    let (world, model) = World::with(&fixture());
    assert_eq!(original_finds(&[], &world.home(), &model), None);
    let path = world.download(&model).await.unwrap().path;
    assert_eq!(original_finds(&[], &world.home(), &model), Some(path.clone()));
    // The same folder as another user's read-only tier.
    let tier = world.home().join("model_weights");
    assert_eq!(original_finds(&[&tier], &world.beside("other"), &model), Some(path));
}

#[tokio::test]
async fn what_it_downloaded_is_found_here_without_a_request() {
    let (world, model) = World::with(&fixture());
    let entry = download_with_original(&model, &world.home());
    let before = files_below(&world.home());
    for policy in [CachePolicy::On, CachePolicy::Off, CachePolicy::ReadOnly] {
        let found = world.downloader().download(request(&model).policy(policy)).await.unwrap();
        assert!(is_cached(found.outcome));
        assert_eq!(found.path, entry);
    }
    assert!(world.hub.log().is_empty());
    assert_eq!(files_below(&world.home()), before);
}

/// A reader of `hf` sees only users and models.
#[tokio::test]
async fn the_private_folder_is_beside_the_public_one() {
    let (world, model) = World::with(&fixture());
    world.download(&model).await.unwrap();
    let names = |folder: &Path| -> Vec<_> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let weights = world.home().join("model_weights");
    assert_eq!(names(&weights), [".mlc-weights", "hf"]);
    assert_eq!(names(&weights.join("hf")), ["mlc-ai"]);
    assert_eq!(names(&weights.join("hf/mlc-ai")), ["tiny"]);
}

/// Its directory lacks a file that the commit also lacks, and no receipt says so.
#[tokio::test]
async fn a_file_that_the_commit_lacks_is_asked_for_once() {
    let fixture = ModelFixture::new("mlc-ai/tiny").tokenizer_files(&["tokenizer.json", "vocab.json"]);
    let (world, model) = World::with(&fixture);
    download_with_original(&model, &world.home());
    let repaired = world.download(&model).await.unwrap();
    assert!(!is_cached(repaired.outcome));
    assert_eq!(world.hub.log().data().count(), 0, "what is good is not fetched again");
    let later = world.hub.log().from_now();
    assert!(is_cached(world.download(&model).await.unwrap().outcome));
    assert!(later.is_empty());
}
