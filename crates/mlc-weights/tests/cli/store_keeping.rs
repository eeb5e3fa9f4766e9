//! Maintaining stores from the command line.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use local_hub::{
    FaultProxy, LocalS3, LocalWebStore, ModelFixture, NO_SERVER, PublishedModel, WebStoreSettings,
};
use serde_json::json;

use crate::world::{World, entry_in};

/// A store in a folder, filled with this model.
fn filled(world: &World, model: &PublishedModel) -> String {
    let folder = world.beside("store");
    fs::create_dir(&folder).unwrap();
    let store = local_hub::folder_url(&folder);
    let ran = world.cli(&["store", "push", "--store", &store, &model.url]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    store
}

fn shard(world: &World, model: &PublishedModel) -> std::path::PathBuf {
    let id = &model.file("params_shard_1.bin").unwrap().sha256;
    world.beside("store/blobs/sha256").join(id)
}

#[test]
fn a_stores_models_are_listed_with_their_names() {
    let (world, model) = World::with_tiny();
    let store = filled(&world, &model);
    let ran = world.cli(&["store", "list", "--store", &store]).run();
    assert_eq!(ran.stderr.lines().last(), Some(&*format!("{store}: 1 name")), "{}", ran.stderr);
    let newer = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(1));
    let pinned = format!("{}@{}", model.url, newer.commit);
    assert_eq!(world.cli(&["store", "push", "--store", &store, &pinned]).run().status, Some(0));

    let ran = world.cli(&["store", "list", "--store", &store]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{store}: 1 name, 1 commit without a name\n")), "{}", ran.stderr);
    let text = ran.text();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["SIZE", "FILES", "COMMIT", "SEEN", "MODEL"]);
    assert_eq!((lines[1][3], lines[1][5]), (&model.commit[..7], "mlc-ai/tiny"), "{text}");
    assert_eq!(lines[2][4..], ["commit", &newer.commit]);

    let document = world.cli(&["store", "list", "--json"]).env("MLC_WEIGHTS_STORE", &store).run().json();
    let bytes: u64 = model.files.iter().map(|file| file.size).sum();
    let [listed] = &document["models"].as_array().unwrap()[..] else { panic!("{document}") };
    assert_eq!((&listed["model"], &listed["revision"]), (&json!("mlc-ai/tiny"), &json!(null)));
    assert_eq!((&listed["commit"], &listed["bytes"]), (&json!(model.commit), &json!(bytes)));
    assert_eq!((&listed["has_pack"], &document["version"]), (&json!(true), &json!(1)));
    assert!(listed["seen_at"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(document["unnamed"][0]["commit"], newer.commit.as_str());

    let host = listed["hub"].as_str().unwrap().replace(':', "!!3a");
    fs::write(world.beside(&format!("store/refs/{host}/mlc-ai/tiny/v1.json")), "<html>").unwrap();
    let ran = world.cli(&["store", "list", "--store", &store]).run();
    assert_eq!(ran.status, Some(5), "{}", ran.stderr);
    assert!(ran.stderr.contains("v1.json: "), "{}", ran.stderr);
}

#[test]
fn verifying_has_the_statuses_of_the_cache_s_verify() {
    let (world, model) = World::with_tiny();
    let store = filled(&world, &model);
    let verify = |more: &[&str]| world.cli(&[&["store", "verify", "--store", &store], more].concat()).run();
    let sound = verify(&[]);
    assert_eq!(sound.status, Some(0), "{}", sound.stderr);
    assert!(
        sound.text().starts_with(&format!("{store}: ok (1 name, 1 commit, 4 files, ")),
        "{}",
        sound.text()
    );

    fs::write(shard(&world, &model), "rotten").unwrap();
    let bad = verify(&[]);
    assert_eq!(bad.status, Some(5), "{}", bad.stderr);
    assert!(
        bad.text().contains(": not ok (") && bad.text().contains("(params_shard_1.bin): it has 6 B of"),
        "{}",
        bad.text()
    );
    assert_eq!(bad.stderr, format!("to repair it: mlc-weights store verify --repair --store {store}\n"));
    let document = verify(&["--json", "mlc-ai/tiny"]).json();
    assert_eq!((&document["sound"], &document["complete"]), (&json!(false), &json!(true)));
    let finding = &document["findings"][0];
    assert_eq!((&finding["part"], &finding["file"]), (&json!("blob"), &json!("params_shard_1.bin")));
    assert_eq!((&finding["repair"], &finding["model"]), (&json!("not_asked"), &json!("mlc-ai/tiny")));

    let mended = verify(&["--repair"]);
    assert_eq!(mended.status, Some(0), "{}", mended.stderr);
    assert!(
        mended.text().contains(": repaired (") && mended.text().contains("; repaired\n"),
        "{}",
        mended.text()
    );
    assert_eq!(fs::read(shard(&world, &model)).unwrap(), model.file("params_shard_1.bin").unwrap().bytes());

    fs::remove_file(shard(&world, &model)).unwrap();
    let elsewhere = world.cli(&["store", "verify", "--store", &store, "--repair"]);
    let failed =
        elsewhere.env("MLC_LLM_HOME", world.beside("another home")).env("HF_ENDPOINT", NO_SERVER).run();
    assert_eq!(failed.status, Some(5), "{}", failed.stderr);
    assert!(failed.text().contains("; not repaired: "), "{}", failed.text());

    verify(&["mlc-ai"]).check_failure(2, &["mlc-ai"]);
    // A mistyped folder is not a store that is all right.
    let home = format!("file://{}", world.home().to_str().unwrap());
    let empty = world.cli(&["store", "verify", "--store", &home]).run();
    assert!(empty.text().starts_with(&format!("{home}: empty (0 names, ")), "{}", empty.text());
    let missing = format!("{store}/missing");
    world.cli(&["store", "verify", "--store", &missing]).run().check_failure(7, &["missing"]);
    world.cli(&["store", "verify", "--store", NO_SERVER]).run().check_failure(6, &[]);
}

#[test]
fn a_missing_model_in_a_store_is_not_called_damage() {
    let (world, model) = World::with_tiny();
    let store = filled(&world, &model);
    let ran = world.cli(&["store", "verify", "--store", &store, "mlc-ai/tiny", "mlc-ai/none@v1"]).run();
    assert_eq!(ran.status, Some(3), "{}", ran.stderr);
    assert!(ran.text().contains("some models are missing (1 name, 1 commit, 4 files, "), "{}", ran.text());
    assert!(ran.text().contains("  the store has no mlc-ai/none@v1\n"), "{}", ran.text());
    assert!(!ran.stderr.contains("--repair"), "{}", ran.stderr);
    assert!(!ran.text().contains("refs/"), "{}", ran.text());
    let pinned = format!("mlc-ai/tiny@{}", "0123456789".repeat(4));
    let ran = world.cli(&["store", "verify", "--store", &store, &pinned]).run();
    assert_eq!(ran.status, Some(3), "{}", ran.stderr);
    assert!(ran.text().contains("(0 names, 0 commits, 0 files, "), "{}", ran.text());
    assert!(ran.text().contains(&format!("  the store has no {pinned}\n")), "{}", ran.text());
    let stick = local_hub::folder_url(&world.beside("stick"));
    fs::create_dir(world.beside("stick")).unwrap();
    let ran = world.cli(&["store", "copy", "--from", &store, "--to", &stick, &pinned]).run();
    ran.check_failure(3, &[&format!("error: the store {store} has no {pinned}\n")]);
    let ran = world.cli(&["download", "mlc-ai/none", "--store", &store, "--store-mode", "only"]).run();
    ran.check_failure(3, &[&format!("mlc-ai/none cannot be downloaded: {store} has no mlc-ai/none, and")]);
}

/// The folder may be on a disk that is not mounted.
#[test]
fn a_missing_folder_is_reported_before_the_download() {
    let (world, model) = World::with_tiny();
    let folder = world.beside("missing");
    let store = local_hub::folder_url(&folder);
    for arguments in [&["init"][..], &["push", &model.url], &["list"]] {
        let ran = world.cli(&[&["store"], arguments, &["--store", &store]].concat()).run();
        let missing = format!("error: the store's folder {} is missing", folder.display());
        ran.check_failure(7, &[&missing, "create it, or mount its disk"]);
    }
    assert!(!folder.exists() && world.hub.log().is_empty(), "{}", world.hub.log());
}

#[test]
fn a_stick_carries_a_store() {
    let (world, model) = World::with_tiny();
    let from = filled(&world, &model);
    let folder = world.beside("stick");
    fs::create_dir(&folder).unwrap();
    let to = local_hub::folder_url(&folder);
    let copy = |more: &[&str]| {
        let arguments = [&["store", "copy", "--from", &from, "--to", &to], more].concat();
        world.cli(&arguments).env("HF_ENDPOINT", "http://127.0.0.1:9").run()
    };
    copy(&[]).check_failure(2, &[]);
    // The name refers to the configured hub.
    copy(&["mlc-ai/tiny"]).check_failure(3, &[&format!("error: the store {from} has no mlc-ai/tiny")]);
    for (written, there) in [(4, 0), (0, 4)] {
        let ran = copy(&["--all", "--json"]);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("mlc-ai/tiny is in {to} at commit {}", model.commit)),
            "{}",
            ran.stderr
        );
        let document = ran.json();
        let copied = &document["commits"][0];
        assert_eq!((&copied["names"], &copied["copied"]), (&json!(["mlc-ai/tiny"]), &json!(true)));
        assert_eq!((&copied["files_written"], &copied["files_there"]), (&json!(written), &json!(there)));
    }
    let home = world.beside("there");
    let log = world.hub.log().from_now();
    let download = ["download", "--store", &to, "--store-mode", "only", &model.url];
    world
        .cli(&download)
        .env("MLC_LLM_HOME", &home)
        .run()
        .check_path(&entry_in(&home.join("model_weights"), &model));
    assert_eq!(log.count(), 0, "{log}");

    fs::write(shard(&world, &model), "rotten").unwrap();
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    let ran = copy(&["--all"]);
    assert_eq!(ran.status, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("params_shard_1.bin"), "{}", ran.stderr);
    assert!(!folder.join("packs").exists());
}

