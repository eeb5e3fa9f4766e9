//! The cost of a hostile manifest or configuration: little memory, whatever it contains. A separate
//! process, since the process's peak is measured.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers end the test, as the test function itself may")]

use shard_fetch::{ChatConfig, Error, Manifest};

/// The files' length: less than the limit, since these tests are not optimized.
const LENGTH: usize = 16 << 20;

/// What the largest accepted number of records takes, with a margin.
const ROOM: u64 = 32 << 20;

#[test]
fn bombs_of_json_are_refused_and_cost_little() {
    let manifest = |text: &str| Manifest::parse(text.as_bytes(), "tensor-cache.json").unwrap_err();
    let config = |text: &str| ChatConfig::parse(text.as_bytes()).unwrap_err();
    check(
        &filled(r#"{"records": [0"#, ",0", "]}"),
        manifest,
        "tensor-cache.json: records has more than 100000 elements: refused",
    );
    check(
        &filled(r#"{"records": [{}"#, ",{}", "]}"),
        manifest,
        "tensor-cache.json: records has more than 100000 elements: refused",
    );
    check(
        &filled(r#"{"tokenizer_files": ["a""#, r#","a""#, "]}"),
        config,
        "mlc-chat-config.json: tokenizer_files has more than 1000 elements: refused",
    );
    check(
        &filled(r#"{"records": [{"records": [0"#, ",0", "]}]}"),
        manifest,
        "tensor-cache.json: records[0].dataPath is missing, expected the path of a file",
    );
    check(
        &filled(r#"{"a": 0"#, r#","a":0"#, "}"),
        manifest,
        "tensor-cache.json: records is missing, expected a list of objects",
    );
}

fn filled(start: &str, element: &str, end: &str) -> String {
    let room = LENGTH - start.len() - end.len();
    [start, &element.repeat(room / element.len()), end].concat()
}

#[track_caller]
fn check(text: &str, parse: impl Fn(&str) -> Error, expected: &str) {
    // Resets the peak.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak();
    let error = parse(text);
    let cost = peak() - before;
    assert_eq!(error.to_string(), expected);
    assert!(cost < ROOM, "{expected}: {cost} bytes");
}

/// The most memory that the process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
