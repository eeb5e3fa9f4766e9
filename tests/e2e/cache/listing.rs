//! What a listing reports about models that were downloaded, copied, damaged or replaced.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use facade::Tier;
use facade::cache::{EntryOrigin, Listing, ModelEntry};
use local_hub::{Manifests, ModelFixture, PublishedModel};

use crate::world::{World, files_below, lay_out, temporary_folder};

fn list(world: &World) -> Listing {
    world.downloader().cache().list().unwrap()
}

/// The only model in a cache.
fn only(world: &World) -> ModelEntry {
    let mut listing = list(world);
    assert_eq!((listing.models.len(), listing.skipped.len()), (1, 0), "{listing:?}");
    listing.models.remove(0)
}

fn bytes(model: &PublishedModel) -> u64 {
    model.files.iter().map(|file| file.size).sum()
}

fn receipt(world: &World) -> PathBuf {
    let receipts = files_below(&world.home().join("model_weights/.mlc-weights/receipts"));
    receipts.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_downloaded_model_has_its_commit() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let before = SystemTime::now() - Duration::from_secs(1);
    world.download(&published).await.unwrap();
    let entry = only(&world);
    assert_eq!(entry.model.to_string(), "mlc-ai/tiny");
    assert_eq!(entry.path, world.entry(&published));
    assert_eq!(entry.tier, Tier::Writable(world.home().join("model_weights")));
    assert_eq!((entry.files, entry.bytes), (published.files.len() as u64, bytes(&published)));
    assert_eq!(entry.commit.unwrap().to_string(), published.commit);
    assert!(entry.date.is_some_and(|date| date >= before && date <= SystemTime::now()), "{entry:?}");
    assert_eq!((entry.origin, entry.is_whole()), (EntryOrigin::Receipt, true));
    assert_eq!((entry.link_target, entry.unreadable), (None, None));
}

#[tokio::test]
async fn a_revision_is_listed_as_a_separate_model() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let request = format!("{}@{}", published.url, published.commit).parse().unwrap();
    world.downloader().download(request).await.unwrap();
    let names: Vec<_> = list(&world).models.into_iter().map(|entry| entry.model.to_string()).collect();
    assert_eq!(names, ["mlc-ai/tiny".to_owned(), format!("mlc-ai/tiny@{}", published.commit)]);
}

#[tokio::test]
async fn a_model_of_the_original_is_listed_without_a_commit() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/old").manifests(Manifests::NdArrayCache));
    lay_out(&published, &world.home().join("model_weights"));
    let before = files_below(&world.home());
    let entry = only(&world);
    assert_eq!((entry.origin, entry.commit, entry.is_whole()), (EntryOrigin::Unknown, None, true));
    assert_eq!((entry.files, entry.bytes), (published.files.len() as u64, bytes(&published)));
    assert!(entry.date.is_some());
    assert_eq!(files_below(&world.home()), before, "a listing changes nothing");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let entry = world.entry(&published);
    fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    fs::write(entry.join("params_shard_1.bin"), published.file("params_shard_1.bin").unwrap().git_bytes())
        .unwrap();
    let entry = only(&world);
    assert!(!entry.is_whole());
    assert_eq!(entry.missing.len(), 2, "{:?}", entry.missing);
    assert_eq!(entry.missing[0], "params_shard_0.bin: missing");
    assert!(entry.missing[1].starts_with("params_shard_1.bin: "), "{:?}", entry.missing);
    assert_eq!(entry.commit.unwrap().to_string(), published.commit);
}

#[tokio::test]
async fn a_receipt_of_another_manifest_does_not_count() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let manifest = world.entry(&published).join("tensor-cache.json");
    let mut text = fs::read_to_string(&manifest).unwrap();
    text.push('\n');
    fs::write(&manifest, text).unwrap();
    let entry = only(&world);
    assert_eq!((entry.origin, entry.commit, entry.is_whole()), (EntryOrigin::Unknown, None, true));
}

#[tokio::test]
async fn an_unusable_receipt_does_not_count() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let receipt = receipt(&world);
    let whole = fs::read(&receipt).unwrap();
    for junk in [&b""[..], b"{}", b"null", &whole[..whole.len() / 2]] {
        fs::write(&receipt, junk).unwrap();
        assert_eq!(only(&world).origin, EntryOrigin::Unknown, "{}", String::from_utf8_lossy(junk));
    }
    // An enormous one, for a reader that reads all of it.
    fs::File::create(&receipt).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(only(&world).origin, EntryOrigin::Unknown);
    fs::remove_file(&receipt).unwrap();
    fs::create_dir(&receipt).unwrap();
    assert_eq!(only(&world).origin, EntryOrigin::Unknown);
}

#[tokio::test]
async fn another_cache_as_a_read_only_tier_has_its_receipts() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let tier = world.home().join("model_weights");
    let elsewhere = world.builder().home(world.beside("elsewhere")).read_only([&tier]).build().unwrap();
    let listing = elsewhere.cache().list().unwrap();
    let [entry] = &listing.models[..] else { panic!("{listing:?}") };
    assert_eq!(entry.tier, Tier::ReadOnly(tier));
    assert_eq!(entry.commit.unwrap().to_string(), published.commit);
}

/// The fields of the document are a contract.
#[tokio::test]
async fn the_fields_of_the_listings_document() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let tier = world.home().join("model_weights");
    let notes = tier.join("hf").join("notes.txt");
    fs::write(&notes, "").unwrap();
    let listing = list(&world);
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let entry = &listing.models[0];
    let date = entry.date.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(
        serde_json::to_value(&listing).unwrap(),
        serde_json::json!({
            "version": 1,
            "models": [{
                "model": "mlc-ai/tiny",
                "revision": null,
                "path": path(&entry.path),
                "tier": path(&tier),
                "read_only": false,
                "link_target": null,
                "files": published.files.len(),
                "bytes": bytes(&published),
                "commit": published.commit,
                "proof": "git",
                "date": date,
                "origin": "receipt",
                "whole": true,
                "missing": [],
                "unreadable": null,
            }],
            "skipped": [{
                "path": path(&notes),
                "reason": "not a directory",
            }],
            "unfinished": [],
        })
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_home_that_is_not_utf_8_can_be_listed() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = temporary_folder();
    let home = folder.path().join(std::ffi::OsStr::from_bytes(b"h\xffme"));
    fs::create_dir_all(home.join("model_weights/hf/user/repo")).unwrap();
    let listing = facade::Downloader::builder(&home).build().unwrap().cache().list().unwrap();
    assert!(listing.models[0].path.starts_with(&home));
    let json = serde_json::to_value(&listing).unwrap();
    assert!(json["models"][0]["path"].as_str().unwrap().contains("h\u{fffd}me"), "{json}");
}
