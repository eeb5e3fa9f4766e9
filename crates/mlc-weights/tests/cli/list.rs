//! `mlc-weights list`.

use local_hub::{Fault, FaultTarget, ModelFixture, Times};

use crate::world::{World, lay_out};

#[test]
fn an_empty_cache_says_so_on_stderr() {
    let world = World::new();
    let ran = world.cli(&["list"]).run();
    assert_eq!((ran.status, ran.text()), (Some(0), String::new()));
    assert_eq!(ran.stderr, "there are no models in the cache\n");
    let ran = world.cli(&["list", "--json"]).run();
    assert_eq!(
        ran.json(),
        serde_json::json!({ "version": 1, "models": [], "skipped": [], "unfinished": [] })
    );
    assert_eq!(ran.stderr, "");
    world.check_pristine();
}

#[test]
fn a_table_for_each_tier() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let shared = world.beside("shared");
    let copy = lay_out(&model, &shared);
    std::fs::remove_file(copy.join("params_shard_0.bin")).unwrap();
    let later = world.hub.log().from_now();
    let ran = world.cli(&["list"]).env("MLC_LLM_READONLY_WEIGHT_CACHE", &shared).run();
    assert_eq!(ran.status, Some(0));
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    let [ours, ours_head, ours_row] = lines[4..] else { panic!("{text}") };
    assert_eq!(lines[0], format!("{} (read-only)", shared.display()));
    let cells: Vec<&str> = lines[2].split_whitespace().collect();
    assert!(matches!(cells[..], [_, "kB", _, "-", _, "mlc-ai/tiny"]), "{text}");
    assert_eq!(lines[3], "    incomplete: params_shard_0.bin: missing");
    assert_eq!(ours, world.home().join("model_weights").display().to_string());
    assert_eq!(
        ours_head.split_whitespace().collect::<Vec<_>>(),
        ["SIZE", "FILES", "COMMIT", "DATE", "MODEL"]
    );
    assert!(ours_row.contains(&format!("  {}  ", &model.commit[..7])), "{text}");
    assert!(ours_row.contains(&format!("  {}  ", model.files.len())), "{text}");
    assert!(ran.stderr.starts_with("2 models, "), "{}", ran.stderr);
    assert!(later.is_empty(), "{later}");
}

#[test]
fn quiet_means_nothing_but_the_table() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    std::fs::write(world.home().join("model_weights/hf/notes.txt"), "").unwrap();
    let ran = world.cli(&["list", "--quiet"]).run();
    assert!(ran.text().ends_with("  mlc-ai/tiny\n"), "{ran:?}");
    assert_eq!(ran.stderr, "");
}

#[test]
fn junk_is_named_on_stderr_and_controls_no_terminal() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let junk = if cfg!(unix) { "an \u{1b}[2J escape" } else { "notes.txt" };
    std::fs::write(world.home().join("model_weights/hf").join(junk), "").unwrap();
    let ran = world.cli(&["list"]).run();
    assert_eq!(ran.status, Some(0));
    assert!(ran.stderr.contains("not a model: "), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    let skipped = world.cli(&["list", "--json"]).run().json()["skipped"].clone();
    assert_eq!(skipped.as_array().unwrap().len(), 1, "{skipped}");
}

#[test]
fn stdout_has_only_the_document() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let json = world.cli(&["list", "--json"]).run().json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["models"][0]["model"], "mlc-ai/tiny");
    assert_eq!(json["models"][0]["commit"], model.commit.as_str());
    assert_eq!(json["models"][0]["whole"], true);
}

#[test]
fn space_held_by_interrupted_downloads_is_listed() {
    let (world, model) = World::with_tiny();
    let other = world.hub.publish(&ModelFixture::new("mlc-ai/other").seed(1));
    world.download(&other);
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::status(404), Times::Forever);
    assert_eq!(world.cli(&["download", &model.url]).run().status, Some(4));
    let ran = world.cli(&["list"]).run();
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    let [.., heading, head, row] = lines[..] else { panic!("{text}") };
    assert_eq!(heading, "unfinished downloads");
    assert_eq!(head.split_whitespace().collect::<Vec<_>>(), ["SIZE", "WRITTEN", "MODEL"]);
    assert!(row.ends_with("  mlc-ai/tiny"), "{text}");
    assert!(
        ran.stderr.contains("1 model, ") && ran.stderr.contains("; unfinished downloads take "),
        "{ran:?}"
    );
    let document = world.cli(&["list", "--json"]).run().json();
    let unfinished = &document["unfinished"][0];
    assert_eq!((&unfinished["model"], &unfinished["in_use"]), (&"mlc-ai/tiny".into(), &false.into()));
    assert!(unfinished["bytes"].as_u64() > Some(0) && unfinished["written"].is_u64(), "{unfinished}");
}

#[test]
fn models_are_sorted() {
    let world = World::new();
    for (name, bytes) in [("mlc-ai/b", 5_000), ("mlc-ai/a", 90_000), ("mlc-ai/c", 20_000)] {
        let model = world.hub.publish(&ModelFixture::new(name).shards(1, bytes));
        lay_out(&model, &world.home().join("model_weights"));
    }
    let sorted = |by: &[&str]| {
        let document = world.cli(&[&["list", "--json"], by].concat()).run().json();
        let models = document["models"].as_array().unwrap().iter();
        models.map(|model| model["model"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(sorted(&[]), ["mlc-ai/a", "mlc-ai/b", "mlc-ai/c"]);
    assert_eq!(sorted(&["--sort", "name"]), sorted(&[]));
    assert_eq!(sorted(&["--sort", "size"]), ["mlc-ai/a", "mlc-ai/c", "mlc-ai/b"]);
}

#[cfg(unix)]
#[test]
fn models_are_sorted_by_age() {
    use std::time::{Duration, SystemTime};

    let world = World::new();
    for (name, days) in [("mlc-ai/b", 2), ("mlc-ai/a", 1), ("mlc-ai/c", 3)] {
        // A model placed by another program is as old as its folder.
        let entry =
            lay_out(&world.hub.publish(&ModelFixture::new(name)), &world.home().join("model_weights"));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        std::fs::File::open(entry).unwrap().set_modified(time).unwrap();
    }
    let document = world.cli(&["list", "--json", "--sort", "age"]).run().json();
    let models = document["models"].as_array().unwrap().iter();
    let names: Vec<&str> = models.map(|model| model["model"].as_str().unwrap()).collect();
    assert_eq!(names, ["mlc-ai/c", "mlc-ai/b", "mlc-ai/a"]);
}
