//! Checks the rules of the workspace that the compiler does not check. Each check takes its input as a
//! value and returns its complaints, so that its tests can show that it complains.

mod arrows;
mod circles;
mod dependencies;
mod manifests;
mod owners;
mod sources;
mod tracked;

use std::path::Path;

use anyhow::{Result, bail};
use cargo_metadata::semver::Version;

use crate::{api, workspace};

/// Prints all complaints, and fails if there are any.
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
    let foreign = workspace::packages_from_elsewhere(root)?;
    let own = Version::parse(&format!("{}.0", env!("CARGO_PKG_RUST_VERSION")))?;
    Ok([
        arrows::check(&packages, arrows::PLAN),
        dependencies::check_used(&packages, &files),
        dependencies::check_rust(&foreign, &own),
        manifests::check(&packages, &files),
        owners::check(&files),
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
