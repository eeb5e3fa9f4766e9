//! Which package from elsewhere is used where.

use crate::workspace::{Dependency, File, Package};

/// A package from elsewhere: where it is used, and where else it may be.
pub(super) struct Rule {
    name: &'static str,
    used_in: &'static [&'static str],
    allowed_in: &'static [&'static str],
}

const fn rule(
    name: &'static str,
    used_in: &'static [&'static str],
    allowed_in: &'static [&'static str],
) -> Rule {
    Rule { name, used_in, allowed_in }
}

/// Why each is here: docs/architecture.md. What only tests use may be used in the tests of every package.
pub(super) const PLAN: &[Rule] = &[
    // Names and URLs.
    rule("base64", &["hf-transport", "url-parse", "weight-store"], &[]),
    rule("percent-encoding", &["cache-layout", "url-parse", "weight-store"], &["bench", "e2e", "local-hub"]),
    rule("url", &["net", "url-parse"], &["facade", "hf-transport", "shard-fetch"]),
    // Behaviour towards servers.
    rule("fastrand", &["facade", "net", "weight-store"], &[]),
    rule("httpdate", &["hf-transport", "net", "weight-store"], &["bench", "e2e", "local-hub"]),
    // HTTP and git.
    rule("aws-lc-rs", &["weight-store"], &[]),
    rule("bytes", &[], &["hf-transport", "net", "shard-fetch", "bench", "e2e", "local-hub", "weight-store"]),
    rule("flate2", &["hf-transport", "net"], &["bench", "e2e", "local-hub"]),
    rule("git2", &["hf-transport"], &["fuzz"]),
    rule("http-body", &["net", "weight-store"], &["bench", "e2e", "local-hub"]),
    rule("hyper-util", &["net"], &[]),
    rule("ipnet", &["net"], &[]),
    rule("libz-sys", &["hf-transport"], &[]),
    rule("object_store", &["weight-store"], &[]),
    rule("quick-xml", &["weight-store"], &[]),
    // Its types alone outside `net`, which builds the one client: sources.rs.
    rule("reqwest", &["hf-transport", "net", "shard-fetch", "weight-store"], &["fuzz"]),
    rule("rustls", &["net"], &[]),
    // Files, digests, formats.
    rule("md-5", &["shard-fetch"], &["bench", "e2e", "local-hub"]),
    rule("md5-many", &["shard-fetch"], &[]),
    rule(
        "rustix",
        &["cache-layout", "hf-transport", "shard-fetch", "weight-store"],
        &["bench", "e2e", "local-hub"],
    ),
    rule(
        "serde",
        &["cache-layout", "facade", "hf-transport", "net", "shard-fetch", "weight-store"],
        &["mlc-weights", "bench", "e2e", "local-hub", "xtask"],
    ),
    rule(
        "serde_json",
        &["cache-layout", "hf-transport", "mlc-weights", "net", "shard-fetch", "weight-store"],
        &["facade", "fuzz", "bench", "e2e", "local-hub", "xtask"],
    ),
    rule("sha1", &["hf-transport"], &["bench", "e2e", "local-hub"]),
    rule("sha2", &["cache-layout", "shard-fetch", "weight-store"], &["bench", "e2e", "local-hub", "xtask"]),
    rule("tempfile", &["hf-transport"], &["fuzz", "bench", "e2e", "local-hub", "xtask"]),
    rule("winapi-util", &["cache-layout"], &[]),
    // The shape of the code.
    rule(
        "parking_lot",
        &[
            "cache-layout",
            "facade",
            "hf-transport",
            "mlc-weights",
            "mlc-weights-py",
            "net",
            "shard-fetch",
            "weight-store",
        ],
        &[],
    ),
    rule("async-trait", &["hf-transport", "shard-fetch", "weight-store"], &["e2e", "facade"]),
    rule(
        "thiserror",
        &["cache-layout", "facade", "hf-transport", "net", "shard-fetch", "url-parse", "weight-store"],
        &[],
    ),
    rule(
        "tokio",
        &["facade", "hf-transport", "net", "shard-fetch", "weight-store"],
        &["mlc-weights", "mlc-weights-py", "bench", "e2e", "local-hub", "xtask"],
    ),
    rule(
        "tracing",
        &["facade"],
        &["cache-layout", "hf-transport", "mlc-weights", "net", "shard-fetch", "weight-store"],
    ),
    // The Python module.
    rule("pyo3", &["mlc-weights-py"], &[]),
    // The command line, the local hub, the tasks.
    rule("anyhow", &[], &["bench", "e2e", "local-hub", "xtask"]),
    rule("axum", &["local-hub"], &[]),
    rule("cargo_metadata", &["xtask"], &[]),
    rule("clap", &["bench", "mlc-weights", "xtask"], &[]),
    rule("clap_complete", &["mlc-weights"], &[]),
    rule("clap_mangen", &["mlc-weights"], &[]),
    rule("console", &["mlc-weights"], &[]),
    rule("humantime", &["facade", "hf-transport", "mlc-weights"], &[]),
    rule("indicatif", &["xtask"], &[]),
    rule("libc", &["local-hub"], &[]),
    rule("libfuzzer-sys", &["fuzz"], &[]),
    rule("plotters", &["bench"], &[]),
    rule("proc-macro2", &["xtask"], &[]),
    rule("quote", &["xtask"], &[]),
    rule("rcgen", &["local-hub"], &[]),
    rule("tokio-rustls", &["local-hub"], &[]),
    rule("syn", &["xtask"], &[]),
    rule("strsim", &["mlc-weights"], &[]),
    rule("tracing-subscriber", &["mlc-weights"], &[]),
    // Tests only.
    rule("assert_cmd", &[], &[]),
    rule("boon", &[], &[]),
    rule("fearless_simd", &[], &[]),
    rule("insta", &[], &[]),
    rule("proptest", &[], &["e2e"]),
    rule("regex", &[], &[]),
    rule("vt100", &[], &[]),
];

