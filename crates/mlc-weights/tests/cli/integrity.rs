//! Exit status 5: the downloaded data is wrong, or must not be written.

use local_hub::ModelFixture;

use crate::world::{Ran, World, lay_out};

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

/// The command that a failure advises to run.
fn advised(ran: &Ran) -> Vec<&str> {
    ran.check_failure(5, &["the cache has no receipt of its download\n  run `mlc-weights "]);
    let (_, command) = ran.stderr.rsplit_once("`mlc-weights ").unwrap();
    command.trim_end().trim_end_matches('`').split(' ').collect()
}

#[test]
fn the_advice_about_a_model_without_a_proof_helps() {
    let store = |world: &World| {
        std::fs::create_dir(world.beside("store")).unwrap();
        format!("file://{}", world.beside("store").display())
    };
    for command in ["download", "store push"] {
        let (world, model) = World::with_tiny();
        lay_out(&model, &world.home().join("model_weights"));
        let store = store(&world);
        let run = || {
            let words: Vec<&str> = command.split(' ').chain([model.url.as_str()]).collect();
            let cli = world.cli(&words).env("MLC_WEIGHTS_REQUIRE_PROOF", "1");
            cli.env("MLC_WEIGHTS_STORE", &store).run()
        };
        let refused = run();
        world.cli(&advised(&refused)).run().check_path(&world.entry(&model));
        let ran = run();
        assert_eq!(ran.status, Some(0), "{command}: {}", ran.stderr);
    }
}

/// A forced download does not replace what a read-only tier has.
#[test]
fn the_advice_about_a_read_only_model_without_a_proof_helps() {
    let (world, model) = World::with_tiny();
    let tier = world.beside("tier");
    lay_out(&model, &tier);
    let download = || world.cli(&["download", "--require-proof", &model.url]);
    let ran = download().env("MLC_LLM_READONLY_WEIGHT_CACHE", &tier).run();
    let advice = format!("  to download it, remove {} from MLC_LLM_READONLY_WEIGHT_CACHE\n", tier.display());
    ran.check_failure(5, &["the cache has no receipt of its download", &advice]);
    download().run().check_path(&world.entry(&model));
}
