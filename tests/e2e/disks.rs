//! Homes and folders on several disks, and disks that are not writable.

#![cfg(unix)]

use std::fs;
use std::path::Path;

use facade::{CachePolicy, ErrorKind};
use local_hub::{Fault, FaultTarget, Hold, ModelFixture, Times};
use tempfile::TempDir;

use crate::world::{PATIENCE, World, files_below, is_cached, request};

/// A folder on another device than the tests'. Prints a message and returns `None` if this machine has
/// only one device.
#[expect(clippy::print_stdout, reason = "says what is not checked, and why")]
fn other_device(world: &World) -> Option<TempDir> {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
    let other = tempfile::tempdir_in("/dev/shm").ok();
    let other = other.filter(|other| device(other.path()) != device(&world.beside("")));
    if other.is_none() {
        println!("skipped: no second file system at /dev/shm");
    }
    other
}

#[tokio::test]
async fn scratch_space_may_be_on_another_device_than_the_home() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let Some(scratch) = other_device(&world) else { return };
    let downloader = world.builder().temp_dir(scratch.path()).build().unwrap();
    let path = downloader.download(request(&model)).await.unwrap().path;
    assert_eq!(model.differences(&path), [""; 0]);
    downloader.download(request(&model).force(true)).await.unwrap();
    assert_eq!(files_below(scratch.path()).len(), 0);
}

/// Models on a large disk, linked into the home as a whole or for one user.
#[tokio::test]
async fn a_folder_above_the_model_may_be_a_link_to_another_device() {
    for link in ["hf", "hf/mlc-ai"] {
        let (world, old) = World::with(&ModelFixture::new("mlc-ai/tiny"));
        let Some(disk) = other_device(&world) else { return };
        let link = world.home().join("model_weights").join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        fs::create_dir(disk.path().join("models")).unwrap();
        std::os::unix::fs::symlink(disk.path().join("models"), &link).unwrap();

        let path = world.download(&old).await.unwrap().path;
        assert_eq!(path, world.entry(&old));
        assert_eq!(old.differences(&path), [""; 0]);
        assert!(fs::canonicalize(&path).unwrap().starts_with(disk.path()), "{}", path.display());
        assert!(is_cached(world.download(&old).await.unwrap().outcome));

        fs::remove_file(path.join("params_shard_0.bin")).unwrap();
        world.download(&old).await.unwrap();
        assert_eq!(old.differences(&path), [""; 0], "repaired");

        let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(1));
        world.downloader().download(request(&new).force(true)).await.unwrap();
        assert_eq!(new.differences(&path), [""; 0], "replaced");
        assert!(link.is_symlink());
    }
}

/// The disk is removed, or the whole cache is deleted, while a shard is in transit.
#[tokio::test]
async fn a_home_that_vanishes_is_an_error_and_does_not_come_back() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Hold(hold.clone()), Times::Once);
    let (downloader, asked) = (world.downloader(), request(&model));
    let download = tokio::spawn(async move { downloader.download(asked).await });
    let is_held = |log: &local_hub::RequestLog| log.count() > 0;
    assert!(world.hub.log().data().file("params_shard_1.bin").until(PATIENCE, is_held).await);
    fs::rename(world.home(), world.beside("away")).unwrap();
    hold.release();

    let error = download.await.unwrap().unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Disk, "{error}");
    assert!(!world.entry(&model).exists());
    assert!(!world.beside("away/model_weights/hf").exists(), "nothing half-done is visible there either");
    let path = world.download(&model).await.unwrap().path;
    assert_eq!(model.differences(&path), [""; 0]);
}

fn set_modes(path: &Path, file: u32, folder: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let is_folder = path.is_dir();
    let set = |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(if is_folder { folder | 0o700 } else { file });
    if is_folder {
        for child in fs::read_dir(path).unwrap() {
            set_modes(&child.unwrap().path(), file, folder);
        }
        set(folder);
    }
}

/// A read-only tier that is another cache's writable tier provides receipts, which say what its commits
/// lack. (Root can write there regardless, so the test checks that nothing was written.)
#[tokio::test]
async fn a_read_only_tier_needs_nothing_writable_and_its_receipts_count() {
    let fixture = ModelFixture::new("mlc-ai/tiny").tokenizer_files(&["tokenizer.json", "vocab.json"]);
    let (world, model) = World::with(&fixture);
    let entry = world.download(&model).await.unwrap().path;
    let tier = world.home().join("model_weights");
    set_modes(&tier, 0o444, 0o555);
    let before = files_below(&tier);
    let later = world.hub.log().from_now();
    let builder = || world.builder().home(world.beside("other")).read_only([&tier]);
    for policy in [CachePolicy::On, CachePolicy::Off, CachePolicy::ReadOnly, CachePolicy::Redo] {
        let found = builder().build().unwrap().download(request(&model).policy(policy)).await;
        set_modes(&tier, 0o644, 0o755);
        let found = found.unwrap();
        set_modes(&tier, 0o444, 0o555);
        assert!(is_cached(found.outcome), "{policy}");
        assert_eq!(found.path, entry);
    }
    set_modes(&tier, 0o644, 0o755);
    assert_eq!(files_below(&tier), before);
    assert!(!world.beside("other").exists(), "nothing is created for a hit");
    assert!(later.is_empty());

    // Without the receipt the file counts as missing, and the error says so.
    fs::remove_dir_all(tier.join(".mlc-weights/receipts")).unwrap();
    let error =
        builder().policy(CachePolicy::Off).build().unwrap().download(request(&model)).await.unwrap_err();
    assert!(error.to_string().contains("vocab.json"), "{error}");
}
