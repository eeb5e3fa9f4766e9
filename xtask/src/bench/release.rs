//! Release builds of what is measured, and of what measures.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::workspace;

/// Builds the release build of this program and lets it do what this one was asked for.
pub(super) fn run_again(root: &Path) -> Result<()> {
    build(root, "xtask")?;
    let program = folder(root)?.join(format!("xtask{}", std::env::consts::EXE_SUFFIX));
    let status = Command::new(&program)
        .args(std::env::args_os().skip(1))
        .status()
        .with_context(|| format!("running {}", program.display()))?;
    ensure!(status.success(), "the release build of this task failed ({status})");
    Ok(())
}

/// Builds `mlc-weights` and says where it is.
pub(crate) fn program(root: &Path) -> Result<PathBuf> {
    build(root, "mlc-weights")?;
    Ok(folder(root)?.join(format!("mlc-weights{}", std::env::consts::EXE_SUFFIX)))
}

fn build(root: &Path, package: &str) -> Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", package])
        .current_dir(root)
        .status()
        .context("running cargo; is it in the PATH?")?;
    ensure!(status.success(), "building {package} failed");
    Ok(())
}

fn folder(root: &Path) -> Result<PathBuf> {
    Ok(workspace::target(root)?.join("release"))
}
