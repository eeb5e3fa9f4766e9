//! The shape of source files.

use crate::workspace::File;

/// A file over this many lines, tests not counted, has more than one story.
const MAX_LINES: usize = 500;

pub(super) fn check(files: &[File]) -> Vec<String> {
    let sources = files.iter().filter(|file| file.is_rust() && file.path.contains("/src/"));
    sources.flat_map(|file| [check_length(file), check_docs(file)]).flatten().collect()
}

fn check_length(file: &File) -> Option<String> {
    let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    let lines = lines_of_code(&file.text);
    (!is_test && lines > MAX_LINES)
        .then(|| format!("{}: {lines} lines without its tests, more than {MAX_LINES}", file.path))
}

/// Lines before the module of tests that ends the file.
fn lines_of_code(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let starts_tests = |pair: &[&str]| matches!(pair, ["#[cfg(test)]", module] if module.starts_with("mod ") && module.ends_with('{'));
    lines.windows(2).position(starts_tests).unwrap_or(lines.len())
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
