//! The rules of the workspace that no compiler knows. Each check takes what it looks at as a value and
//! returns its complaints, so that its own tests can show that it does complain.

mod arrows;
mod circles;
mod licences;
mod lock;
mod manifests;
mod oldest_rust;
mod packages;
mod sources;
mod tracked;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::semver::Version;

use crate::{api, workspace};

/// Prints what is wrong; fails if anything is.
pub(crate) fn run(root: &Path) -> Result<()> {
    let complaints = complaints(root)?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    match complaints.len() {
        0 => Ok(()),
        1 => bail!("tidy has a complaint"),
        count => bail!("tidy has {count} complaints"),
    }
}

fn complaints(root: &Path) -> Result<Vec<String>> {
    let packages = workspace::packages(root)?;
    let files = workspace::files(root)?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).context("reading Cargo.lock")?;
    let architecture = root.join("docs/architecture.md");
    let architecture = std::fs::read_to_string(architecture).context("reading docs/architecture.md")?;
    let foreign = workspace::packages_from_elsewhere(root)?;
    let own = Version::parse(&format!("{}.0", env!("CARGO_PKG_RUST_VERSION")))?;
    Ok([
        arrows::check(&packages, arrows::PLAN),
        packages::check(&packages, &files, packages::PLAN),
        manifests::check(&packages, &files),
        licences::check(&foreign, &architecture),
        oldest_rust::check(&foreign, &own),
        lock::check(&lock, &workspace::compiled(root)?),
        lock::check_buckets(&workspace::for_buckets(root)?).into_iter().collect(),
        sources::check(&files),
        circles::check(&files),
        tracked::check(&files, &tracked::machine_paths(root)),
        api::check(&files)?,
    ]
    .concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_tidy() {
        let complaints = complaints(&workspace::root()).unwrap();
        assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    }
}
