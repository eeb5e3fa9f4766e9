//! `mlc-weights list`.

use crate::world::{World, lay_out};

#[test]
fn an_empty_cache_says_so_on_stderr() {
    let world = World::new();
    let ran = world.cli(&["list"]).run();
    assert_eq!((ran.status, ran.text()), (Some(0), String::new()));
    assert_eq!(ran.stderr, "there are no models in the cache\n");
    let ran = world.cli(&["list", "--json"]).run();
    assert_eq!(ran.json(), serde_json::json!({ "version": 1, "models": [], "skipped": [] }));
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
    assert_eq!(lines[3], "    not whole: params_shard_0.bin: missing");
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
fn junk_is_named_on_stderr_and_no_terminal_is_moved() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let junk = if cfg!(unix) { "an \u{1b}[2J escape" } else { "notes.txt" };
    std::fs::write(world.home().join("model_weights/hf").join(junk), "").unwrap();
    let ran = world.cli(&["list"]).run();
    assert_eq!(ran.status, Some(0));
    assert!(ran.stderr.contains("no model: "), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    let skipped = world.cli(&["list", "--json"]).run().json()["skipped"].clone();
    assert_eq!(skipped.as_array().unwrap().len(), 1, "{skipped}");
}

#[test]
fn the_document_is_the_only_thing_on_stdout() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let json = world.cli(&["list", "--json"]).run().json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["models"][0]["model"], "mlc-ai/tiny");
    assert_eq!(json["models"][0]["commit"], model.commit.as_str());
    assert_eq!(json["models"][0]["whole"], true);
}

#[test]
fn a_home_that_is_a_file_is_a_disk_error() {
    let world = World::new();
    std::fs::write(world.home(), "").unwrap();
    world.cli(&["list"]).run().check_failure(7, &["is not a directory"]);
}
