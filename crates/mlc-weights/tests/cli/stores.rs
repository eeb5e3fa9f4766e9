//! Stores that are asked before the hub.

use std::fs;
use std::path::Path;

use local_hub::PublishedModel;
use serde_json::Value;

use crate::world::World;

/// Puts a model into a store in a folder, by hand and with git; returns its URL.
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
    format!("file://{}", folder.to_str().unwrap())
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
        let events = ran.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let done = events.into_iter().find(|event| event["event"] == "done").unwrap();
        let bytes: u64 = model.lfs_files().map(|file| file.size).sum();
        assert_eq!((&done["bytes_received"], &done["bytes_from_store"]), (&0.into(), &bytes.into()));
        assert_eq!(done["commit"], model.commit.as_str());
    }
    assert_eq!(log.count(), 0, "{log}");
}

#[test]
fn the_closing_line_tells_what_came_from_the_store() {
    let (world, model) = World::with_tiny();
    let store = fill(&world, &model, &world.beside("stick"));
    let ran = world.cli(&["download", "--progress", "plain", "--store", &store, &model.url]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(" from the store"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("from an earlier run"), "{}", ran.stderr);
}

#[test]
fn statuses() {
    let (world, model) = World::with_tiny();
    let folder = world.beside("stick");
    fs::create_dir(&folder).unwrap();
    let store = format!("file://{}", folder.to_str().unwrap());
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

/// The model is there all the same.
#[test]
fn a_store_that_is_not_there_is_warned_of() {
    let (world, model) = World::with_tiny();
    let store = format!("file://{}", world.beside("not mounted").to_str().unwrap().replace(' ', "%20"));
    let ran = world.cli(&["download", "--store", &store, &model.url]).run();
    ran.check_path(&world.entry(&model));
    assert!(ran.stderr.contains(&format!("warning: going on without the store {store}: ")), "{}", ran.stderr);
}
