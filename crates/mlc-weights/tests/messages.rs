//! Checks the program's messages: those in docs/troubleshooting.md exist, and all are plain English.

#![expect(
    clippy::unwrap_used,
    reason = "helpers end the test by their verdict, as the test function itself may"
)]

use std::fs;
use std::path::Path;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Collects the crates' sources, with string literals that continue over several lines joined into one.
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

/// Words that no message needs, because each has a plainer form.
const NOT_PLAIN: &str = concat!(
    r"\b(anew|be had|came for|for ever|gone on with|(ha[sd]|have) come|is none|left in peace|may stand|nobody|",
    r"of which|somebody|so many|taken at its word|turned back|what came|whosoever)\b|: who ",
);

/// The string literals of a source file, except those in tests, comments and log events.
fn literals(text: &str) -> Vec<&str> {
    let literal = regex::Regex::new(r#""(?:[^"\\\n]|\\.|\\\n)*""#).unwrap();
    let shipped = text.split("#[cfg(test)]").next().unwrap();
    let lines = shipped.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.contains("tracing::")
    });
    lines.flat_map(|line| literal.find_iter(line).map(|found| found.as_str())).collect()
}

#[test]
fn messages_are_plain_english() {
    let not_plain = regex::Regex::new(NOT_PLAIN).unwrap();
    let (mut folders, mut seen) = (vec![Path::new(WORKSPACE).join("crates")], 0);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !["tests", "examples", "target", "python"].contains(&name) {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                for literal in literals(&text) {
                    seen += 1;
                    assert!(!not_plain.is_match(literal), "{}: {literal}", path.display());
                }
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
}

/// The fixed parts of the messages in the first column of the tables.
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
