//! A user's own files in a directory that is repaired.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use local_hub::{ModelFixture, PublishedModel};

use crate::world::{Recorded, World, lay_out, request};

/// A directory without one of its shards, and a home to repair it in.
fn broken(fixture: &ModelFixture) -> (World, PublishedModel, PathBuf) {
    let (world, published) = World::with(fixture);
    let entry = lay_out(&published, &world.home().join("model_weights"));
    fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    (world, published, entry)
}

async fn repair(world: &World, published: &PublishedModel) -> Recorded {
    let events = Recorded::default();
    world.downloader().download(request(published).observer(events.clone())).await.unwrap();
    events
}

#[tokio::test]
async fn links_of_the_users_own_are_kept_as_they_are() {
    let (world, published, entry) = broken(&ModelFixture::new("mlc-ai/tiny"));
    fs::write(world.beside("notes"), "notes").unwrap();
    let links = [
        ("absolute", world.beside("notes")),
        ("relative", PathBuf::from("../../../../../notes")),
        ("to nothing", PathBuf::from("nowhere")),
        ("to a folder", world.beside("home")),
    ];
    for (name, target) in &links {
        symlink(target, entry.join(name)).unwrap();
    }

    let events = repair(&world, &published).await;

    for (name, target) in &links {
        assert_eq!(fs::read_link(entry.join(name)).unwrap(), *target);
        assert_eq!(events.count(&["CarriedOver", name]), 1);
    }
    assert_eq!(fs::read_to_string(entry.join("relative")).unwrap(), "notes");
    let missing: Vec<_> =
        published.differences(&entry).into_iter().filter(|d| d.starts_with("missing")).collect();
    assert_eq!(missing, [""; 0]);
}

/// The user has moved a shard and the configuration to another disk.
#[tokio::test]
async fn a_link_to_what_belongs_there_is_kept_and_any_other_is_replaced_and_reported() {
    let (world, published, entry) = broken(&ModelFixture::new("mlc-ai/tiny"));
    let elsewhere = world.beside("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let move_away = |name: &str| {
        fs::rename(entry.join(name), elsewhere.join(name)).unwrap();
        symlink(elsewhere.join(name), entry.join(name)).unwrap();
    };
    for name in ["params_shard_1.bin", "params_shard_2.bin", "mlc-chat-config.json", "tokenizer_config.json"]
    {
        move_away(name);
    }
    let mut damaged = fs::read(elsewhere.join("params_shard_2.bin")).unwrap();
    damaged[17] ^= 1;
    fs::write(elsewhere.join("params_shard_2.bin"), &damaged).unwrap();
    fs::remove_file(elsewhere.join("tokenizer_config.json")).unwrap();

    let events = repair(&world, &published).await;

    assert_eq!(published.differences(&entry), [""; 0]);
    let is_link = |name: &str| entry.join(name).is_symlink();
    assert!(is_link("params_shard_1.bin") && is_link("mlc-chat-config.json"));
    assert!(!is_link("params_shard_2.bin") && !is_link("tokenizer_config.json"));
    assert_eq!(events.count(&["LeftBehind", "params_shard_2.bin"]), 1);
    assert_eq!(events.count(&["LeftBehind", "tokenizer_config.json"]), 1);
    assert_eq!(
        fs::read(elsewhere.join("params_shard_2.bin")).unwrap(),
        damaged,
        "nobody writes through a link"
    );
    let fetched: Vec<_> =
        world.hub.log().data().requests().into_iter().filter_map(|asked| asked.file).collect();
    assert!(!fetched.contains(&"params_shard_1.bin".to_owned()), "{fetched:?}");
}

#[tokio::test]
async fn a_file_where_the_commit_has_a_folder_and_the_reverse_get_another_name() {
    let fixture = ModelFixture::new("mlc-ai/tiny").random_lfs_file("deep/vocab.json", 5_000);
    let (world, published, entry) = broken(&fixture);
    fs::remove_dir_all(entry.join("deep")).unwrap();
    fs::write(entry.join("deep"), "my file").unwrap();
    fs::remove_file(entry.join("tokenizer_config.json")).unwrap();
    fs::create_dir(entry.join("tokenizer_config.json")).unwrap();
    fs::write(entry.join("tokenizer_config.json/mine"), "in my folder").unwrap();

    let events = repair(&world, &published).await;

    assert_eq!(
        published.differences(&entry),
        ["not in the model: deep.own", "not in the model: tokenizer_config.json.own/mine"]
    );
    assert_eq!(fs::read_to_string(entry.join("deep.own")).unwrap(), "my file");
    assert_eq!(fs::read_to_string(entry.join("tokenizer_config.json.own/mine")).unwrap(), "in my folder");
    assert_eq!(events.count(&["CarriedOver", "\"deep\"", "\"deep.own\""]), 1);
    assert_eq!(events.count(&["CarriedOver", "tokenizer_config.json.own/mine"]), 1);
}

#[tokio::test]
async fn names_that_no_repository_could_have_are_kept_too() {
    use std::os::unix::ffi::OsStrExt as _;
    let (world, published, entry) = broken(&ModelFixture::new("mlc-ai/tiny"));
    let odd = [std::ffi::OsStr::from_bytes(b"not \xff UTF-8"), "back\\slash".as_ref(), "a\nline".as_ref()];
    for name in odd {
        fs::write(entry.join(name), "mine").unwrap();
    }
    let deep: PathBuf = std::iter::repeat_n("d", 60).collect();
    fs::create_dir_all(entry.join(&deep)).unwrap();
    fs::write(entry.join(&deep).join("mine"), "mine").unwrap();

    let events = repair(&world, &published).await;

    for path in odd.iter().map(Path::new).chain([deep.join("mine").as_path()]) {
        assert_eq!(fs::read_to_string(entry.join(path)).unwrap(), "mine", "{}", path.display());
    }
    assert_eq!(events.count(&["CarriedOver"]), 4);
}

#[tokio::test]
async fn what_is_neither_file_nor_link_is_left_behind_and_reported() {
    let (world, published, entry) = broken(&ModelFixture::new("mlc-ai/tiny"));
    let _socket = std::os::unix::net::UnixListener::bind(entry.join("s")).unwrap();
    let events = repair(&world, &published).await;
    assert_eq!(events.count(&["LeftBehind", "\"s\""]), 1);
    assert_eq!(published.differences(&entry), [""; 0]);
}
