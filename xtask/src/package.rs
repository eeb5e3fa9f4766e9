//! Whether every crate could be published, without publishing any.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Packs each crate that is for others, builds it from its package, and stops before it would be sent. What is not
/// committed is taken, too: nothing leaves this machine. Asks the registry for the crates that these need.
pub(crate) fn run(root: &Path) -> Result<()> {
    let status = Command::new("cargo")
        .args(["publish", "--dry-run", "--workspace", "--locked", "--allow-dirty"])
        // Each package is built where it is unpacked, with all that it needs, unless they are told to share.
        .env("CARGO_TARGET_DIR", root.join("target"))
        .current_dir(root)
        .status()
        .context("running cargo; is it in the PATH?")?;
    ensure!(status.success(), "a crate could not be published");
    let packed = root.join("target/package");
    std::fs::remove_dir_all(&packed).with_context(|| format!("removing {}", packed.display()))
}
