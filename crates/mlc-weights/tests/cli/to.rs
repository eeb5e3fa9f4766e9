//! `download --to`: puts a model where the user wants it.

use std::fs;
use std::path::Path;

use crate::world::{World, files_below};

/// The names in a folder, including hidden ones.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_whole_tree_and_nothing_else() {
    let (world, model) = World::with_tiny();
    let to = world.beside("mine/model");
    let arguments = ["download", &model.url, "--to", "mine/model"];
    world.cli(&arguments).run().check_path(&fs::canonicalize(world.beside("")).unwrap().join("mine/model"));
    assert_eq!(model.differences(&to), [""; 0]);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert_eq!(names(&world.beside("mine")), ["model"]);

    // The second time, it is already there.
    let again = world.cli(&arguments).arg("--json").env("HF_HUB_OFFLINE", "1").run();
    let row = &again.json()["models"][0];
    assert_eq!((&row["outcome"], row["to"].as_str().is_some()), (&"cached".into(), true), "{}", again.stderr);
    // A file that the user has changed is not overwritten.
    fs::write(to.join("params_shard_0.bin"), "mine").unwrap();
    world.cli(&arguments).run().check_failure(2, &["mine/model already exists"]);
    assert_eq!(fs::read_to_string(to.join("params_shard_0.bin")).unwrap(), "mine");
}

#[test]
fn existing_files_are_never_overwritten() {
    let (world, model) = World::with_tiny();
    let to = world.beside("mine");
    fs::create_dir(&to).unwrap();
    fs::write(to.join("file"), "mine").unwrap();
    let taken = [("mine", "nothing in it is overwritten"), ("mine/file", "it is not overwritten")];
    for (place, words) in taken {
        let ran = world.cli(&["download", &model.url, "--to", place]).run();
        ran.check_failure(2, &[place, "already exists, and", words, "give --to a new or empty folder"]);
    }
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    assert_eq!(files_below(&to), [to.join("file")]);
    world
        .cli(&["download", "--to", "new", &model.url, "mlc-ai/other"])
        .run()
        .check_failure(2, &["one model"]);
}

#[cfg(unix)]
#[test]
fn an_unusable_destination_is_reported_before_the_download() {
    let (world, model) = World::with_tiny();
    std::os::unix::fs::symlink("loop", world.beside("loop")).unwrap();
    let long = "a".repeat(300);
    for place in ["loop/model", "/proc/none/model", &long] {
        let ran = world.cli(&["download", &model.url, "--to", place]).run();
        ran.check_failure(
            7,
            &["cannot put a model at ", "because: ", "give --to a folder that you can write to"],
        );
        assert!(!ran.stderr.contains("already") && !ran.stderr.contains("MLC_LLM_HOME"), "{}", ran.stderr);
    }
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    assert!(!world.home().exists());
}

/// The destination would count as a model, or block one.
#[test]
fn a_destination_inside_the_cache_is_refused_before_the_download() {
    let (world, model) = World::with_tiny();
    let tier = world.beside("tier");
    fs::create_dir(&tier).unwrap();
    let check = || {
        for place in [
            "home/model_weights/mine",
            "home/model_weights/hf/mlc-ai/other",
            "home/model_weights",
            "tier/new",
        ] {
            let cli = world.cli(&["download", &model.url, "--to", place]);
            let ran = cli.env("MLC_LLM_READONLY_WEIGHT_CACHE", &tier).run();
            ran.check_failure(
                2,
                &[place, " is inside the cache, in ", "  give --to a folder outside the cache"],
            );
            assert!(!world.beside(place).join("mlc-chat-config.json").exists());
        }
    };
    check();
    assert!(world.hub.log().is_empty() && !world.home().exists(), "{}", world.hub.log());
    // The message is the same for a cached model.
    world.download(&model);
    check();
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert_eq!(world.cli(&["download", &model.url, "--to", "home/mine"]).run().status, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn links_to_another_disk_are_refused_before_the_download() {
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: no second file system at /dev/shm");
        return;
    };
    let (world, model) = World::with_tiny();
    let to = other.path().join("new/model");
    let link = ["download", &model.url, "--link", "--to", to.to_str().unwrap()];
    let words =
        ["cannot be linked to the cache", "omit --link, or choose a folder on the same disk as the cache"];
    world.cli(&link).run().check_failure(7, &words);
    world.check_untouched();
    // The message is the same for a cached model.
    world.download(&model);
    world.cli(&link).run().check_failure(7, &words);
    world.cli(&["download", &model.url, "--to", to.to_str().unwrap()]).run().check_path(&to);
}

#[test]
fn damage_in_the_cache_does_not_leave_it() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let shard = world.entry(&model).join("params_shard_1.bin");
    let mut bytes = fs::read(&shard).unwrap();
    bytes[0] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let ran = world.cli(&["download", &model.url, "--to", "mine/model"]).run();
    ran.check_failure(5, &["params_shard_1.bin", "verify --repair"]);
    assert_eq!(names(&world.beside("mine")), [""; 0]);
}

#[cfg(unix)]
#[test]
fn links_are_read_only_files_of_the_cache() {
    use std::os::unix::fs::MetadataExt as _;

    let (world, model) = World::with_tiny();
    let ran = world.cli(&["download", &model.url, "--to", "model", "--link"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    for file in &model.files {
        let found = fs::metadata(world.beside("model").join(&file.path)).unwrap();
        let cached = fs::metadata(world.entry(&model).join(&file.path)).unwrap();
        assert_eq!((found.ino(), found.mode() & 0o222), (cached.ino(), 0), "{}", file.path);
    }
    // The cache can still be cleared, and the linked tree stays intact.
    let removed = world.cli(&["remove", "--yes", "mlc-ai/tiny"]).run();
    assert_eq!(removed.status, Some(0), "{}", removed.stderr);
    assert_eq!(model.differences(&world.beside("model")), [""; 0]);
    world.cli(&["download", &model.url, "--link"]).run().check_failure(2, &["--to"]);
}
