//! Checks the form of all manifests.

use crate::workspace::{File, Package};

/// Inherited from the root's manifest by every package.
const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];
/// Inherited by published packages only; without it a package is not published.
const PUBLISHED: &str = "keywords";
const NOT_PUBLISHED: &str = "publish";
/// The prefix of published packages, and the name of the program.
const FAMILY: &str = "mlc-weights";

pub(super) fn check(packages: &[Package], files: &[File]) -> Vec<String> {
    packages.iter().flat_map(|package| check_package(package, files)).collect()
}

fn check_package(package: &Package, files: &[File]) -> Vec<String> {
    let Package { name, folder, is_published, .. } = package;
    let mut complaints = Vec::new();
    let is_of_family = !is_published || name.starts_with(FAMILY);
    let expected = if is_of_family { name.clone() } else { format!("{FAMILY}-{name}") };
    if package.full_name != expected {
        complaints.push(format!("{folder}: the package is called {}, not {expected}", package.full_name));
    }
    if *is_published && files.iter().all(|file| file.path != format!("{folder}/README.md")) {
        complaints.push(format!("{folder}: is published without a README.md"));
    }
    let path = format!("{folder}/Cargo.toml");
    match files.iter().find(|file| file.path == path) {
        Some(manifest) => complaints.extend(check_manifest(&path, &manifest.text, *is_published)),
        None => complaints.push(format!("{path}: git does not track it")),
    }
    complaints
}

/// The only package that may open parsers: in any other, the feature could reach shipped code.
const FUZZ: &str = "tests/fuzz/Cargo.toml";

fn check_manifest(path: &str, manifest: &str, is_published: bool) -> Vec<String> {
    let lines = sections(manifest);
    let has = |section: &str, line: &str| lines.contains(&(section.to_owned(), line.to_owned()));
    let inherited = INHERITED
        .iter()
        .chain([if is_published { &PUBLISHED } else { &NOT_PUBLISHED }])
        .filter(|key| !has("package", &format!("{key}.workspace=true")))
        .map(|key| format!("{path}: does not inherit `{key}`"));
    let lints = (!has("lints", "workspace=true")).then(|| format!("{path}: does not inherit the lints"));
    let fuzzing = lines
        .iter()
        .filter(|(section, line)| section.ends_with("dependencies") && line.contains("\"fuzzing\""))
        .filter(|_| path != FUZZ)
        .map(|(_, line)| format!("{path}: `{line}` is for {FUZZ} alone"));
    inherited.chain(lints).chain(fuzzing).collect()
}

/// All meaningful lines without spaces, each with its section.
fn sections(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut lines = Vec::new();
    for line in manifest.lines().map(|line| line.replace(' ', "")) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if !line.is_empty() && !line.starts_with('#') {
            lines.push((section.clone(), line));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
[package]
name = \"a\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[dependencies]
# Why it is here.
url.workspace = true
tokio = { workspace = true, features = [\"net\"] }

[target.'cfg(unix)'.dependencies]
rustix.workspace = true
";

    #[track_caller]
    fn check_text(manifest: &str, complaints: &[&str]) {
        assert_eq!(check_manifest("a/Cargo.toml", manifest, false), complaints);
    }

    #[test]
    fn everything_is_inherited() {
        check_text(GOOD, &[]);
        check_text(
            &GOOD.replace("edition.workspace = true", "edition = \"2021\""),
            &["a/Cargo.toml: does not inherit `edition`"],
        );
        check_text(
            &GOOD.replace("license.workspace = true\n", ""),
            &["a/Cargo.toml: does not inherit `license`"],
        );
        check_text(
            &GOOD.replace("[lints]\nworkspace = true", ""),
            &["a/Cargo.toml: does not inherit the lints"],
        );
        check_text(
            &GOOD.replace("[\"net\"]", "[\"fuzzing\"]"),
            &[
                "a/Cargo.toml: `tokio={workspace=true,features=[\"fuzzing\"]}` is for tests/fuzz/Cargo.toml alone",
            ],
        );
    }

    #[test]
    fn names_are_folders_names() {
        let check_package = |name: &str, package: &str, is_published: bool, text: &str| {
            let package = Package {
                name: name.to_owned(),
                full_name: package.to_owned(),
                is_published,
                folder: "crates/a".to_owned(),
                dependencies: Vec::new(),
            };
            let file = |path: &str| File { path: format!("crates/a/{path}"), text: text.to_owned() };
            let files = [file("Cargo.toml"), file("README.md")];
            let unread = check_package(&package, &files[..1]);
            (check_package(&package, &files), unread)
        };
        let none = Vec::<String>::new();
        let published = GOOD.replace("publish.workspace", "keywords.workspace");
        assert_eq!(check_package("a", "a", false, GOOD), (none.clone(), none.clone()));
        let unread = vec!["crates/a: is published without a README.md".to_owned()];
        assert_eq!(check_package("a", "mlc-weights-a", true, &published), (none.clone(), unread.clone()));
        assert_eq!(check_package("mlc-weights", "mlc-weights", true, &published), (none, unread));
        let found = check_package("a", "mlc-weights-a", false, GOOD).0;
        assert_eq!(found, ["crates/a: the package is called mlc-weights-a, not a"]);
        let found = check_package("a", "a", true, GOOD).0;
        assert_eq!(
            found,
            [
                "crates/a: the package is called a, not mlc-weights-a",
                "crates/a/Cargo.toml: does not inherit `keywords`",
            ]
        );
    }

    #[test]
    fn a_manifest_is_tracked() {
        let package = Package {
            name: "a".to_owned(),
            full_name: "a".to_owned(),
            is_published: false,
            folder: "crates/a".to_owned(),
            dependencies: Vec::new(),
        };
        assert_eq!(check(&[package], &[]), ["crates/a/Cargo.toml: git does not track it"]);
    }
}
