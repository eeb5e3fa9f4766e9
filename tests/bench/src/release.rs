//! The release build of what is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Builds `mlc-weights` and says where it is: beside the folder of this program, which cargo has built too.
pub(super) fn program(root: &Path) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", "mlc-weights"])
        .current_dir(root)
        .status()
        .context("running cargo; is it in the PATH?")?;
    ensure!(status.success(), "building mlc-weights failed");
    let own = std::env::current_exe().context("looking for this program")?;
    let target = own.ancestors().nth(2).context("this program is in no folder of cargo's")?;
    Ok(target.join("release").join(format!("mlc-weights{}", std::env::consts::EXE_SUFFIX)))
}
