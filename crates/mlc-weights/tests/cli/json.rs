//! Progress for programs: objects, a line each, as docs/progress.md describes them.

use local_hub::{Fault, FaultTarget, ModelFixture, Times};
use serde_json::Value;

use crate::world::{Ran, World};

/// Every line on stderr, each of which is an object of the documented shape.
#[track_caller]
fn objects(ran: &Ran) -> Vec<Value> {
    let objects: Result<Vec<Value>, _> = ran.lines().into_iter().map(serde_json::from_str).collect();
    let objects = objects.map_err(|error| format!("{error} in:\n{}", ran.stderr)).unwrap();
    for object in &objects {
        assert!(object["version"] == 1 && object["event"].is_string(), "{object}");
    }
    objects
}

fn names(objects: &[Value]) -> Vec<&str> {
    let names = objects.iter().filter_map(|object| object["event"].as_str());
    names.filter(|name| *name != "progress").collect()
}

/// The one object of that name.
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
fn a_hub_that_asks_to_be_left_alone() {
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
