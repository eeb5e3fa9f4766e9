//! Exit status 5: what came is not what it should be, or must not be written.

use local_hub::{Fault, FaultTarget, ModelFixture, RawTarget, Times};

use crate::world::World;

fn tiny() -> ModelFixture {
    ModelFixture::new("mlc-ai/tiny")
}

/// A download is refused with these words; how many requests the data host got.
#[track_caller]
fn check(world: &World, words: &[&str]) -> usize {
    let ran = world.cli(&["download", "HF://mlc-ai/tiny"]).run();
    ran.check_failure(5, words);
    world.check_untouched();
    world.hub.log().data().count()
}

/// The same, before any shard was requested.
#[track_caller]
fn check_fixture(fixture: &ModelFixture, words: &[&str]) {
    let (world, _) = World::with(fixture);
    assert_eq!(check(&world, words), 0);
}

#[test]
fn a_wrong_md5() {
    let (world, model) = World::with(&tiny().wrong_md5(1));
    let shard = model.file("params_shard_1.bin").unwrap();
    let host = world.hub.data_origin();
    check(
        &world,
        &[&format!("params_shard_1.bin from {host}"), &format!("its MD5 is {}", shard.md5), "expected"],
    );
    assert_eq!(world.hub.log().data().file("params_shard_1.bin").count(), 2);
}

#[test]
fn a_shard_that_arrives_damaged_every_time() {
    let (world, _) = World::with(&tiny());
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Corrupt { at: 77 }, Times::Forever);
    check(&world, &["params_shard_0.bin", "its SHA-256 is", "expected"]);
    assert_eq!(world.hub.log().data().file("params_shard_0.bin").count(), 2);
}

#[test]
fn other_bytes_than_the_pointer_promises() {
    let (world, _) = World::with(&tiny().lying_lfs_file("vocab.dat", b"right", b"wrong"));
    check(&world, &["vocab.dat", "its SHA-256 is"]);
}

#[test]
fn manifest_and_pointer_disagree_about_a_size() {
    check_fixture(&tiny().stated_size(0, 7), &["params_shard_0.bin", "98304", "7 bytes"]);
}

#[test]
fn a_symbolic_link() {
    check_fixture(&tiny().symlink("passwords", "/etc/passwd"), &["a symbolic link at `passwords`"]);
}

#[test]
fn a_submodule() {
    check_fixture(&tiny().submodule("engine"), &["a submodule at `engine`"]);
}

#[test]
fn a_path_that_leads_out_of_the_repository() {
    let evil = || RawTarget::Blob(b"evil".to_vec());
    for name in ["..", ".git", "a\\b", ".git ", "git~1", "gpj.\u{202e}exe"] {
        let (world, _) = World::with(&tiny().raw_entry("100644", name, evil()));
        assert_eq!(check(&world, &["mlc-ai/tiny holds the"]), 0, "{name}");
    }
}

#[test]
fn a_manifest_that_leads_out_of_the_model() {
    for path in ["../x", "/etc/passwd", "a/../../x", r"..\\x", ".git./x", r"a\u0000b", r"a\u202eb"] {
        let manifest = format!(
            r#"{{"records": [{{"dataPath": "params_shard_0.bin", "nbytes": 98304}}, {{"dataPath": "{path}", "nbytes": 4}}]}}"#
        );
        check_fixture(
            &tiny().manifest_bytes(manifest),
            &["tensor-cache.json: records[1].dataPath must not be used as a path", "because: "],
        );
    }
}

#[test]
fn what_was_verified_is_kept_for_the_next_run() {
    let (world, model) = World::with(&tiny().shards(3, 50_000));
    world.hub.fault(FaultTarget::data("params_shard_2.bin"), Fault::Corrupt { at: 0 }, Times::N(2));
    let ran = world.cli(&["download", &model.url, "-j", "1"]).run();
    ran.check_failure(5, &["params_shard_2.bin"]);
    let later = world.hub.log().from_now();
    let ran = world.download(&model);
    assert!(ran.stderr.contains("are there already, verified"), "{}", ran.stderr);
    assert_eq!(later.data().file("params_shard_0.bin").count(), 0);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}
