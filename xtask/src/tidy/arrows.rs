//! Checks which package of the workspace may use which.

use crate::workspace::{Dependency, Package};

/// A package, and the packages of the workspace that it depends on.
pub(super) type Arrow = (&'static str, &'static [&'static str]);

/// Exactly these dependencies are allowed (docs/architecture.md). The siblings cache-layout, hf-transport,
/// shard-fetch and weight-store do not use each other; the local hub uses nothing that it tests.
pub(super) const PLAN: &[Arrow] = &[
    ("url-parse", &[]),
    ("net", &["url-parse"]),
    ("cache-layout", &["url-parse"]),
    ("hf-transport", &["net", "url-parse"]),
    ("shard-fetch", &["net", "url-parse"]),
    ("weight-store", &["net", "url-parse"]),
    ("facade", &["cache-layout", "hf-transport", "net", "shard-fetch", "url-parse", "weight-store"]),
    ("mlc-weights", &["facade"]),
    ("mlc-weights-py", &["facade"]),
    ("local-hub", &[]),
    ("e2e", &["facade", "hf-transport", "local-hub", "net", "shard-fetch", "url-parse"]),
    ("bench", &["facade", "local-hub", "shard-fetch"]),
    (
        "fuzz",
        &["cache-layout", "hf-transport", "local-hub", "net", "shard-fetch", "url-parse", "weight-store"],
    ),
    ("xtask", &["facade", "local-hub"]),
];

/// The tests of any package may use it.
const HUB: &str = "local-hub";

pub(super) fn check(packages: &[Package], plan: &[Arrow]) -> Vec<String> {
    let missing = plan
        .iter()
        .filter(|(name, _)| packages.iter().all(|package| package.name != *name))
        .map(|(name, _)| format!("the workspace lacks the package {name}"));
    missing.chain(packages.iter().flat_map(|package| check_package(package, plan))).collect()
}

fn check_package(package: &Package, plan: &[Arrow]) -> Vec<String> {
    let name = &package.name;
    let Some((_, expected)) = plan.iter().find(|(planned, _)| planned == name) else {
        return vec![format!("{name}: no such package is planned (xtask/src/tidy/arrows.rs)")];
    };
    let in_workspace = |dependency: &&Dependency| plan.iter().any(|(planned, _)| *planned == dependency.name);
    let (dev, normal): (Vec<_>, Vec<_>) =
        package.dependencies.iter().filter(in_workspace).partition(|dependency| dependency.dev);
    let extra = normal
        .iter()
        .filter(|dependency| !expected.contains(&dependency.name.as_str()))
        .map(|dependency| format!("{name}: must not depend on {}", dependency.name));
    let absent = expected
        .iter()
        .filter(|planned| normal.iter().all(|dependency| dependency.name != **planned))
        .map(|planned| format!("{name}: is planned to depend on {planned}, but does not"));
    let in_tests = dev
        .iter()
        .filter(|dependency| dependency.name != HUB)
        .map(|dependency| format!("{name}: must not depend on {}, not even in its tests", dependency.name));
    extra.chain(absent).chain(in_tests).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &[Arrow] = &[("low", &[]), ("high", &["low"]), ("local-hub", &[])];

    fn package(name: &str, normal: &[&str], dev: &[&str]) -> Package {
        let dependency = |dev| move |name: &&str| Dependency { name: (*name).to_owned(), dev };
        let dependencies =
            normal.iter().map(dependency(false)).chain(dev.iter().map(dependency(true))).collect();
        Package {
            name: name.to_owned(),
            full_name: name.to_owned(),
            is_published: false,
            folder: name.to_owned(),
            dependencies,
        }
    }

    #[track_caller]
    fn check_small(low: Package, high: Package, complaints: &[&str]) {
        let hub = package("local-hub", &["axum"], &["proptest"]);
        assert_eq!(check(&[low, high, hub], SMALL), complaints);
    }

    #[test]
    fn the_planned_arrows_are_fine() {
        check_small(
            package("low", &["url"], &["local-hub"]),
            package("high", &["low", "url"], &["local-hub"]),
            &[],
        );
    }

    #[test]
    fn any_other_is_not() {
        let high = || package("high", &["low"], &[]);
        check_small(package("low", &["high"], &[]), high(), &["low: must not depend on high"]);
        check_small(package("low", &["local-hub"], &[]), high(), &["low: must not depend on local-hub"]);
        check_small(
            package("low", &[], &["high"]),
            high(),
            &["low: must not depend on high, not even in its tests"],
        );
        check_small(
            package("low", &[], &[]),
            package("high", &[], &[]),
            &["high: is planned to depend on low, but does not"],
        );
    }

    #[test]
    fn packages_come_and_go_by_plan() {
        let complaints = check(&[package("low", &[], &[]), package("new", &[], &[])], SMALL);
        assert_eq!(
            complaints,
            [
                "the workspace lacks the package high",
                "the workspace lacks the package local-hub",
                "new: no such package is planned (xtask/src/tidy/arrows.rs)",
            ]
        );
    }
}
