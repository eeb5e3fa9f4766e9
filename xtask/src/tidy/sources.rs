//! Checks source files.

use crate::workspace::File;

/// A file with more lines than this, not counting tests, does too many things.
const MAX_LINES: usize = 500;

/// What a module that promises to work without clock and I/O must not mention.
const IMPURE: [&str; 9] = [
    "tokio",
    "reqwest",
    "hyper_util",
    "std::fs",
    "std::io",
    "std::net",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
];
/// The files of `net` that may do I/O.
const NET: &str = "crates/net/src/";
const SENDING: [&str; 13] = [
    "answer.rs",
    "client.rs",
    "error.rs",
    "failed.rs",
    "headers.rs",
    "lib.rs",
    "pools.rs",
    "request.rs",
    "resolver.rs",
    "setup.rs",
    "step.rs",
    "task.rs",
    "upload.rs",
];
/// What builds an HTTP client, and the only place that may.
const BUILDS_CLIENT: [&str; 3] = ["Client::builder()", "ClientBuilder::new(", "reqwest::Client::new("];
const CLIENT: &str = "crates/net/src/setup.rs";
/// What prints arbitrary text or defines its own rules for that, and the place of the rules.
const SHOWS_ANYTHING: [&str; 4] = [".display()", "escape_debug", "escape_default", "source: git2::Error"];
const PRINTABLE: &str = "crates/url-parse/src/printable.rs";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let sources = files.iter().filter(|file| file.is_rust() && file.path.contains("/src/"));
    let checks = [check_length, check_docs, check_purity, check_clients, check_words];
    sources.flat_map(|file| checks.map(|check| check(file))).flatten().collect()
}

/// A file's docs may contain the promise, and the code must keep it. In `net`, all files must except those
/// that send requests.
fn check_purity(file: &File) -> Option<String> {
    let docs = file.text.lines().take_while(|line| line.starts_with("//!"));
    let promises = docs.into_iter().any(|line| line.to_lowercase().contains("no clock, no i/o"));
    let mention = IMPURE.into_iter().find(|word| code(file).any(|line| line.contains(word)));
    match (promises, mention) {
        (true, Some(word)) => {
            Some(format!("{}: says that it has no clock and no I/O, and mentions `{word}`", file.path))
        }
        (false, _) if file.path.strip_prefix(NET).is_some_and(|name| !SENDING.contains(&name)) => {
            Some(format!(
                "{}: does not say \"No clock, no I/O.\" in its docs, as all of {NET} but {SENDING:?}",
                file.path
            ))
        }
        _ => None,
    }
}

/// A single client ensures one policy for proxies, certificates, redirects and timeouts.
fn check_clients(file: &File) -> Option<String> {
    let is_shipped = file.path.starts_with("crates/") && file.path != CLIENT;
    let builds = BUILDS_CLIENT.into_iter().find(|word| code(file).any(|line| line.contains(word)));
    builds
        .filter(|_| is_shipped)
        .map(|word| format!("{}: `{word}` builds an HTTP client; the only one is in {CLIENT}", file.path))
}

/// Only for the libraries: all output of the command goes through its `output.rs`.
fn check_words(file: &File) -> Option<String> {
    let is_library = file.path.starts_with("crates/") && !file.path.starts_with("crates/mlc-weights/");
    let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    let shows = SHOWS_ANYTHING.into_iter().find(|word| code(file).any(|line| line.contains(word)));
    shows.filter(|_| is_library && !is_test && file.path != PRINTABLE).map(|word| {
        format!(
            "{}: `{word}` shows text that others may have written: `url_parse` has `shown` for paths, `Excerpt`, `ForeignText`",
            file.path
        )
    })
}

/// The lines before the tests, without comments.
fn code(file: &File) -> impl Iterator<Item = &str> {
    let lines = file.text.lines().take(lines_of_code(&file.text));
    lines.map(str::trim_start).filter(|line| !line.starts_with("//"))
}

fn check_length(file: &File) -> Option<String> {
    let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    let lines = lines_of_code(&file.text);
    (!is_test && lines > MAX_LINES)
        .then(|| format!("{}: {lines} lines without its tests, more than {MAX_LINES}", file.path))
}

/// The number of lines before the module of tests at the end of the file.
fn lines_of_code(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let is_attribute = |line: &&&str| line.starts_with(['#', ' ', ')']);
    let starts_tests = |place: &usize| {
        let item = lines[place + 1..].iter().find(|line| !is_attribute(line));
        lines[*place] == "#[cfg(test)]"
            && item.is_some_and(|item| item.starts_with("mod ") && item.ends_with('{'))
    };
    (0..lines.len()).find(starts_tests).unwrap_or(lines.len())
}

