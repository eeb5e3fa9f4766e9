//! Small repositories that would need much memory are refused, and cost little.

use std::time::Duration;

use local_hub::ModelFixture;

use crate::world::{World, until};

/// The length of the files, which compress to almost nothing in the pack. Four times as much is allowed,
/// but an unoptimized program is slow to read it.
const LENGTH: usize = 16 << 20;

/// 128 MiB, and a file twice.
const MEMORY_LIMIT: u64 = (128 << 20) + 2 * LENGTH as u64;

fn filled(start: &str, element: &str, end: &str) -> String {
    filled_to(LENGTH, start, element, end)
}

fn filled_to(length: usize, start: &str, element: &str, end: &str) -> String {
    [start, &element.repeat(length / element.len()), end].concat()
}

#[track_caller]
fn check(fixture: &ModelFixture, words: &str) {
    let (world, model) = World::with(fixture);
    let running = world.cli(&["download", &model.url]).start();
    let peak = running.peak();
    running.end().check_failure(4, &[words]);
    assert!(peak < MEMORY_LIMIT, "{words}: {peak} bytes");
    world.check_untouched();
}

#[test]
fn a_manifest_of_numbers() {
    let manifest = filled(r#"{"records": [0"#, ",0", "]}");
    let fixture = ModelFixture::new("mlc-ai/bomb").manifest_bytes(manifest);
    check(&fixture, "tensor-cache.json: records has more than 100000 elements: refused");
}

#[test]
fn a_configuration_of_names() {
    let config = filled(r#"{"tokenizer_files": ["a""#, r#","a""#, "]}");
    let fixture = ModelFixture::new("mlc-ai/bomb").config_bytes(config);
    check(&fixture, "mlc-chat-config.json: tokenizer_files has more than 1000 elements: refused");
}

#[test]
fn an_interruption_ends_the_reading() {
    // The longest that is allowed: an unoptimized program takes far longer to read it than this test waits.
    let manifest = filled_to(4 * LENGTH - 100, r#"{"records": [0"#, ",0", "]}");
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/bomb").manifest_bytes(manifest));
    let told = world.beside("told");
    let running = world.cli(&["download", &model.url]).start_with_stderr(&told);
    until(|| std::fs::read_to_string(&told).unwrap().contains("the model is at commit"));
    running.signal("INT");
    assert_eq!(running.end_within(Duration::from_secs(3)).status, Some(130));
}
