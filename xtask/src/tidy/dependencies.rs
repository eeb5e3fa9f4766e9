//! Checks that declared dependencies are used, and that the declared Rust version can compile them.
//! cargo-deny checks the rest (deny.toml).

use cargo_metadata::semver::Version;

use crate::workspace::{Dependency, File, Foreign, Package};

/// Code of a package outside its library.
const BESIDE: [&str; 3] = ["benches/", "examples/", "tests/"];

/// Checks that the code of each package mentions its dependencies.
pub(super) fn check_used(packages: &[Package], files: &[File]) -> Vec<String> {
    let of_package = |package: &Package| {
        let unused = package.dependencies.iter().filter(|it| !is_mentioned(&package.folder, it, files));
        let complaint =
            |it: &Dependency| format!("{}: declares {}, but does not use it", package.name, it.name);
        unused.map(complaint).collect::<Vec<_>>()
    };
    packages.iter().flat_map(of_package).collect()
}

/// Whether the code contains the crate's name as a word. Tests and examples may use the library's
/// dependencies, but the library must use those that it declares.
fn is_mentioned(folder: &str, dependency: &Dependency, files: &[File]) -> bool {
    let word = match dependency.name.as_str() {
        "md-5" => "md5".to_owned(),
        name => name.replace('-', "_"),
    };
    files
        .iter()
        .filter(|file| file.is_rust())
        .filter_map(|file| Some((file.path.strip_prefix(folder)?.strip_prefix('/')?, file)))
        .filter(|(path, _)| dependency.dev || !BESIDE.iter().any(|folder| path.starts_with(folder)))
        .any(|(_, file)| file.text.lines().any(|line| has_word(line, &word)))
}

/// Comments other than examples do not count.
fn has_word(line: &str, word: &str) -> bool {
    let line = line.trim_start();
    let code = !line.starts_with("//") || line.contains("use ") || line.contains("::");
    code && line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|part| part == word)
}

/// Checks that the Rust version in the root's manifest can compile the packages in the lock file. clippy's
/// `incompatible_msrv` checks our own code.
pub(super) fn check_rust(packages: &[Foreign], own: &Version) -> Vec<String> {
    let newer = packages.iter().filter_map(|package| {
        let needed = package.rust.as_ref().filter(|needed| *needed > own)?;
        Some(format!("Cargo.lock: {} needs Rust {needed}, and Cargo.toml promises {own}", package.name))
    });
    newer.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_must_be_used() {
        let mentioned = |dev, path: &str, text: &str| {
            let dependency = Dependency { name: "md-5".to_owned(), dev };
            is_mentioned("crates/net", &dependency, &[File { path: path.to_owned(), text: text.to_owned() }])
        };
        assert!(mentioned(false, "crates/net/src/a/b.rs", "    let x = md5::Md5::new();"));
        assert!(mentioned(false, "crates/net/build.rs", "use md5 as m;"));
        assert!(mentioned(true, "crates/net/tests/it.rs", "use md5::Md5;"));
        assert!(mentioned(true, "crates/net/src/lib.rs", "//! use md5::Md5;"));
        assert!(!mentioned(false, "crates/net/tests/it.rs", "use md5::Md5;"));
        assert!(!mentioned(false, "crates/network/src/lib.rs", "use md5::Md5;"));
        assert!(!mentioned(false, "crates/net/src/lib.rs", "// md5 would be nice here"));
        assert!(!mentioned(false, "crates/net/src/lib.rs", "use md5_like::x; let md5sum = 1;"));
        assert!(!mentioned(false, "crates/net/src/notes.txt", "use md5::Md5;"));
    }

    #[test]
    fn what_needs_a_newer_rust_is_named() {
        let package = |rust: Option<Version>| Foreign { name: "a".to_owned(), rust };
        let own = Version::new(1, 89, 0);
        assert!(check_rust(&[package(None), package(Some(own.clone()))], &own).is_empty());
        assert_eq!(
            check_rust(&[package(Some(Version::new(1, 90, 0)))], &own),
            ["Cargo.lock: a needs Rust 1.90.0, and Cargo.toml promises 1.89.0"]
        );
    }
}
