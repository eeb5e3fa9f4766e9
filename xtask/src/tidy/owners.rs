//! Checks that the tests in the list of behaviours exist.

use crate::workspace::File;

const DOCUMENT: &str = "docs/testing.md";
const SECTION: &str = "## Which test owns a behaviour";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let text = files.iter().find(|file| file.path == DOCUMENT).map_or("", |file| file.text.as_str());
    let Some((_, section)) = text.split_once(SECTION) else {
        return vec![format!("{DOCUMENT}: the section `{SECTION}` is missing")];
    };
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut folder = "";
    let mut complaints = Vec::new();
    for line in section.lines() {
        if line.starts_with("### ") {
            folder = quoted(line).next().unwrap_or_default();
        } else if let Some(cell) = line.strip_prefix('|').and_then(|row| row.split('|').nth(1)) {
            complaints.extend(quoted(cell).filter_map(|test| check_test(files, folder, test)));
        }
    }
    complaints
}

/// A row names `file::test` or `folder::file::test`, below the folder in the preceding heading.
fn check_test(files: &[File], folder: &str, test: &str) -> Option<String> {
    let (file, name) = test.rsplit_once("::")?;
    let path = format!("{folder}/{}.rs", file.replace("::", "/"));
    let is_there = |file: &File| file.path == path && file.text.contains(&format!("fn {name}("));
    (!files.iter().any(is_there)).then(|| format!("{DOCUMENT}: there is no test `{name}` in {path}"))
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_gone_is_a_complaint() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let rows =
            "\n### Words: `a/tests`\n\n| what | `b::there`, `b::c::gone` |\n\n## Next\n\n| x | `c::d` |\n";
        let files = [
            file("a/tests/b.rs", "fn there() {}"),
            file(DOCUMENT, &format!("# Testing\n\n{SECTION}\n{rows}")),
        ];
        assert_eq!(check(&files), ["docs/testing.md: there is no test `gone` in a/tests/b/c.rs"]);
        assert_eq!(check(&[]).len(), 1, "the section must be there");
    }
}
