//! `download --dry-run` says what would be done, and does nothing.

use local_hub::{Fault, FaultTarget, ModelFixture, PublishedModel, Times};
use serde_json::Value;

use crate::world::{PATIENCE, Ran, World, files_below};

/// The plan for one model, as JSON.
#[track_caller]
fn plan(world: &World, model: &PublishedModel, options: &[&str]) -> Value {
    let arguments = [&["download", "--dry-run", "--json", &model.url], options].concat();
    let ran = world.cli(&arguments).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let document = ran.json();
    assert_eq!(document["version"], 1);
    assert_eq!(document["models"].as_array().map(Vec::len), Some(1), "{document:#}");
    document["models"][0].clone()
}

fn text(ran: &Ran) -> String {
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    String::from_utf8(ran.stdout.clone()).unwrap()
}

fn large(model: &PublishedModel) -> u64 {
    model.lfs_files().map(|file| file.size).sum()
}

#[test]
fn a_missing_model_is_planned_as_a_whole() {
    let fixture = ModelFixture::new("mlc-ai/tiny").random_lfs_file("pytorch_model.bin", 1_000);
    let (world, model) = World::with(&fixture);
    let fetched = large(&model) - 1_000;
    let told = text(&world.cli(&["download", "--dry-run", &model.url]).run());
    for words in [
        "mlc-ai/tiny would be downloaded\n",
        &format!("  from      {} at commit {}\n", world.hub.endpoint(), model.commit),
        &format!("  to        {}\n", world.entry(&model).display()),
        "  to fetch  4 files, ",
        "  left out  pytorch_model.bin: the manifest does not name it\n",
    ] {
        assert!(told.contains(words), "{words:?} is missing in:\n{told}");
    }
    let plan = plan(&world, &model, &[]);
    assert_eq!((&plan["cached"], &plan["replaces"]), (&false.into(), &false.into()));
    assert_eq!((&plan["bytes_to_fetch"], &plan["files_to_fetch"]), (&fetched.into(), &4.into()));
    assert_eq!(plan["files"].as_array().unwrap().len(), model.files.len() - 1);
    // Only metadata was requested, and nothing of it is left.
    assert_eq!((world.hub.log().resolve().count(), world.hub.log().data().count()), (0, 0));
    world.check_untouched();
    let left = files_below(&world.home());
    assert!(left.iter().all(|path| path.is_dir()), "{left:?}");
    world.download(&model);
}

#[test]
fn a_cached_model_is_planned_without_a_download() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let requests = world.hub.log().from_now();
    let told = text(&world.cli(&["download", "--dry-run", &model.url]).run());
    assert_eq!(told, format!("{} is cached: nothing to download\n", world.entry(&model).display()));
    let cached = plan(&world, &model, &[]);
    assert_eq!(
        (&cached["cached"], &cached["model"], &cached["bytes_to_fetch"]),
        (&true.into(), &"mlc-ai/tiny".into(), &0.into())
    );
    assert!(requests.is_empty(), "{requests}");
    let again = plan(&world, &model, &["--force"]);
    let members = |plan: &Value| plan.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&cached), members(&again));
    assert_eq!((&again["replaces"], &again["bytes_to_fetch"]), (&true.into(), &large(&model).into()));
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

#[cfg(unix)]
#[test]
fn leftovers_of_interrupted_downloads_are_counted() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/some").shards(3, 200_000));
    world.hub.fault(FaultTarget::data("params_shard_2.bin"), Fault::Stall { after: 150_000 }, Times::Once);
    let running = world.cli(&["download", &model.url, "-j", "1"]).start();
    let stalled = world.hub.log().data().file("params_shard_2.bin");
    assert!(stalled.wait_until(PATIENCE, |log| !log.is_empty()));
    // It is requested as soon as the earlier shards have arrived, while they are still being verified and
    // synced.
    crate::world::until(|| crate::world::is_in_pool(&world.home(), &model, "params_shard_0.bin"));
    let while_running = text(&world.cli(&["download", "--dry-run", &model.url]).run());
    let during = plan(&world, &model, &[]);
    running.signal("INT");
    assert_eq!(running.end().status, Some(130));
    let first = "mlc-ai/some is being downloaded by another process\n";
    assert!(while_running.starts_with(first) && !while_running.contains("interrupted"), "{while_running}");
    assert!(while_running.contains(" from the download in progress"), "{while_running}");
    let afterwards = text(&world.cli(&["download", "--dry-run", &model.url]).run());
    assert!(afterwards.contains(" from an interrupted download"), "{afterwards}");

    let plan = plan(&world, &model, &[]);
    let file = |name: &str| {
        let found = plan["files"].as_array().unwrap().iter().find(|file| file["path"] == name);
        found.map(|file| (file["from"].clone(), file["bytes_to_fetch"].as_u64().unwrap())).unwrap()
    };
    assert_eq!(file("params_shard_0.bin"), ("staging".into(), 0));
    assert_eq!(file("tensor-cache.json"), ("metadata".into(), 0));
    let (from, left) = file("params_shard_2.bin");
    assert!(from == "network" && left <= 200_000, "{plan:#}");
    assert!(plan["bytes_to_fetch"].as_u64().unwrap() < large(&model), "{plan:#}");
    assert_eq!((&during["in_progress"], &plan["in_progress"]), (&true.into(), &false.into()));
    world.check_untouched();
    // Everything is still there for the real download.
    let ran = world.download(&model);
    assert!(ran.stderr.contains("\nverified "), "{}", ran.stderr);
}

#[test]
fn a_damaged_directory_is_used_again() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    std::fs::remove_file(world.entry(&model).join("params_shard_1.bin")).unwrap();
    let plan = plan(&world, &model, &[]);
    assert_eq!((&plan["replaces"], &plan["files_to_fetch"]), (&true.into(), &1.into()));
    assert!(!world.entry(&model).join("params_shard_1.bin").exists());
}

#[test]
fn failures_are_those_of_a_download_and_the_rest_is_planned() {
    let (world, model) = World::with_tiny();
    world.cli(&["download", "--dry-run", &model.url, "--policy", "OFF"]).run().check_failure(3, &["OFF"]);
    let ran = world.cli(&["download", "--dry-run", "HF://mlc-ai/none", &model.url]).run();
    assert_eq!(ran.status, Some(4), "{}", ran.stderr);
    assert!(String::from_utf8_lossy(&ran.stdout).starts_with("mlc-ai/tiny would be downloaded\n"));
}
