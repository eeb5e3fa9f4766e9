//! `mlc-weights verify`, and repairs.

use std::fs;

use local_hub::{PublishedModel, edit_config, flip_a_bit};

use crate::world::{Ran, World, lay_out};

fn downloaded() -> (World, PublishedModel) {
    let (world, model) = World::with_tiny();
    world.download(&model);
    (world, model)
}

/// Checks the status and stdout.
#[track_caller]
fn check(ran: &Ran, status: i32, lines: &[&str]) {
    assert_eq!(ran.status, Some(status), "{}", ran.stderr);
    assert_eq!(ran.text().lines().collect::<Vec<_>>(), lines);
}

#[test]
fn a_good_model_is_ok_without_a_request() {
    let (world, _) = downloaded();
    let later = world.hub.log().from_now();
    for name in ["mlc-ai/tiny", "HF://mlc-ai/tiny", "https://huggingface.co/mlc-ai/tiny", "--all"] {
        let ran = world.cli(&["verify", name]).run();
        check(&ran, 0, &["mlc-ai/tiny: ok (9 files, 227.76 kB hashed)"]);
        assert_eq!(ran.stderr, "", "{name}");
    }
    assert!(later.is_empty(), "{later}");
}

#[test]
fn verifying_an_empty_cache_says_so() {
    let ran = World::new().cli(&["verify", "--all"]).run();
    check(&ran, 0, &[]);
    assert_eq!(ran.stderr, "there are no models in the cache\n");
}

