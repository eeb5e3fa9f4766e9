//! The page that shows what the program prints.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Has the test that compares docs/screens.md with the program write it.
pub(crate) fn run(root: &Path) -> Result<()> {
    let status = Command::new("cargo")
        .args(["test", "--quiet", "--package", "mlc-weights", "--test", "cli", "--locked", "screens::"])
        .env("MLC_WEIGHTS_WRITE_SCREENS", "1")
        .current_dir(root)
        .status()
        .context("running cargo; is it in the PATH?")?;
    ensure!(status.success(), "the page was not written");
    Ok(())
}
