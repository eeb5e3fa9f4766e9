//! The source of the standard library, which has to be built for other systems.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command::{said, succeed};

/// Debian suites with sources of several Rust versions.
const SUITES: [&str; 2] = ["trixie-backports", "sid"];
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The source for exactly this compiler: rustup's, or that of Debian's package `rust-src`, unpacked in
/// `place` without installing it.
pub(super) fn library(place: &Path) -> Result<PathBuf> {
    let sysroot = said(Command::new("rustc").args(["--print", "sysroot"]))?;
    let by_rustup = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    let version = said(Command::new("rustc").arg("--version"))?;
    let version = version.split(' ').nth(1).context("rustc says no version")?;
    let by_debian = place.join(format!("rust-src/usr/src/rustc-{version}/library"));
    if let Some(library) = [&by_rustup, &by_debian].into_iter().find(|library| library.join("std").exists()) {
        return Ok(library.clone());
    }
    for suite in SUITES {
        if unpack(suite, version, place)? {
            return Ok(by_debian);
        }
    }
    bail!(
        "the standard library's source for Rust {version} is neither in this toolchain nor in Debian's {}; \
         run: rustup component add rust-src",
        SUITES.join(" or ")
    )
}

/// Unpacks the source for this version, and returns whether the suite has it.
fn unpack(suite: &str, version: &str, place: &Path) -> Result<bool> {
    let apt = Apt::of(suite, &place.join("apt"))?;
    let offered = said(apt.command("apt-cache").args(["madison", "rust-src"]))?;
    let mut versions = offered.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let Some(found) = versions.find(|found| found.starts_with(&format!("{version}+"))) else {
        return Ok(false);
    };
    println!("unpacking rust-src {found} of Debian's {suite}");
    succeed(apt.command("apt-get").args(["download", "-qq", &format!("rust-src={found}")]))?;
    let mut files = std::fs::read_dir(&apt.folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = files.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let package = package.context("apt-get has downloaded nothing")?;
    succeed(Command::new("dpkg").arg("-x").arg(&package).arg(place.join("rust-src")))?;
    std::fs::remove_dir_all(&apt.folder)?;
    Ok(true)
}

/// A Debian suite. Its package lists are kept separate from the system's, so that nothing else is ever
/// installed from it.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn of(suite: &str, folder: &Path) -> Result<Self> {
        for below in ["lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(folder.join(below))?;
        }
        let sites = ["indextargets", "--format", "$(REPO_URI)", "Origin: Debian"];
        let sites = said(Command::new("apt-get").args(sites))?;
        let site = sites.lines().find(|site| !site.contains("security"));
        let site = site.context("apt knows no site of Debian's; run: apt-get update")?;
        let source = format!("deb [signed-by={KEYS}] {site} {suite} main\n");
        std::fs::write(folder.join("source.list"), source)?;
        let apt = Self { folder: folder.to_path_buf() };
        succeed(apt.command("apt-get").args(["update", "-qq"]))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let folder = self.folder.display();
        let mut command = Command::new(program);
        for option in [
            format!("Dir::Etc::SourceList={folder}/source.list"),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            format!("Dir::State::Lists={folder}/lists"),
            format!("Dir::Cache={folder}/cache"),
            "APT::Sandbox::User=".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command.current_dir(&self.folder);
        command
    }
}
