//! Exit status 5: the downloaded data is wrong, or must not be written.

use local_hub::ModelFixture;

use crate::world::World;

fn tiny() -> ModelFixture {
    ModelFixture::new("mlc-ai/tiny")
}

#[test]
fn a_wrong_md5() {
    let (world, model) = World::with(&tiny().wrong_md5(1));
    let shard = model.file("params_shard_1.bin").unwrap();
    let host = world.hub.data_origin();
    let ran = world.cli(&["download", &model.url]).run();
    ran.check_failure(
        5,
        &[&format!("params_shard_1.bin from {host}"), &format!("its MD5 is {}", shard.md5), "expected"],
    );
    world.check_untouched();
    assert_eq!(world.hub.log().data().file("params_shard_1.bin").count(), 2);
}

#[test]
fn a_symbolic_link() {
    let (world, model) = World::with(&tiny().symlink("passwords", "/etc/passwd"));
    let ran = world.cli(&["download", &model.url]).run();
    ran.check_failure(5, &["a symbolic link at `passwords`"]);
    world.check_untouched();
    assert!(world.hub.log().data().is_empty(), "before any shard is asked for");
}