/// Ctrl-C stops each of them at once.
#[cfg(unix)]
#[test]
fn an_interruption_ends_them() {
    let (world, model) = World::with_tiny();
    let from = filled(&world, &model);
    let server = LocalWebStore::start();
    let store = format!("{}/models", server.url());
    assert_eq!(world.cli(&["store", "copy", "--from", &from, "--to", &store, "--all"]).run().status, Some(0));
    server.fall_silent("/blobs/");
    let to = local_hub::folder_url(&world.beside("stick"));
    fs::create_dir(Path::new(to.trim_start_matches("file://"))).unwrap();
    for arguments in [
        &["store", "verify", "--store", &store][..],
        &["store", "copy", "--from", &store, "--to", &to, "--all"],
        &["store", "push", "--store", &store, &model.url],
    ] {
        let before = server.requests().len();
        let running = world.cli(arguments).start();
        crate::world::until(|| server.requests().len() > before);
        running.signal("INT");
        let ran = running.end_within(std::time::Duration::from_secs(5));
        assert_eq!(ran.status, Some(130), "{arguments:?}: {}", ran.stderr);
        assert!(ran.lines().last().unwrap().starts_with("interrupted"), "{}", ran.stderr);
    }
}

/// Three processes push, two of them the same model, and are killed together at every fourth of their
/// requests. (`tests/e2e/store_pushers.rs` drops their futures at each request.)
#[test]
fn pushers_that_are_killed() {
    let (world, first) = World::with_tiny();
    let second = world.hub.publish(&ModelFixture::new("mlc-ai/second").seed(1));
    let server = LocalWebStore::start_with(WebStoreSettings { knows_conditions: true, ..Default::default() });
    let proxy = FaultProxy::before(&server.url());
    let store = format!("{}/models", proxy.url());
    let model = |machine: usize| if machine < 2 { &first } else { &second };
    let cli = |machine: usize, arguments: &[&str]| {
        let cli = world.cli(&[arguments, &["--store", &store, &model(machine).url]].concat());
        cli.env("MLC_LLM_HOME", world.beside(&format!("machine {machine}")))
    };
    let push = |machine: usize| cli(machine, &["store", "push"]);
    // For a reader that uses only the store, a model is complete or absent.
    let has = |machine: usize, case: usize| {
        let home = world.beside("reader");
        let _ = fs::remove_dir_all(&home);
        let reader = cli(machine, &["download", "--store-mode", "only"]).env("MLC_LLM_HOME", &home);
        let ran = reader.env("HF_ENDPOINT", world.hub.endpoint()).run();
        let entry = entry_in(&home.join("model_weights"), model(machine));
        if ran.status == Some(0) {
            assert_eq!(model(machine).differences(&entry), [""; 0], "request {case}");
        } else {
            assert!(ran.status == Some(3) && !ran.stderr.contains(".bin"), "request {case}: {}", ran.stderr);
        }
        ran.status == Some(0)
    };
    (0..3).for_each(|machine| assert_eq!(push(machine).run().status, Some(0)));
    let all = proxy.requests().len();
    let mut seen = [0; 3];
    for number in (0..all * 2 / 3).step_by(4) {
        server.paths().iter().for_each(|path| server.remove(path));
        let before = proxy.requests().len();
        proxy.stop_at(Some(number));
        let start =
            |machine| push(machine).command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut running = [0, 1, 2].map(start);
        crate::world::until(|| proxy.requests().len() > before + number);
        for pusher in &mut running {
            // A process that had nothing left to do has already exited.
            pusher.kill().unwrap();
            pusher.wait().unwrap();
        }
        proxy.stop_at(None);
        seen[usize::from(has(0, number)) + usize::from(has(2, number))] += 1;
    }
    assert!(all > 30 && seen[0] > 0, "{all} requests; none, one and both were there: {seen:?}");
    for machine in 0..3 {
        let ran = push(machine).run();
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    }
    assert!(has(0, all) && has(2, all));
}

