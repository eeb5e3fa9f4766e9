//! What the tasks know about the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use cargo_metadata::semver::Version;
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::command::said;

/// A package of the workspace, as its manifest declares it.
pub(crate) struct Package {
    /// The name of its folder and its library, under which other packages depend on it.
    pub(crate) name: String,
    /// Its name in the registry, which has a prefix if it is published.
    pub(crate) full_name: String,
    pub(crate) is_published: bool,
    /// Relative to the root, with `/`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency that a package declares for any platform.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether only tests, examples and benchmarks use it.
    pub(crate) dev: bool,
}

/// A package from a registry, and facts from its manifest.
pub(crate) struct Foreign {
    pub(crate) name: String,
    /// The oldest Rust version that can compile it.
    pub(crate) rust: Option<Version>,
}

/// A file that git tracks or would track.
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// Empty if it is not UTF-8.
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }
}

/// The folder of the workspace that this program was built from.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// All packages. Reads manifests only: no network, no lock file.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
    metadata.packages.iter().map(|package| read_package(root, package)).collect()
}

fn read_package(root: &Path, package: &cargo_metadata::Package) -> Result<Package> {
    let manifest = package.manifest_path.as_std_path();
    let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok());
    let folder = folder.with_context(|| format!("{} lies outside the workspace", package.manifest_path))?;
    let names: Vec<_> = folder.components().map(|name| name.as_os_str().to_string_lossy()).collect();
    Ok(Package {
        name: names.last().map(ToString::to_string).unwrap_or_default(),
        full_name: package.name.to_string(),
        is_published: package.publish.as_ref().is_none_or(|registries| !registries.is_empty()),
        folder: names.join("/"),
        dependencies: package.dependencies.iter().map(read_dependency).collect(),
    })
}

fn read_dependency(dependency: &cargo_metadata::Dependency) -> Dependency {
    let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
    Dependency { name: name.clone(), dev: dependency.kind == DependencyKind::Development }
}

/// This system's target triple.
pub(crate) fn host() -> Result<String> {
    let version = said(Command::new("rustc").arg("-vV"))?;
    let system = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(system.context("rustc names no host")?.to_owned())
}

/// Cargo's target folder.
pub(crate) fn target(root: &Path) -> Result<PathBuf> {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
    Ok(metadata.target_directory.into_std_path_buf())
}

/// The packages from registries that the programs, tests and tools for this system depend on. They were
/// already downloaded by a build, so this needs no network.
pub(crate) fn packages_from_elsewhere(root: &Path) -> Result<Vec<Foreign>> {
    let options = ["--offline".to_owned(), "--filter-platform".to_owned(), host()?];
    let metadata =
        MetadataCommand::new().manifest_path(root.join("Cargo.toml")).other_options(options).exec()?;
    let foreign = metadata.packages.into_iter().filter(|package| package.source.is_some());
    let read = |package: cargo_metadata::Package| Foreign {
        name: package.name.to_string(),
        rust: package.rust_version,
    };
    Ok(foreign.map(read).collect())
}

/// All files that git tracks, or would add with `git add .`.
pub(crate) fn files(root: &Path) -> Result<Vec<File>> {
    let paths = git_ls_files(root)?;
    let mut files = Vec::new();
    for path in paths.split('\0').filter(|path| !path.is_empty()) {
        // Otherwise it was deleted but is still in the index, or it is a folder with its own repository.
        if let Ok(bytes) = std::fs::read(root.join(path)) {
            let text = String::from_utf8(bytes).unwrap_or_default();
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

fn git_ls_files(root: &Path) -> Result<String> {
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        // Git hooks set these for another repository.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE");
    said(&mut git)
}
