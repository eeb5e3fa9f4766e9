//! Benchmarks and attacks: a program of its own (tests/bench), so that no other task needs what it needs.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

/// Given to the program as they are.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

/// Builds the program and lets it do `task`. Only a release build measures.
pub(crate) fn run(root: &Path, task: &str, arguments: &Arguments) -> Result<()> {
    let status = Command::new("cargo")
        .args(["run", "--release", "--locked", "--package", "bench", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .args(["--", task])
        .args(&arguments.arguments)
        .status()
        .context("running cargo; is it in the PATH?")?;
    ensure!(status.success(), "`cargo xtask {task}` failed ({status})");
    Ok(())
}