fn check_docs(file: &File) -> Option<String> {
    let is_front = file.path.ends_with("/lib.rs") || file.path.ends_with("/main.rs");
    (is_front && !file.text.starts_with("//!"))
        .then(|| format!("{}: does not begin with its docs (`//!`)", file.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(path: &str, text: String, complaints: &[&str]) {
        assert_eq!(check(&[File { path: path.to_owned(), text }]), complaints);
    }

    #[test]
    fn long_files_are_found() {
        let long = "let x = 1;\n".repeat(501);
        let complaint = "crates/a/src/b.rs: 501 lines without its tests, more than 500";
        check_one("crates/a/src/b.rs", long.clone(), &[complaint]);
        check_one("crates/a/src/b.rs", "let x = 1;\n".repeat(500), &[]);
        check_one("crates/a/src/b.rs", format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n"), &[]);
        let attribute = "#[expect(\n    clippy::x,\n    reason = \"y\"\n)]";
        let tests = format!("fn f() {{}}\n#[cfg(test)]\n{attribute}\nmod tests {{\n{long}}}\n");
        check_one("crates/a/src/b.rs", tests, &[]);
        check_one("crates/a/src/b.rs", format!("{long}#[cfg(test)]\nmod tests {{\n{long}}}\n"), &[complaint]);
        check_one(
            "crates/a/src/b.rs",
            format!("#[cfg(test)]\nuse x::y;\n{long}"),
            &["crates/a/src/b.rs: 503 lines without its tests, more than 500"],
        );
        check_one("crates/a/src/b/tests.rs", long.clone(), &[]);
        check_one("crates/a/benches/b.rs", long.clone(), &[]);
        check_one("crates/a/src/b.txt", long, &[]);
    }

    #[test]
    fn who_promises_to_be_pure_is_held_to_it() {
        let check =
            |text: &str, complaints: &[&str]| check_one("crates/a/src/b.rs", text.to_owned(), complaints);
        let pure = "//! When to retry. No clock, no I/O.\n";
        check(&format!("{pure}use std::time::Instant;\n/// Instead of `Instant::now`.\nfn f() {{}}\n"), &[]);
        check("//! Sleeps.\nuse tokio::time::sleep;\n", &[]);
        check(&format!("{pure}#[cfg(test)]\nmod tests {{\n    Instant::now();\n}}\n"), &[]);
        check_one("crates/net/src/client.rs", "//! Sends.\n".to_owned(), &[]);
        let complaints =
            super::check(&[File { path: "crates/net/src/gate.rs".to_owned(), text: String::new() }]);
        assert!(complaints[0].starts_with("crates/net/src/gate.rs: does not say"), "{complaints:?}");
        for word in IMPURE {
            let complaint =
                format!("crates/a/src/b.rs: says that it has no clock and no I/O, and mentions `{word}`");
            check(&format!("{pure}fn f() {{ {word}; }}\n"), &[&complaint]);
        }
    }

    #[test]
    fn foreign_text_has_one_way_into_messages() {
        let text = "#[error(\"cannot read {}\", path.display())]\n";
        let complaint = "crates/a/src/b.rs: `.display()` shows text that others may have written: `url_parse` has `shown` for paths, `Excerpt`, `ForeignText`";
        check_one("crates/a/src/b.rs", text.to_owned(), &[complaint]);
        check_one("crates/a/src/b.rs", format!("#[cfg(test)]\nmod tests {{\n{text}}}\n"), &[]);
        check_one("crates/mlc-weights/src/b.rs", text.to_owned(), &[]);
        check_one(PRINTABLE, text.to_owned(), &[]);
    }

    #[test]
    fn there_is_one_http_client() {
        let text = "use reqwest::Client;\nfn f() { Client::builder(); }\n";
        let complaint = format!(
            "crates/a/src/b.rs: `Client::builder()` builds an HTTP client; the only one is in {CLIENT}"
        );
        check_one("crates/a/src/b.rs", text.to_owned(), &[&complaint]);
        check_one(CLIENT, text.to_owned(), &[]);
        check_one("xtask/src/b.rs", text.to_owned(), &[]);
        check_one("crates/a/tests/b.rs", text.to_owned(), &[]);
    }

    #[test]
    fn a_crate_begins_with_its_docs() {
        check_one("crates/a/src/lib.rs", "//! Docs.\n".to_owned(), &[]);
        check_one("crates/a/src/b.rs", "mod c;\n".to_owned(), &[]);
        check_one(
            "crates/a/src/lib.rs",
            "mod b;\n//! Docs.\n".to_owned(),
            &["crates/a/src/lib.rs: does not begin with its docs (`//!`)"],
        );
        check_one(
            "xtask/src/main.rs",
            String::new(),
            &["xtask/src/main.rs: does not begin with its docs (`//!`)"],
        );
    }
}
