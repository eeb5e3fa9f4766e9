//! The systems, and the steps for each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::MetadataCommand;

use super::tools::{C, Tools};
use super::{empty_root, wine, wine_tests};
use crate::command::{said, succeed};

/// A target, and its steps in order; each returns its result.
pub(super) struct Target {
    pub(super) triple: &'static str,
    pub(super) steps: &'static [(&'static str, Play)],
}

type Play = fn(&Path, &Tools, &Target) -> Result<String>;

pub(super) const ALL: [Target; 5] = [
    Target { triple: "aarch64-apple-darwin", steps: &[("type-check", check)] },
    Target { triple: "x86_64-pc-windows-msvc", steps: &[("type-check", check)] },
    Target { triple: "aarch64-unknown-linux-gnu", steps: &[("type-check", check)] },
    Target {
        triple: "x86_64-unknown-linux-musl",
        steps: &[("build", build_musl), ("run in an empty root", empty_root::run)],
    },
    Target {
        triple: "x86_64-pc-windows-gnu",
        steps: &[
            ("build", build_windows),
            ("main job in Wine", wine::main_job),
            ("unit tests in Wine", wine_tests::unit),
            ("end-to-end tests in Wine", wine_tests::end_to_end),
        ],
    },
];

pub(super) const STD: &str = "-Zbuild-std=std,panic_abort,test,proc_macro";

/// Packages whose build scripts run a C compiler. Type checks do not need one, and not every system has
/// one.
const C_PACKAGES: [&str; 3] = ["aws-lc-sys", "libgit2-sys", "libz-sys"];

impl Target {
    /// The program built last.
    pub(super) fn program(&self, tools: &Tools) -> PathBuf {
        let suffix = if self.triple.contains("windows") { ".exe" } else { "" };
        tools.place().join(self.triple).join(format!("debug/mlc-weights{suffix}"))
    }
}

/// Type-checks everything, including tests.
fn check(root: &Path, tools: &Tools, target: &Target) -> Result<String> {
    let without_c = tools.place().join("without-c.toml");
    std::fs::write(&without_c, configuration(root, target.triple)?)?;
    let mut cargo = tools.cargo(root, C::System);
    cargo.args(["check", STD, "--workspace", "--all-targets", "--locked", "--target", target.triple]);
    // Code used only by tests and benchmarks of other systems is unused here.
    let flags = "-D warnings -A dead-code -A unused-imports";
    succeed(cargo.arg("--config").arg(&without_c).env("RUSTFLAGS", flags))?;
    Ok("the workspace with its tests: no error, no warning but of what only other systems use".to_owned())
}

/// The results of the build scripts that would compile C.
fn configuration(root: &Path, triple: &str) -> Result<String> {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).exec()?;
    let mut text = String::new();
    for package in metadata.packages.iter().filter(|package| C_PACKAGES.contains(&package.name.as_str())) {
        let links = package.links.as_deref().context("a package that links nothing")?;
        writeln!(text, "[target.{triple}.{links}]\ninclude = \"\"")?;
        // aws-lc-sys uses this to choose its bindings.
        writeln!(text, "rustc-cfg = [\"{}\"]", triple.replace('-', "_"))?;
    }
    Ok(text)
}

fn build_musl(root: &Path, tools: &Tools, target: &Target) -> Result<String> {
    let mut cargo = tools.cargo(root, C::Zig);
    cargo.args(["rustc", STD, "--package", "mlc-weights", "--locked", "--target", target.triple]);
    // zig provides the startup code of the C library; rustup's is not installed.
    succeed(cargo.args(["--", "-C", "link-self-contained=no"]))?;
    let program = target.program(tools);
    let sections = said(Command::new("readelf").args(["--dynamic", "--program-headers"]).arg(&program))?;
    for word in ["(NEEDED)", "INTERP"] {
        ensure!(!sections.contains(word), "the program is not static: it has {word}");
    }
    Ok(format!("static, {}; no interpreter, no library", size(&program)?))
}

fn build_windows(root: &Path, tools: &Tools, target: &Target) -> Result<String> {
    let mut cargo = tools.cargo(root, C::System);
    cargo.args(["build", STD, "--package", "mlc-weights", "--locked", "--target", target.triple]);
    succeed(&mut cargo)?;
    let program = target.program(tools);
    let headers = said(Command::new("x86_64-w64-mingw32-objdump").arg("-p").arg(&program))?;
    let libraries = headers.lines().filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    let libraries: Vec<String> = libraries.map(str::to_ascii_lowercase).collect();
    let foreign = ["git2", "ssl", "crypto.", "zlib", "z.dll", "gcc", "pthread", "stdc++"];
    let foreign = libraries.iter().find(|name| foreign.iter().any(|word| name.contains(word)));
    ensure!(foreign.is_none(), "the program needs {foreign:?}, which Windows does not have");
    Ok(format!("{}; needs {}", size(&program)?, libraries.join(", ")))
}

fn size(program: &Path) -> Result<String> {
    Ok(indicatif::DecimalBytes(std::fs::metadata(program)?.len()).to_string())
}
