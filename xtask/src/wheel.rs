//! The Python wheel, with the module and the command in it.

mod check;
mod venv;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use self::check::{check, prepare};
use self::venv::{Venv, succeed};
use crate::workspace;

/// The folder of the module's package, below the root.
const PACKAGE: &str = "crates/mlc-weights-py";

/// What the wheel is built with; installed for this alone.
const TOOLS: &str = "requirements-build.txt";

/// The oldest glibc that the wheel runs with: zig links for it, whatever this machine has. Rust's standard library
/// needs no older one.
const GLIBC: &str = "2.17";

/// Where cargo builds for that glibc, apart from what it builds for this machine.
const PORTABLE: &str = "target/wheel";

/// How the wheel is built.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Without optimization and for this machine alone, which is quicker
    #[arg(long)]
    debug: bool,
    /// Then install it into a virtual environment, and run the module's tests with it
    #[arg(long)]
    check: bool,
}

/// Builds the wheel, and prints its path as the last line.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let wheel = build(root, if arguments.debug { Kind::Debug } else { Kind::Release })?;
    if arguments.check {
        check(root, &prepare(root)?, &wheel)?;
    }
    println!("{}", wheel.display());
    Ok(())
}

/// Builds the wheel as quickly as can be, and runs the module's tests with it. Answers with the reason where they cannot
/// be run.
pub(crate) fn check_here(root: &Path) -> Result<Option<&'static str>> {
    if !Venv::is_possible() {
        return Ok(Some("there is no Python 3 with `venv`"));
    }
    let (Ok(venv), Ok(_)) = (prepare(root), build_tools(root)) else {
        return Ok(Some("its tools cannot be installed from the Python package index"));
    };
    check(root, &venv, &build(root, Kind::Debug)?)?;
    Ok(None)
}

/// What for a wheel is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// For tests on this machine.
    Debug,
    /// To be handed out.
    Release,
}

fn build(root: &Path, kind: Kind) -> Result<PathBuf> {
    let package = root.join(PACKAGE);
    let tools = build_tools(root)?;
    let host = workspace::host()?;
    // Only there does it decide where the wheel runs.
    let is_portable = kind == Kind::Release && host.ends_with("-linux-gnu");
    let command = if is_portable { portable_command(root, &tools, &host)? } else { plain_command(root, kind)? };
    lay_out(root, &command)?;

    let out = root.join("target/wheels").join(if kind == Kind::Debug { "debug" } else { "release" });
    // What is in it afterwards is the wheel.
    if out.exists() {
        std::fs::remove_dir_all(&out).with_context(|| format!("removing {}", out.display()))?;
    }
    let mut maturin = tools.command("maturin");
    maturin.args(["build", "--locked", "--strip", "--out"]).arg(&out).current_dir(&package);
    match kind {
        Kind::Debug => maturin.args(["--profile", "dev", "--compatibility", "linux"]),
        Kind::Release => maturin.arg("--release"),
    };
    if is_portable {
        let tag = format!("manylinux_{}", GLIBC.replace('.', "_"));
        maturin.args(["--zig", "--target", &host, "--compatibility", &tag]);
        maturin.arg("--target-dir").arg(root.join(PORTABLE));
    }
    succeed(&mut maturin)?;
    if is_portable {
        println!("needs Python 3.9 or newer and glibc {GLIBC} or newer");
    }
    only_file(&out)
}

fn build_tools(root: &Path) -> Result<Venv> {
    let tools = Venv::create(&root.join("target/wheel-tools"))?;
    tools.install(&["--requirement".as_ref(), root.join(PACKAGE).join(TOOLS).as_os_str()])?;
    Ok(tools)
}

/// The command for any Linux with that glibc.
fn portable_command(root: &Path, tools: &Venv, host: &str) -> Result<PathBuf> {
    let mut zigbuild = tools.command("cargo-zigbuild");
    zigbuild.args(["zigbuild", "--release", "--locked", "--package", "mlc-weights", "--target"]);
    zigbuild.arg(format!("{host}.{GLIBC}")).arg("--target-dir").arg(root.join(PORTABLE)).current_dir(root);
    succeed(&mut zigbuild)?;
    Ok(root.join(PORTABLE).join(host).join("release/mlc-weights"))
}

/// The command for this machine.
fn plain_command(root: &Path, kind: Kind) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", "mlc-weights"]).current_dir(root);
    if kind == Kind::Release {
        cargo.arg("--release");
    }
    succeed(&mut cargo)?;
    let profile = if kind == Kind::Release { "release" } else { "debug" };
    Ok(workspace::target(root)?.join(profile).join(format!("mlc-weights{}", std::env::consts::EXE_SUFFIX)))
}

/// Lays the command where maturin takes it from: `data` in pyproject.toml.
fn lay_out(root: &Path, command: &Path) -> Result<()> {
    let scripts = root.join("target/wheel-data/scripts");
    std::fs::create_dir_all(&scripts).with_context(|| format!("creating {}", scripts.display()))?;
    let name = command.file_name().context("the command has no name")?;
    std::fs::copy(command, scripts.join(name)).with_context(|| format!("copying {}", command.display()))?;
    Ok(())
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut entries = std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let entry = entries.next().with_context(|| format!("{} is empty", folder.display()))??;
    Ok(entry.path())
}
