//! Exit status 3, and which setting of the policy wins.

use local_hub::PublishedModel;

use crate::world::{World, lay_out};

const POLICY: &str = "MLC_DOWNLOAD_CACHE_POLICY";

#[test]
fn a_miss_is_an_error_if_downloads_are_forbidden() {
    let world = World::new();
    let place = world.home().join("model_weights").join("hf").join("mlc-ai").join("tiny");
    let place = format!("  looked in {}\n", place.display());
    for (arguments, variable, policy, by) in [
        (vec![], (POLICY, "OFF"), "OFF", POLICY),
        (vec![], (POLICY, "READONLY"), "READONLY", POLICY),
        (vec![], ("HF_HUB_OFFLINE", "1"), "OFF", "HF_HUB_OFFLINE"),
        (vec!["--dry-run"], ("HF_HUB_OFFLINE", "true"), "OFF", "HF_HUB_OFFLINE"),
        (vec!["--policy", "OFF"], (POLICY, "ON"), "OFF", "--policy"),
        (vec!["--policy", "READONLY"], (POLICY, "REDO"), "READONLY", "--policy"),
    ] {
        let all = [&["download", "HF://mlc-ai/tiny"], &arguments[..]].concat();
        let ran = world.cli(&all).env(variable.0, variable.1).run();
        let first =
            format!("error: mlc-ai/tiny is not in the cache, and the policy {policy} forbids a download\n");
        ran.check_failure(3, &[&first, &place, &format!("  the policy is set by {by}\n")]);
    }
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    world.check_pristine();
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let (world, model) = World::with_tiny();
    for (asked, variable) in [("ON", (POLICY, "OFF")), ("REDO", (POLICY, "READONLY"))] {
        let later = world.hub.log().from_now();
        let ran = world.cli(&["download", &model.url, "--policy", asked]).env(variable.0, variable.1).run();
        ran.check_path(&world.entry(&model));
        assert_eq!(later.data().count(), model.lfs_files().count(), "{asked}");
    }
}

/// Two read-only tiers, of which only the second has the model. Returns its path, and the variable's value.
fn two_tiers(world: &World, model: &PublishedModel) -> (std::path::PathBuf, std::ffi::OsString) {
    let (first, second) = (world.beside("first tier"), world.beside("second"));
    let entry = lay_out(model, &second);
    (entry, std::env::join_paths([first, second]).unwrap())
}

#[test]
fn a_forced_download_answered_by_a_read_only_tier_causes_a_warning() {
    let (world, model) = World::with_tiny();
    let (entry, tiers) = two_tiers(&world, &model);
    let ran =
        world.cli(&["download", &model.url, "--force"]).env("MLC_LLM_READONLY_WEIGHT_CACHE", &tiers).run();
    ran.check_path(&entry);
    let tier = world.beside("second");
    let warning = format!("warning: not downloaded again: the read-only tier {}", tier.display());
    assert_eq!(ran.stderr.matches(&warning).count(), 1, "{}", ran.stderr);
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
}

#[test]
fn an_incomplete_read_only_tier_is_skipped() {
    let (world, model) = World::with_tiny();
    let (entry, tiers) = two_tiers(&world, &model);
    std::fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    let warning = format!("warning: incomplete model: {} (params_shard_0.bin: missing)\n", entry.display());
    // Once for the download, and once for each later hit.
    for command in ["download", "download", "path"] {
        let ran = world.cli(&[command, &model.url]).env("MLC_LLM_READONLY_WEIGHT_CACHE", &tiers).run();
        ran.check_path(&world.entry(&model));
        assert_eq!(ran.stderr.matches(&warning).count(), 1, "{command}: {}", ran.stderr);
    }
    assert!(!entry.join("params_shard_0.bin").exists());
}
