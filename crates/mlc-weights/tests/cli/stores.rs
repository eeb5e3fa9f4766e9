//! Stores that are used before the hub.

use std::fs;
use std::path::Path;

use local_hub::PublishedModel;
use serde_json::Value;

use crate::world::{World, entry_in};

/// Puts a model into a store in a folder, using only git and the file system; returns its URL.
fn fill(world: &World, model: &PublishedModel, folder: &Path) -> String {
    let [blobs, packs] = ["blobs/sha256", "packs"].map(|name| folder.join(name));
    for folder in [&blobs, &packs] {
        fs::create_dir_all(folder).unwrap();
    }
    for file in model.lfs_files() {
        fs::write(blobs.join(&file.sha256), file.bytes()).unwrap();
    }
    let repository = world.hub.repository(&format!("{}/{}", model.user, model.repo)).unwrap();
    let wanted = format!("{}\n", model.commit);
    let arguments = ["pack-objects", "--stdout", "--revs", "--quiet"];
    let pack = world.hub.git().run(&repository, &arguments, wanted.as_bytes()).unwrap();
    fs::write(packs.join(format!("{}.pack", model.commit)), pack).unwrap();
    let host = world.hub.endpoint().replace("http://", "").replace(':', "!!3a");
    let refs = folder.join("refs").join(host).join(&model.user).join(&model.repo);
    fs::create_dir_all(&refs).unwrap();
    let name = format!("{}/{}", model.user, model.repo);
    let record = serde_json::json!({
        "format": 1, "model": name, "revision": "HEAD", "commit": model.commit, "seen_at": 1_700_000_000,
        "files": 1, "bytes": 1, "by": "hand",
    });
    fs::write(refs.join("!h!e!a!d.json"), record.to_string()).unwrap();
    local_hub::folder_url(folder)
}

#[test]
fn a_site_without_a_network_starts_from_a_stick() {
    let (world, model) = World::with_tiny();
    let store = fill(&world, &model, &world.beside("stick"));
    let log = world.hub.log().from_now();
    for (number, by_variable) in [false, true].into_iter().enumerate() {
        let home = world.beside(&format!("home {number}"));
        let mut arguments = vec!["download", "--progress", "json", &model.url];
        if !by_variable {
            arguments.extend(["--store", &store, "--store-mode", "only"]);
        }
        let mut cli = world.cli(&arguments).env("MLC_LLM_HOME", &home);
        if by_variable {
            cli = cli.env("MLC_WEIGHTS_STORE", &store).env("MLC_WEIGHTS_STORE_MODE", "only");
        }
        let ran = cli.run();
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let events = ran.events();
        let named = |name: &str| events.iter().find(|event| event["event"] == name);
        assert!(named("stores").is_some() && named("metadata").is_none(), "{events:?}");
        let done = named("done").unwrap();
        let bytes: u64 = model.lfs_files().map(|file| file.size).sum();
        assert_eq!((&done["bytes_received"], &done["bytes_from_store"]), (&0.into(), &bytes.into()));
        assert_eq!(done["commit"], model.commit.as_str());
    }
    assert_eq!(log.count(), 0, "{log}");
}

#[test]
fn a_dry_run_names_the_servers_it_would_ask() {
    let (world, model) = World::with_tiny();
    let store = fill(&world, &model, &world.beside("stick"));
    for (mode, from) in
        [("first", format!("{store}, else {}", world.hub.endpoint())), ("only", store.clone())]
    {
        let arguments = ["download", "--dry-run", "--store", &store, "--store-mode", mode, &model.url];
        let ran = world.cli(&arguments).run();
        let line = format!("  from      {from} at commit {}\n", model.commit);
        assert!(ran.text().contains(&line), "{}", ran.text());
        let document = world.cli(&[&arguments[..], &["--json"]].concat()).run().json();
        assert_eq!(document["models"][0]["stores"], serde_json::json!([store]));
        // Shards from a store in a folder are copied.
        let bytes: u64 = model.lfs_files().map(|file| file.size).sum();
        let line = format!("  stored    4 files, {} in the store's folder", facade::words::size(bytes));
        assert!(ran.text().contains(&line), "{}", ran.text());
        assert_eq!(document["models"][0]["bytes_to_fetch"], 0);
        let from = |file: &Value| file["from"] == "store_folder";
        let files = document["models"][0]["files"].as_array().unwrap();
        assert_eq!(files.iter().filter(|file| from(file)).count(), 4);
    }
}

