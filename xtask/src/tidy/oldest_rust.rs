//! That the Rust which the manifest names can compile what the lock file has. Whether it knows what our own code uses of
//! the standard library is clippy's `incompatible_msrv`.

use cargo_metadata::semver::Version;

use crate::workspace::Foreign;

pub(super) fn check(packages: &[Foreign], own: &Version) -> Vec<String> {
    let newer = packages.iter().filter_map(|package| {
        let needed = package.rust.as_ref().filter(|needed| *needed > own)?;
        Some(format!(
            "Cargo.lock: {} needs Rust {needed}, and `rust-version` in Cargo.toml is {own}",
            package.package
        ))
    });
    newer.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_newer_rust_is_named() {
        let package = |rust: Option<Version>| Foreign { package: "a".to_owned(), licence: None, rust };
        let own = Version::new(1, 89, 0);
        assert!(check(&[package(None), package(Some(Version::new(1, 89, 0)))], &own).is_empty());
        assert_eq!(
            check(&[package(Some(Version::new(1, 90, 0)))], &own),
            ["Cargo.lock: a needs Rust 1.90.0, and `rust-version` in Cargo.toml is 1.89.0"]
        );
    }
}
