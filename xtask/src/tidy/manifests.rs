//! What every package's manifest has in common.

use crate::workspace::{File, Package};

/// What the root's manifest says once for all.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

pub(super) fn check(packages: &[Package], files: &[File]) -> Vec<String> {
    packages.iter().flat_map(|package| check_package(package, files)).collect()
}

fn check_package(package: &Package, files: &[File]) -> Vec<String> {
    let (name, folder) = (&package.name, &package.folder);
    let mut complaints = Vec::new();
    if folder.rsplit('/').next() != Some(name) {
        complaints.push(format!("{folder}: the package is called {name}, the folder is not"));
    }
    let path = format!("{folder}/Cargo.toml");
    match files.iter().find(|file| file.path == path) {
        Some(manifest) => complaints.extend(check_manifest(&path, &manifest.text)),
        None => complaints.push(format!("{path}: git does not track it")),
    }
    complaints
}

/// The one package for which parsers are opened; in any other the feature would reach what is shipped.
const FUZZ: &str = "tests/fuzz/Cargo.toml";

fn check_manifest(path: &str, manifest: &str) -> Vec<String> {
    let lines = sections(manifest);
    let has = |section: &str, line: &str| lines.contains(&(section.to_owned(), line.to_owned()));
    let inherited = INHERITED
        .iter()
        .filter(|key| !has("package", &format!("{key}.workspace=true")))
        .map(|key| format!("{path}: does not inherit `{key}`"));
    let lints = (!has("lints", "workspace=true")).then(|| format!("{path}: does not inherit the lints"));
    let dependencies = lines
        .iter()
        .filter(|(section, line)| section.ends_with("dependencies") && !line.contains("workspace=true"))
        .map(|(_, line)| format!("{path}: `{line}` does not come from the workspace's table"));
    let fuzzing = lines
        .iter()
        .filter(|(section, line)| section.ends_with("dependencies") && line.contains("\"fuzzing\""))
        .filter(|_| path != FUZZ)
        .map(|(_, line)| format!("{path}: `{line}` is for {FUZZ} alone"));
    inherited.chain(lints).chain(dependencies).chain(fuzzing).collect()
}

/// Each line that says something, without its spaces, with the section it is in.
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
        assert_eq!(check_manifest("a/Cargo.toml", manifest), complaints);
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
            &GOOD.replace("url.workspace = true", "url = \"2\""),
            &["a/Cargo.toml: `url=\"2\"` does not come from the workspace's table"],
        );
        check_text(
            &GOOD.replace("rustix.workspace = true", "rustix = \"1\""),
            &["a/Cargo.toml: `rustix=\"1\"` does not come from the workspace's table"],
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
        let package = |name: &str| Package {
            name: name.to_owned(),
            folder: "crates/a".to_owned(),
            dependencies: Vec::new(),
        };
        let file = File { path: "crates/a/Cargo.toml".to_owned(), text: GOOD.to_owned() };
        let files = [file];
        assert_eq!(check(&[package("a")], &files), Vec::<String>::new());
        assert_eq!(check(&[package("b")], &files), ["crates/a: the package is called b, the folder is not"]);
        assert_eq!(check(&[package("a")], &[]), ["crates/a/Cargo.toml: git does not track it"]);
    }
}