#[test]
fn the_last_line_says_how_much_came_from_the_store() {
    let (world, model) = World::with_tiny();
    let store = fill(&world, &model, &world.beside("stick"));
    let ran = world.cli(&["download", "--progress", "plain", "--store", &store, &model.url]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(" from the store"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("was already there"), "{}", ran.stderr);
}

/// The path is printed before the model is in the store, and a failure to fill the store is only a warning.
#[test]
fn files_from_the_hub_fill_the_store() {
    let (world, model) = World::with_tiny();
    let folder = world.beside("store");
    fs::create_dir(&folder).unwrap();
    let store = local_hub::folder_url(&folder);
    let bytes: u64 = model.lfs_files().map(|file| file.size).sum();
    let cli = world.cli(&["download", "--progress", "json", "--store-fill", &model.url]);
    let ran = cli.env("MLC_WEIGHTS_STORE", &store).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let events = ran.events();
    let names = events.iter().filter_map(|event| event["event"].as_str());
    let names: Vec<&str> = names.filter(|name| matches!(*name, "done" | "filled")).collect();
    assert_eq!(names, ["done", "filled"]);
    let filled = events.iter().find(|event| event["event"] == "filled").unwrap();
    assert_eq!((&filled["bytes_written"], &filled["commit"]), (&bytes.into(), &model.commit.as_str().into()));
    let pack = folder.join(format!("packs/{}.pack", model.commit));
    assert!(pack.exists());

    fs::remove_dir_all(&folder).unwrap();
    let cli = world.cli(&["download", "--progress", "plain", &model.url]);
    let cli = cli.env("MLC_LLM_HOME", world.beside("another"));
    let ran = cli.env("MLC_WEIGHTS_STORE", &store).env("MLC_WEIGHTS_STORE_FILL", "1").run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.text().contains("another"), "{}", ran.text());
    assert!(ran.stderr.contains("warning: could not put "), "{}", ran.stderr);
}

