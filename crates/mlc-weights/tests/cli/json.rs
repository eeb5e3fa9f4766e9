//! Progress for programs: one object per line, as described in docs/progress.md.

use local_hub::{Fault, FaultTarget, ModelFixture, Times};
use serde_json::Value;

use crate::world::{Ran, World};

/// The lines on stderr, each of which must be an object.
#[track_caller]
fn objects(ran: &Ran) -> Vec<Value> {
    let objects = ran.events();
    assert_eq!(objects.len(), ran.lines().len(), "{}", ran.stderr);
    objects
}

fn names(objects: &[Value]) -> Vec<&str> {
    let names = objects.iter().filter_map(|object| object["event"].as_str());
    names.filter(|name| *name != "progress").collect()
}

/// The only object with this name.
#[track_caller]
fn only<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["event"] == name);
    let object = found.next().ok_or(name).unwrap();
    assert!(found.next().is_none(), "several {name}");
    object
}

#[test]
fn a_download_and_a_hit() {
    let (world, model) = World::with_tiny();
    let arguments = ["download", &model.url, "--progress", "json"];
    let ran = world.cli(&arguments).run();
    ran.check_path(&world.entry(&model));
    let told = objects(&ran);
    let about_files = |name: &&str| ["started", "verified"].contains(name);
    let (files, others): (Vec<&str>, Vec<&str>) = names(&told).into_iter().partition(about_files);
    assert_eq!(others, ["metadata", "commit", "planned", "publishing", "done", "summary"]);
    assert_eq!(files.iter().filter(|name| **name == "verified").count(), 4);
    assert_eq!(files.len(), 8);
    for object in &told[..told.len() - 1] {
        assert!(object["model"] == "mlc-ai/tiny" && object["seconds"].is_number(), "{object}");
    }
    let bytes: u64 = model.lfs_files().map(|file| file.size).sum();
    let commit = only(&told, "commit");
    assert_eq!((&commit["commit"], &commit["proof"]), (&model.commit.as_str().into(), &"git".into()));
    let planned = only(&told, "planned");
    assert_eq!((&planned["files"], &planned["bytes"]), (&4.into(), &bytes.into()));
    let done = only(&told, "done");
    assert_eq!((&done["outcome"], &done["bytes_received"]), (&"downloaded".into(), &bytes.into()));
    assert_eq!(done["commit"], model.commit.as_str());
    assert_eq!(done["path"], world.entry(&model).to_str().unwrap());

    let told = objects(&world.cli(&arguments).run());
    assert_eq!(names(&told), ["done", "summary"]);
    assert_eq!(only(&told, "done")["outcome"], "cached");
}

#[test]
fn trouble_on_the_way() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(503), Times::Once);
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Corrupt { at: 5 }, Times::Once);
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::rate_limited(1), Times::Once);
    let told = objects(&world.cli(&["download", &model.url, "--progress", "json"]).run());
    let of = |name: &str| told.iter().filter(|object| object["event"] == name).collect::<Vec<_>>();
    let retries = of("retrying");
    assert!(retries.iter().any(|retry| retry["file"].is_null()), "{retries:?}");
    assert!(retries.iter().any(|retry| retry["file"] == "params_shard_0.bin"), "{retries:?}");
    assert!(retries.iter().all(|retry| !retry["causes"].as_array().unwrap().is_empty()), "{retries:?}");
    assert_eq!(of("discarded")[0]["file"], "params_shard_0.bin");
    assert!(!of("progress").is_empty(), "a pause of a second without a sign of life");
    for progress in of("progress") {
        assert!(progress["step"].is_string() && progress["in_flight"].is_array(), "{progress}");
    }
    only(&told, "done");
}

#[test]
fn a_hub_that_asks_for_a_pause() {
    let (world, model) = World::with_tiny();
    for target in [FaultTarget::info_refs(""), FaultTarget::resolve("params_shard_0.bin")] {
        world.hub.fault(target, Fault::retry_after(429, "1"), Times::Once);
        let ran = world.cli(&["download", &model.url, "--force", "-j", "1", "--progress", "json"]).run();
        let told = objects(&ran);
        let throttled = only(&told, "throttled");
        assert_eq!((&throttled["origin"], &throttled["file"]), (&world.hub.endpoint().into(), &Value::Null));
        assert_eq!((&throttled["pause_seconds"], &throttled["spread"]), (&1.0.into(), &false.into()));
        only(&told, "done");
    }
}