#[test]
fn an_edited_config_is_no_damage() {
    let (world, model) = downloaded();
    edit_config(&world.entry(&model));
    let ran = world.cli(&["verify", "mlc-ai/tiny"]).run();
    // Its size differs, so it is not hashed.
    check(&ran, 0, &["mlc-ai/tiny: ok (9 files, 227.19 kB hashed)", "  modified   mlc-chat-config.json"]);
    let later = world.hub.log().from_now();
    let ran = world.cli(&["verify", "mlc-ai/tiny", "--repair"]).run();
    assert_eq!((ran.status, later.count()), (Some(0), 0), "there is nothing to repair");
    let (_, advice) =
        ran.stderr.split_once("modified files were kept; to replace them: mlc-weights ").unwrap();
    let ran = world.cli(&advice.split_whitespace().collect::<Vec<_>>()).run();
    assert_eq!((ran.status, ran.stderr.contains("to replace them")), (Some(0), false), "{}", ran.stderr);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

#[test]
fn damage_is_named_and_repaired_when_asked_for() {
    let (world, model) = downloaded();
    let entry = world.entry(&model);
    flip_a_bit(&entry.join("params_shard_0.bin"));
    fs::remove_file(entry.join("params_shard_1.bin")).unwrap();
    fs::write(entry.join("mine.txt"), "mine").unwrap();
    let ran = world.cli(&["verify", "mlc-ai/tiny"]).run();
    assert_eq!(ran.status, Some(5));
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("mlc-ai/tiny: not ok ("), "{text}");
    assert_eq!(lines[1], "  extra      mine.txt");
    assert!(lines[2].starts_with("  corrupt    params_shard_0.bin: its SHA-256 is "), "{text}");
    assert_eq!(lines[3..], ["  missing    params_shard_1.bin"]);
    assert_eq!(ran.stderr, "to repair it: mlc-weights verify --repair mlc-ai/tiny\n");

    let later = world.hub.log().from_now();
    let ran = world.cli(&["verify", "mlc-ai/tiny", "--repair"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(ran.text().lines().last(), Some("mlc-ai/tiny: repaired 2 files; ok now"));
    let mut fetched: Vec<_> = later.data().requests().into_iter().filter_map(|asked| asked.file).collect();
    fetched.sort();
    assert_eq!(fetched, ["params_shard_0.bin", "params_shard_1.bin"]);
    assert_eq!(model.differences(&entry), ["not in the model: mine.txt"]);
    let ran = world.cli(&["verify", "mlc-ai/tiny"]).run();
    check(&ran, 0, &["mlc-ai/tiny: ok (10 files, 227.76 kB hashed)", "  extra      mine.txt"]);
}

/// Its size is right, so only hashing reveals the damage.
#[test]
fn a_damaged_file_comes_from_the_only_store() {
    let (world, model) = downloaded();
    let store = local_hub::folder_url(&world.beside("store"));
    fs::create_dir(world.beside("store")).unwrap();
    let ran = world.cli(&["store", "push", "--store", &store, &model.url]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    flip_a_bit(&world.entry(&model).join("params_shard_1.bin"));
    let cli = world.cli(&["verify", "--repair", "mlc-ai/tiny"]).env("MLC_WEIGHTS_STORE", &store);
    let ran = cli.env("MLC_WEIGHTS_STORE_MODE", "only").run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

#[test]
fn unverifiable_files_are_counted_by_reason() {
    let (world, model) = World::with_tiny();
    lay_out(&model, &world.home().join("model_weights"));
    let ran = world.cli(&["verify", "mlc-ai/tiny"]).run();
    assert_eq!(ran.status, Some(0));
    assert!(ran.text().contains("  unchecked  "), "{}", ran.text());
    assert!(ran.text().contains("there is no receipt of a download"), "{}", ran.text());
}

#[test]
fn nothing_is_repaired_in_a_read_only_tier() {
    let (world, model) = World::with_tiny();
    let tier = world.beside("tier");
    let copy = lay_out(&model, &tier);
    flip_a_bit(&copy.join("params_shard_0.bin"));
    let cli = world.cli(&["verify", "mlc-ai/tiny", "--repair"]);
    let ran = cli.env("MLC_LLM_READONLY_WEIGHT_CACHE", &tier).run();
    assert_eq!(ran.status, Some(5));
    assert!(ran.text().contains("; not repaired, because its tier is read-only"), "{}", ran.text());
    assert_eq!(model.differences(&copy), ["differs: params_shard_0.bin"]);
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    assert!(!world.home().exists());
}

#[test]
fn after_a_failure_the_others_are_checked() {
    let (world, model) = downloaded();
    flip_a_bit(&world.entry(&model).join("params_shard_0.bin"));
    let ran = world.cli(&["verify", "mlc-ai/tyny", "mlc-ai/tiny", "--json"]).run();
    assert_eq!(ran.status, Some(3), "the first failure's");
    assert!(ran.stderr.contains("error: mlc-ai/tyny is not in the cache\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  did you mean mlc-ai/tiny?\n"), "{}", ran.stderr);
    let json = ran.json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["models"].as_array().unwrap().len(), 1);
    assert_eq!(json["models"][0]["model"], "mlc-ai/tiny");
    assert_eq!(
        (&json["models"][0]["sound"], &json["models"][0]["repair"]),
        (&false.into(), &"not_asked".into())
    );
}

#[test]
fn a_repair_that_the_policy_forbids_is_refused() {
    let (world, model) = downloaded();
    flip_a_bit(&world.entry(&model).join("params_shard_0.bin"));
    let later = world.hub.log().from_now();
    let ran = world.cli(&["verify", "mlc-ai/tiny", "--repair"]).env("HF_HUB_OFFLINE", "1").run();
    assert_eq!(ran.status, Some(3), "{}", ran.stderr);
    assert!(ran.text().contains("; not repaired"), "{}", ran.text());
    assert!(ran.stderr.contains("the policy OFF forbids it"), "{}", ran.stderr);
    assert!(later.is_empty(), "{later}");
}

#[test]
fn the_grammar_asks_for_models_or_all() {
    let world = World::new();
    for arguments in
        [&["verify"][..], &["verify", "--all", "a/b"], &["verify", "a/b", "--force"], &["verify", "a"]]
    {
        let ran = world.cli(arguments).run();
        assert_eq!((ran.status, ran.stdout.len()), (Some(2), 0), "{arguments:?}: {}", ran.stderr);
    }
    let ran = world.cli(&["verify", "--all"]).run();
    check(&ran, 0, &[]);
    world.check_pristine();
}
