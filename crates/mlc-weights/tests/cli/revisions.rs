//! `--revision` and `@revision`.

use local_hub::ModelFixture;

use crate::world::World;

#[test]
fn a_revision_is_named_by_the_url_or_by_the_option() {
    let world = World::new();
    let old = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").tag("v1"));
    let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(1));
    let entry = world.entry(&new).with_file_name("tiny@v1");

    let url = format!("{}@v1", new.url);
    world.cli(&["download", &url]).run().check_path(&entry);
    assert_eq!(old.differences(&entry), [""; 0]);

    let later = world.hub.log().from_now();
    for command in ["download", "path"] {
        world.cli(&[command, &url]).run().check_path(&entry);
        world.cli(&[command, &new.url, "--revision", "v1"]).run().check_path(&entry);
        world.cli(&[command, &format!("{}@main", new.url), "--revision=v1"]).run().check_path(&entry);
    }
    assert!(later.is_empty(), "{later}");
    let miss = world.cli(&["path", &new.url, "--revision", "main"]).run();
    miss.check_failure(3, &["mlc-ai/tiny@main is not in the cache", "mlc-weights download mlc-ai/tiny@main"]);
}

#[test]
fn an_invalid_revision_is_a_usage_error() {
    let (world, model) = World::with_tiny();
    for (revision, problem) in
        [("", "it is empty"), ("a..b", "it has `..`"), ("a b", "it has the character ' '")]
    {
        for command in ["download", "path"] {
            let ran = world.cli(&[command, &model.url, "--revision", revision]).run();
            ran.check_failure(2, &["is not a revision: ", problem]);
        }
    }
    world.check_pristine();
}

#[test]
fn near_revisions_are_offered() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").tag("v1.0"));
    let ran = world.cli(&["download", &model.url, "--revision", "v1.1"]).run();
    ran.check_failure(4, &["mlc-ai/tiny has no revision `v1.1`", "did you mean mlc-ai/tiny@v1.0?"]);
    let ran = world.cli(&["download", &model.url, "--revision", "something-else"]).run();
    ran.check_failure(4, &["  it has main, v1.0\n"]);
}
