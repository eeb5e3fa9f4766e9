//! The messages of docs/troubleshooting.md are those of the program.

#![expect(
    clippy::unwrap_used,
    reason = "helpers end the test by their verdict, as the test function itself may"
)]

use std::fs;
use std::path::Path;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What the crates' sources hold, with literals that go over several lines as one.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).unwrap();
            all.extend(text.split("\\\n").map(str::trim_start));
        }
    }
}

/// The fixed pieces of the messages in the first column of the tables.
fn messages(page: &str) -> Vec<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let quoted = rows.filter_map(|row| row.split_once("` |")).map(|(message, _)| message);
    quoted.flat_map(|message| message.split('…').map(str::trim)).collect()
}

#[test]
fn every_message_is_one_that_the_program_has() {
    let page = fs::read_to_string(Path::new(WORKSPACE).join("docs/troubleshooting.md")).unwrap();
    let mut all = String::new();
    for package in fs::read_dir(Path::new(WORKSPACE).join("crates")).unwrap().map(Result::unwrap) {
        sources(&package.path().join("src"), &mut all);
    }
    let messages = messages(&page);
    assert!(messages.len() > 30, "{messages:?}");
    for message in messages {
        assert!(all.contains(message), "no message has the words {message:?}");
    }
}