/// Copies from a bucket to a USB stick, and from there to another one.
#[test]
fn buckets_are_looked_after_too() {
    let (world, model) = World::with_tiny();
    let Some(server) = LocalS3::start(Path::new(env!("CARGO_TARGET_TMPDIR"))) else { return };
    let run = |arguments: &[&str]| {
        let cli = world.cli(arguments).env("MLC_LLM_HOME", world.beside("home"));
        let ran = server.variables().iter().fold(cli, |cli, (name, value)| cli.env(name, value)).run();
        assert_eq!(ran.status, Some(0), "{arguments:?}: {}", ran.stderr);
        for secret in ["s3cret", "Signature", "X-Amz", "AWS4-HMAC"] {
            assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
        }
        ran
    };
    let stick = local_hub::folder_url(&world.beside("stick"));
    fs::create_dir(world.beside("stick")).unwrap();
    run(&["store", "push", "--store", "s3://models/one", &model.url]);
    let log = world.hub.log().from_now();
    run(&["store", "copy", "--from", "s3://models/one", "--to", &stick, "--all"]);
    run(&["-vv", "store", "copy", "--from", &stick, "--to", "s3://models/two", "mlc-ai/tiny"]);
    for store in ["s3://models/one", "s3://models/two", &stick] {
        let listed = run(&["store", "list", "--store", store, "--json"]).json();
        assert_eq!(listed["models"][0]["commit"], model.commit.as_str());
        let check = run(&["store", "verify", "--store", store, "--json"]).json();
        assert_eq!((&check["sound"], &check["blobs"]), (&json!(true), &json!(4)), "{check}");
    }
    let again =
        run(&["store", "copy", "--from", "s3://models/one", "--to", "s3://models/two", "--all", "--json"]);
    assert_eq!(again.json()["commits"][0]["files_written"], 0);
    let download = ["download", "--store", "s3://models/two", "--store-mode", "only", &model.url];
    fs::remove_dir_all(world.beside("home")).unwrap();
    run(&download).check_path(&entry_in(&world.beside("home").join("model_weights"), &model));
    assert_eq!(log.count(), 0, "{log}");
}