#[test]
fn statuses() {
    let (world, model) = World::with_tiny();
    let folder = world.beside("stick");
    fs::create_dir(&folder).unwrap();
    let store = local_hub::folder_url(&folder);
    let log = world.hub.log().from_now();
    for (variables, status, words) in [
        (
            &[("MLC_WEIGHTS_STORE", store.as_str()), ("MLC_WEIGHTS_STORE_MODE", "only")][..],
            3,
            "store mode `only`",
        ),
        (&[("MLC_WEIGHTS_STORE", "/mnt/stick")], 2, "MLC_WEIGHTS_STORE"),
        (&[("MLC_WEIGHTS_STORE_MODE", "never")], 2, "MLC_WEIGHTS_STORE_MODE"),
        (&[("MLC_WEIGHTS_STORE", "s3://bucket"), ("AWS_SECRET_ACCESS_KEY", "s3cret-key")], 2, "s3://bucket"),
    ] {
        let cli = world.cli(&["download", &model.url]);
        let ran = variables.iter().fold(cli, |cli, (name, value)| cli.env(name, value)).run();
        assert_eq!(ran.status, Some(status), "{}", ran.stderr);
        assert!(ran.stderr.contains(words) && !ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
    let ran = world.cli(&["download", "--store", "https://user:s3cret@", &model.url]).run();
    assert_eq!(ran.status, Some(2), "{}", ran.stderr);
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    assert_eq!(log.count(), 0, "{log}");
}

/// The download succeeds anyway.
#[test]
fn a_missing_store_causes_a_warning() {
    let (world, model) = World::with_tiny();
    let store = local_hub::folder_url(&world.beside("not mounted")).replace(' ', "%20");
    let ran = world.cli(&["download", "--store", &store, &model.url]).run();
    ran.check_path(&world.entry(&model));
    assert!(
        ran.stderr.contains(&format!("warning: continuing without the store {store}: ")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_model_pushed_by_one_machine_is_downloaded_by_others() {
    let (world, model) = World::with_tiny();
    let folder = world.beside("store");
    fs::create_dir(&folder).unwrap();
    let store = local_hub::folder_url(&folder);
    let ran = world.cli(&["store", "init", "--store", &store]).run();
    assert_eq!((ran.status, ran.stdout.len()), (Some(0), 0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the store is set up; it does not prevent concurrent writers"),
        "{}",
        ran.stderr
    );

    let document = world.cli(&["store", "init", "--store", &store, "--json"]).run().json();
    assert_eq!(document, serde_json::json!({ "version": 1, "format": 1, "conditional_put": false }));

    let bytes: u64 = model.lfs_files().map(|file| file.size).sum();
    for (written, there, words) in [(4, 0, ": written, "), (0, 4, ": already there, ")] {
        let ran = world.cli(&["store", "push", "--store", &store, "--json", &model.url]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches(words).count(), 4, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("mlc-ai/tiny is in {store} at commit {}", model.commit)));
        let document = ran.json();
        let pushed = &document["models"][0];
        assert_eq!((&document["version"], &pushed["model"]), (&1.into(), &"mlc-ai/tiny".into()));
        assert_eq!((&pushed["files_written"], &pushed["files_there"]), (&written.into(), &there.into()));
        assert_eq!(
            pushed["bytes_written"].as_u64().unwrap() + pushed["bytes_there"].as_u64().unwrap(),
            bytes
        );
        assert_eq!((&pushed["commit"], &pushed["name"]), (&model.commit.clone().into(), &"written".into()));
    }

    let log = world.hub.log().from_now();
    let home = world.beside("another machine");
    let arguments = ["download", "--store", &store, "--store-mode", "only", &model.url];
    let ran = world.cli(&arguments).env("MLC_LLM_HOME", &home).run();
    ran.check_path(&entry_in(&home.join("model_weights"), &model));
    assert_eq!(log.count(), 0, "{log}");
}

/// The push reuses the metadata of the download.
#[test]
fn a_push_asks_the_hub_for_no_more_metadata_than_its_download() {
    let (world, model) = World::with_tiny();
    let packs = || {
        let requests = world.hub.log().requests();
        requests.iter().filter(|request| request.path.ends_with("/git-upload-pack")).count()
    };
    world.download(&model);
    let of_a_download = packs();
    fs::remove_dir_all(world.home()).unwrap();
    let folder = world.beside("store");
    fs::create_dir(&folder).unwrap();
    let store = local_hub::folder_url(&folder);
    let ran = world.cli(&["store", "push", "--store", &store, &model.url]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!((packs(), of_a_download > 0), (2 * of_a_download, true), "{}", world.hub.log());
    assert_eq!(ran.stderr.matches("asking the hub for ").count(), 1, "{}", ran.stderr);
    assert!(folder.join(format!("packs/{}.pack", model.commit)).exists());
}

#[test]
fn a_push_that_is_impossible_says_why() {
    let (world, model) = World::with_tiny();
    let folder = world.beside("store");
    fs::create_dir(&folder).unwrap();
    let store = local_hub::folder_url(&folder);
    world.cli(&["store", "push", &model.url]).run().check_failure(2, &["MLC_WEIGHTS_STORE"]);
    world.cli(&["store", "init"]).run().check_failure(2, &["MLC_WEIGHTS_STORE"]);
    world.cli(&["store", "push", "--store", &store, "mlc-ai"]).run().check_failure(2, &["`mlc-ai`"]);
    let missing = format!("{store}/missing");
    let ran = world.cli(&["store", "push", "--store", &missing, &model.url]).run();
    ran.check_failure(7, &[folder.join("missing").to_str().unwrap()]);
    world.download(&model);
    let other = "HF://mlc-ai/absent";
    let ran = world.cli(&["store", "push", "--store", &store, other, &model.url]).run();
    ran.check_failure(4, &["mlc-ai/absent"]);
    assert!(ran.stderr.contains("mlc-ai/tiny is in "), "one failure does not keep the next: {}", ran.stderr);
}