pub(super) fn check(packages: &[Package], files: &[File], plan: &[Rule]) -> Vec<String> {
    let declared = packages.iter().flat_map(|package| check_declared(package, packages, files, plan));
    declared.chain(plan.iter().flat_map(|rule| check_used(rule, packages))).collect()
}

/// Each dependency is planned where it is, and the code mentions it.
fn check_declared(package: &Package, packages: &[Package], files: &[File], plan: &[Rule]) -> Vec<String> {
    let name = &package.name;
    let mut complaints = Vec::new();
    for dependency in &package.dependencies {
        let other = &dependency.name;
        if packages.iter().all(|package| package.name != *other) && !is_planned(plan, package, dependency) {
            complaints.push(format!("{name}: {other} is not planned there (xtask/src/tidy/packages.rs)"));
        }
        if !is_mentioned(package, dependency, files) {
            complaints.push(format!("{name}: declares {other}, but does not use it"));
        }
    }
    complaints
}

fn is_planned(plan: &[Rule], package: &Package, dependency: &Dependency) -> bool {
    let Some(rule) = plan.iter().find(|rule| rule.name == dependency.name) else { return false };
    let name = package.name.as_str();
    dependency.dev || rule.used_in.contains(&name) || rule.allowed_in.contains(&name)
}

/// A rule that nothing follows any more is out of date.
fn check_used(rule: &Rule, packages: &[Package]) -> Vec<String> {
    let depends = |package: &Package, dev: bool| {
        package.dependencies.iter().any(|dependency| dependency.name == rule.name && dependency.dev == dev)
    };
    if !packages.iter().any(|package| depends(package, false) || depends(package, true)) {
        return vec![format!("{} is planned, but used nowhere", rule.name)];
    }
    let used =
        |name: &&&str| packages.iter().any(|package| package.name == **name && depends(package, false));
    let unused = rule.used_in.iter().filter(|name| !used(name));
    unused.map(|name| format!("{name}: is planned to use {}, but does not", rule.name)).collect()
}

/// What is beside the code of a package.
const BESIDE: [&str; 3] = ["benches/", "examples/", "tests/"];

/// Whether the code has the crate's name as a word. Tests and examples may use what the library uses, but what the
/// library declares, the library must use.
fn is_mentioned(package: &Package, dependency: &Dependency, files: &[File]) -> bool {
    let word = crate_name(&dependency.name);
    let folder = format!("{}/", package.folder);
    files
        .iter()
        .filter(|file| file.is_rust())
        .filter_map(|file| Some((file.path.strip_prefix(&folder)?, file)))
        .filter(|(path, _)| dependency.dev || !BESIDE.iter().any(|folder| path.starts_with(folder)))
        .any(|(_, file)| file.text.lines().any(|line| has_word(line, &word)))
}

fn crate_name(package: &str) -> String {
    match package {
        "md-5" => "md5".to_owned(),
        other => other.replace('-', "_"),
    }
}

/// Comments other than examples do not count.
fn has_word(line: &str, word: &str) -> bool {
    let line = line.trim_start();
    let code = !line.starts_with("//") || line.contains("use ") || line.contains("::");
    code && line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|part| part == word)
}

#[cfg(test)]
mod tests;
