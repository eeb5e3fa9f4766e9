//! The Python wheel, which contains the module and the command.

mod check;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use self::check::{check, prepare};
use crate::command::{cargo, succeed};
use crate::venv::Venv;
use crate::workspace;

/// The folder of the module's package, below the root.
const PACKAGE: &str = "crates/mlc-weights-py";

/// The oldest glibc that the wheel supports. zig links against it whatever this machine has. Rust's
/// standard library needs no older one.
const GLIBC: &str = "2.17";

/// The packages in the wheel, compiled together so that they share their dependencies.
const PACKAGES: [&str; 5] = ["--locked", "--package", "mlc-weights", "--package", "mlc-weights-py"];

/// Options for building the wheel.
#[derive(Args)]
pub(crate) struct WheelArguments {
    /// Without optimization and for this machine only, which is faster
    #[arg(long)]
    debug: bool,
    /// Also install it into a virtual environment, and run the module's tests with it
    #[arg(long)]
    check: bool,
}

/// Builds the wheel, and prints its path as the last line.
pub(crate) fn run(root: &Path, arguments: &WheelArguments) -> Result<()> {
    let wheel = build(root, if arguments.debug { Kind::Debug } else { Kind::Release })?;
    if arguments.check {
        check(root, &prepare(root)?, &wheel)?;
    }
    println!("{}", wheel.display());
    Ok(())
}

/// A wheel that was built as fast as possible, for this machine only, and the environment to test it in.
pub(crate) struct TestWheel {
    venv: Venv,
    wheel: PathBuf,
}

impl TestWheel {
    /// Builds it. Returns the reason if it cannot be tested.
    pub(crate) fn build(root: &Path) -> Result<Result<Self, &'static str>> {
        if !Venv::is_possible() {
            return Ok(Err("there is no Python 3 with `venv`"));
        }
        let (Ok(venv), Ok(_)) = (prepare(root), build_tools(root)) else {
            return Ok(Err("its tools cannot be installed from the Python package index"));
        };
        Ok(Ok(Self { venv, wheel: build(root, Kind::Debug)? }))
    }

    /// Runs the module's tests with it.
    pub(crate) fn check(&self, root: &Path) -> Result<()> {
        check(root, &self.venv, &self.wheel)
    }
}

/// The purpose of a wheel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// For tests on this machine.
    Debug,
    /// For distribution.
    Release,
}

fn build(root: &Path, kind: Kind) -> Result<PathBuf> {
    let tools = build_tools(root)?;
    let host = workspace::host()?;
    let (built, platform) = if kind == Kind::Release && host.ends_with("-linux-gnu") {
        println!("needs Python 3.9 or newer, and glibc {GLIBC} or newer");
        (compile_portably(root, &tools, &host)?, format!("manylinux_{}", GLIBC.replace('.', "_")))
    } else {
        (compile(root, kind)?, String::new())
    };
    // A debug wheel is large, and only used once.
    let compression = if kind == Kind::Debug { "stored" } else { "deflated" };
    pack(root, &tools, &built, &[&platform, compression])
}

/// The build tools, in their own environment.
fn build_tools(root: &Path) -> Result<Venv> {
    Venv::with(&root.join("target/wheel-tools"), &root.join(PACKAGE).join("requirements-build.txt"))
}

/// Compiles module and command for any Linux with that glibc. Returns their folder.
fn compile_portably(root: &Path, tools: &Venv, host: &str) -> Result<PathBuf> {
    let target = root.join("target/wheel");
    let mut cargo = tools.command("cargo-zigbuild");
    cargo.arg("zigbuild").args(PACKAGES).args(["--release", "--target", &format!("{host}.{GLIBC}")]);
    succeed(cargo.arg("--target-dir").arg(&target).current_dir(root))?;
    Ok(target.join(host).join("release"))
}

/// Compiles for this machine.
fn compile(root: &Path, kind: Kind) -> Result<PathBuf> {
    let mut cargo = cargo(root);
    cargo.arg("build").args(PACKAGES);
    if kind == Kind::Release {
        cargo.arg("--release");
    }
    succeed(&mut cargo)?;
    Ok(workspace::target(root)?.join(if kind == Kind::Release { "release" } else { "debug" }))
}

/// Lays out the files of the wheel, and packs them with the package `wheel`; `how` is its platform and
/// its compression.
fn pack(root: &Path, tools: &Venv, built: &Path, how: &[&str]) -> Result<PathBuf> {
    let out = root.join("target/wheels");
    let mut python = tools.command("python");
    python.arg(root.join("xtask/src/wheel/pack.py")).arg(root.join(PACKAGE)).arg(built).arg(&out).args(how);
    let output = python.stderr(Stdio::inherit()).output().with_context(|| format!("running {python:?}"))?;
    ensure!(output.status.success(), "{python:?} failed: {}", output.status);
    let printed = String::from_utf8(output.stdout)?;
    Ok(printed.lines().last().context("no wheel was named")?.into())
}