#[test]
fn failures_are_objects_too() {
    let (world, model) = World::with_tiny();
    let ran = world.cli(&["download", "HF://mlc-ai/none", &model.url, "--progress", "json"]).run();
    let told = objects(&ran);
    assert_eq!(ran.status, Some(4));
    let failed = only(&told, "failed");
    assert_eq!(
        (&failed["model"], &failed["kind"], &failed["status"]),
        (&"mlc-ai/none".into(), &"refused".into(), &4.into())
    );
    assert!(failed["message"].as_str().unwrap().starts_with("mlc-ai/none is missing"), "{failed}");
    let summary = only(&told, "summary");
    assert_eq!(
        (&summary["models"], &summary["done"], &summary["failed"]),
        (&2.into(), &1.into(), &serde_json::json!(["mlc-ai/none"]))
    );

    for (arguments, variable, status) in [
        (["download", "nonsense"], None, 2),
        (["download", &model.url], Some(("HF_ENDPOINT", "nonsense")), 2),
    ] {
        let mut cli = world.cli(&[&arguments[..], &["--progress", "json"]].concat());
        if let Some((name, value)) = variable {
            cli = cli.env(name, value);
        }
        let ran = cli.run();
        assert_eq!(ran.status, Some(status));
        assert_eq!(only(&objects(&ran), "failed")["kind"], "usage");
    }
}

#[test]
fn warnings_say_what_they_are_about() {
    let fixture = ModelFixture::new("mlc-ai/tiny").random_lfs_file("pytorch_model.bin", 1_000);
    let (world, model) = World::with(&fixture);
    let told = objects(&world.cli(&["download", &model.url, "--progress", "json"]).run());
    let warning = only(&told, "warning");
    assert_eq!((&warning["kind"], &warning["file"]), (&"unlisted_shard".into(), &"pytorch_model.bin".into()));
}

/// The only document on stdout; progress goes to stderr.
#[track_caller]
fn document(ran: &Ran) -> Value {
    let document = ran.json();
    // A hit takes less than half a millisecond, which is rounded to 0.
    assert!(document["seconds"].as_f64() >= Some(0.0), "{document:#}");
    document
}

#[test]
fn a_document_at_the_end() {
    let (world, model) = World::with_tiny();
    let other = world.hub.publish(&ModelFixture::new("mlc-ai/other"));
    let arguments = ["download", "--json", "HF://mlc-ai/none", &model.url, &other.url];
    let ran = world.cli(&arguments).run();
    assert_eq!(ran.status, Some(4));
    assert!(ran.stderr.contains("asking the hub"), "progress goes to stderr: {}", ran.stderr);
    let document = document(&ran);
    assert!(document["seconds"].as_f64() > Some(0.0), "{document:#}");
    let [failed, first, second] = &document["models"].as_array().unwrap()[..] else { panic!("{document:#}") };
    assert_eq!((&failed["model"], &failed["outcome"]), (&"mlc-ai/none".into(), &"failed".into()));
    assert_eq!((&failed["failure"]["kind"], &failed["failure"]["status"]), (&"refused".into(), &4.into()));
    for (row, model) in [(first, &model), (second, &other)] {
        assert_eq!(row["outcome"], "downloaded");
        assert_eq!(row["path"], world.entry(model).to_str().unwrap());
        assert_eq!(row["commit"], model.commit.as_str());
        assert_eq!((&row["proof"], &row["metadata"]), (&"git".into(), &"hub".into()));
        let bytes: u64 = model.lfs_files().map(|file| file.size).sum();
        let taken = row["bytes"]["hub"].as_u64().unwrap() + row["bytes"]["reused"].as_u64().unwrap();
        assert_eq!(taken, bytes);
    }

    let again = &self::document(&world.cli(&["download", "--json", &model.url]).run())["models"][0];
    assert_eq!((&again["outcome"], &again["metadata"]), (&"cached".into(), &"receipt".into()));
    assert_eq!((&again["commit"], &again["proof"]), (&first["commit"], &"git".into()));
    assert_eq!(again["bytes"], serde_json::json!({ "hub": 0, "store": 0, "reused": 0 }));
}

#[test]
fn a_document_says_where_bytes_came_from() {
    let (world, model) = World::with_tiny();
    let bytes: u64 = model.lfs_files().map(|file| file.size).sum();
    let store = world.beside("store");
    std::fs::create_dir(&store).unwrap();
    let store = local_hub::folder_url(&store);
    let pushed = world.cli(&["store", "push", "--json", "--store", &store, &model.url]).run();
    assert_eq!(pushed.json()["models"][0]["model"], "mlc-ai/tiny");

    let check = |ran: Ran, metadata: &str, expected: Value| {
        let document = document(&ran);
        let row = &document["models"][0];
        assert_eq!((&row["outcome"], &row["metadata"]), (&"downloaded".into(), &metadata.into()), "{row}");
        assert_eq!(row["bytes"], expected);
    };
    let nothing = |name: &str| world.cli(&["download", "--json", name]);
    // The push has left the model in the cache, so this run uses another cache.
    let ran = nothing(&model.url).env("MLC_LLM_HOME", world.beside("empty")).env("MLC_WEIGHTS_STORE", &store);
    check(ran.run(), "store", serde_json::json!({ "hub": 0, "store": bytes, "reused": 0 }));
    std::fs::remove_file(world.entry(&model).join("params_shard_0.bin")).unwrap();
    let missing = model.file("params_shard_0.bin").unwrap().size;
    let expected = serde_json::json!({ "hub": missing, "store": 0, "reused": bytes - missing });
    check(nothing(&model.url).run(), "hub", expected);
}
