//! Checks the program's messages: those in docs/troubleshooting.md exist, and all are plain English.

#![expect(
    clippy::unwrap_used,
    reason = "helpers end the test by their verdict, as the test function itself may"
)]

use std::fs;
use std::path::{Path, PathBuf};

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

/// The string literals of the crates' sources except those in tests, comments and log events, each with its file.
fn shipped_literals(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    let literal = regex::Regex::new(r#""(?:[^"\\\n]|\\.)*""#).unwrap();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["tests", "examples", "target", "python"].contains(&name) {
            shipped_literals(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            // Literals that go over several lines count as one.
            let text: String =
                fs::read_to_string(&path).unwrap().split("\\\n").map(str::trim_start).collect();
            let shipped = text.split("#[cfg(test)]").next().unwrap();
            let lines = shipped.lines().map(str::trim_start);
            let lines = lines.filter(|line| !line.starts_with("//") && !line.contains("tracing::"));
            let literals = lines.flat_map(|line| literal.find_iter(line));
            found.extend(literals.map(|literal| (path.clone(), literal.as_str().to_owned())));
        }
    }
}

#[test]
fn messages_are_plain_english() {
    let (not_plain, mut literals) = (regex::Regex::new(NOT_PLAIN).unwrap(), Vec::new());
    shipped_literals(&Path::new(WORKSPACE).join("crates"), &mut literals);
    assert!(literals.len() > 1_000, "{}", literals.len());
    for (path, literal) in literals {
        assert!(!not_plain.is_match(&literal), "{}: {literal}", path.display());
    }
}

/// An instruction that follows a fact.
const ADVICE: &str = concat!(
    r"[;:,] (ask|check|choose|close|create|did you mean|give|install|log in|make|mount|move|name|pass|please|",
    r"point|push|remove|replace|renew|run|set|try|unset|update|use|write) ",
);

/// What to do depends on the caller, and only the command knows its own. A correction of a misspelt name is a fact.
#[test]
fn messages_of_libraries_give_no_advice() {
    let advice = regex::Regex::new(ADVICE).unwrap();
    for package in
        ["cache-layout", "facade", "hf-transport", "net", "shard-fetch", "url-parse", "weight-store"]
    {
        let mut literals = Vec::new();
        shipped_literals(&Path::new(WORKSPACE).join("crates").join(package), &mut literals);
        assert!(!literals.is_empty(), "{package}");
        for (path, literal) in literals {
            let is_correction = literal.contains("did you mean `{text}`?");
            assert!(is_correction || !advice.is_match(&literal), "{}: {literal}", path.display());
        }
    }
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
