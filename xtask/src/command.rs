//! Runs other programs, which must succeed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// cargo, for the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root);
    cargo
}

/// Runs a command whose output is for the user.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(())
}

/// Runs a command and returns its output.
pub(crate) fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let problem = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed ({}): {}", output.status, problem.trim());
    String::from_utf8(output.stdout).with_context(|| format!("what {command:?} prints is not UTF-8"))
}
