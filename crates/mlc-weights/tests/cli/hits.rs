//! What a cached model costs: no request, no output on stderr, no new files.

use crate::world::World;

#[test]
fn a_download_prints_the_path_and_nothing_else() {
    let (world, model) = World::with_tiny();
    let ran = world.download(&model);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert!(!ran.stderr.is_empty());
}

#[test]
fn a_model_can_be_named_in_three_ways() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let name = format!("{}/{}", model.user, model.repo);
    for name in [format!("https://huggingface.co/{name}"), name] {
        for command in ["download", "path"] {
            world.cli(&[command, &name]).run().check_path(&world.entry(&model));
        }
    }
}

#[test]
fn a_hit_makes_no_request_and_no_noise() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let before = world.visible();
    let later = world.hub.log().from_now();
    for command in ["download", "path"] {
        let ran = world.cli(&[command, &model.url]).run();
        ran.check_path(&world.entry(&model));
        assert_eq!(ran.stderr, "", "{command}");
    }
    assert!(later.is_empty(), "{later}");
    assert_eq!(world.visible(), before);
}

#[test]
fn force_downloads_again() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let later = world.hub.log().from_now();
    world.cli(&["download", &model.url, "--force"]).run().check_path(&world.entry(&model));
    assert_eq!(later.data().count(), model.lfs_files().count());
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

#[test]
fn quiet_means_nothing_but_the_path() {
    let (world, model) = World::with_tiny();
    for command in ["download", "path"] {
        let ran = world.cli(&["-q", command, &model.url]).run();
        ran.check_path(&world.entry(&model));
        assert_eq!(ran.stderr, "", "{command}");
    }
    let ran = world.cli(&["download", "-q", &model.url, "--force"]).run();
    ran.check_path(&world.entry(&model));
    assert_eq!(ran.stderr, "");
}

#[test]
fn quiet_does_not_silence_errors() {
    let world = World::new();
    let ran = world.cli(&["path", "HF://mlc-ai/tiny", "--quiet"]).run();
    ran.check_failure(3, &["mlc-ai/tiny is not in the cache"]);
}

#[test]
fn no_git_is_needed() {
    let (world, model) = World::with_tiny();
    for command in ["download", "path"] {
        world.cli(&[command, &model.url]).env("PATH", "").run().check_path(&world.entry(&model));
    }
}

#[cfg(unix)]
#[test]
fn an_installed_git_is_not_run() {
    use std::os::unix::fs::PermissionsExt as _;

    let (world, model) = World::with_tiny();
    let (tools, trace) = (world.beside("tools"), world.beside("trace"));
    std::fs::create_dir(&tools).unwrap();
    for tool in ["git", "git-lfs", "curl", "ssh", "sh"] {
        let path = tools.join(tool);
        std::fs::write(&path, format!("#!/bin/sh\necho {tool} >> {}\nexit 1\n", trace.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    world.cli(&["download", &model.url]).env("PATH", &tools).run().check_path(&world.entry(&model));
    assert!(!trace.exists(), "{}", std::fs::read_to_string(&trace).unwrap());
}

#[test]
fn a_miss_says_where_it_looked_and_what_to_do() {
    let world = World::new();
    let tiers = [world.beside("one"), world.beside("two")];
    let ran = world
        .cli(&["path", "https://huggingface.co/mlc-ai/tiny"])
        .env("MLC_LLM_READONLY_WEIGHT_CACHE", std::env::join_paths(&tiers).unwrap())
        .run();
    ran.check_failure(3, &[]);
    let looked_in = [&tiers[0], &tiers[1], &world.home().join("model_weights")]
        .map(|tier| format!("  looked in {}", tier.join("hf").join("mlc-ai").join("tiny").display()));
    assert_eq!(
        ran.lines(),
        [
            "error: mlc-ai/tiny is not in the cache",
            &looked_in[0],
            &looked_in[1],
            &looked_in[2],
            "  to download it: mlc-weights download mlc-ai/tiny",
        ]
    );
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    world.check_pristine();
}

#[test]
fn a_miss_names_what_is_missing() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    std::fs::remove_file(world.entry(&model).join("params_shard_1.bin")).unwrap();
    let later = world.hub.log().from_now();
    let ran = world.cli(&["path", &model.url]).run();
    let missing = format!("  incomplete: {} (params_shard_1.bin: missing)\n", world.entry(&model).display());
    ran.check_failure(3, &["error: the cache has no complete copy of mlc-ai/tiny\n", &missing]);
    let ran = world.cli(&["download", "--policy", "OFF", &model.url]).run();
    ran.check_failure(
        3,
        &["error: the cache has no complete copy of mlc-ai/tiny, and the policy OFF", &missing],
    );
    assert!(later.is_empty(), "{later}");
}

#[test]
fn an_incomplete_model_is_reported_once_and_repaired() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let shard = world.entry(&model).join("params_shard_1.bin");
    std::fs::remove_file(&shard).unwrap();
    let ran = world.cli(&["download", &model.url]).run();
    ran.check_path(&world.entry(&model));
    let entry = world.entry(&model);
    let warning = format!("warning: incomplete model: {} (params_shard_1.bin: missing)\n", entry.display());
    assert_eq!(ran.stderr.matches(&warning).count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("\nverified "), "{}", ran.stderr);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

#[test]
fn nothing_the_user_sets_for_downloads_concerns_path() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    for (name, value) in
        [("MLC_DOWNLOAD_CACHE_POLICY", "REDO"), ("MLC_DOWNLOAD_CACHE_POLICY", "OFF"), ("HF_HUB_OFFLINE", "1")]
    {
        let later = world.hub.log().from_now();
        world.cli(&["path", &model.url]).env(name, value).run().check_path(&world.entry(&model));
        assert!(later.is_empty(), "{name}={value}: {later}");
    }
}

#[test]
fn a_typo_in_a_name_gets_a_suggestion() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    for (slip, meant) in
        [("mlc-ai/tinny", true), ("mlcai/tiny", true), ("mlc-ai/tiny@mian", true), ("mlc-ai/huge", false)]
    {
        let ran = world.cli(&["path", slip]).run();
        ran.check_failure(3, &[]);
        assert_eq!(ran.stderr.contains("  did you mean mlc-ai/tiny?\n"), meant, "{}", ran.stderr);
        // A likely typo is not repeated as if it were correct.
        let when = if meant { "if the name is right" } else { "to download it" };
        let advice = format!("  {when}: mlc-weights download {slip}\n");
        assert!(ran.stderr.ends_with(&advice), "{}", ran.stderr);
    }
}
