//! The tools for building for other systems, and where they come from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::rust_source;
use crate::command::{said, succeed};
use crate::venv::Venv;

/// What compiles C and links.
#[derive(Clone, Copy)]
pub(super) enum C {
    System,
    Zig,
}

/// The installed tools.
pub(super) struct Tools {
    place: PathBuf,
    library: PathBuf,
}

impl Tools {
    /// Installs missing tools. Only programs that cannot be in a virtual environment are installed
    /// system-wide, by Debian's package manager.
    pub(super) fn bring(root: &Path) -> Result<Self> {
        let place = root.join("target/cross");
        std::fs::create_dir_all(&place)?;
        let library = rust_source::library(&place)?;
        let venv = place.join("tools");
        if !venv.join("bin/cargo-zigbuild").exists() {
            Venv::with(&venv, &root.join("xtask/src/cross/tools.txt"))?;
        }
        for (program, package) in
            [("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32"), ("/usr/lib/wine/wine64", "wine64")]
        {
            need(program, package)?;
        }
        Ok(Self { place, library })
    }

    /// The folder of the build and of the tools.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Runs cargo, with zig as the C compiler if needed. It also builds the standard library, since
    /// without rustup only the one for this system is installed.
    pub(super) fn cargo(&self, root: &Path, with: C) -> Command {
        let mut cargo = Command::new(match with {
            C::System => "cargo".into(),
            C::Zig => self.place.join("tools/bin/cargo-zigbuild"),
        });
        cargo
            .current_dir(root)
            .env("CARGO_ZIGBUILD_PYTHON_PATH", self.place.join("tools/bin/python"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", &self.library)
            .env("CARGO_TARGET_DIR", &self.place)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc");
        cargo.env("AWS_LC_SYS_PREBUILT_NASM", "1");
        cargo
    }

    /// The date and the versions of the tools.
    pub(super) fn versions(&self) -> Result<String> {
        let first = |program: &str, argument: &str| -> Result<String> {
            let text = said(Command::new(program).arg(argument))?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        };
        let zig = said(Command::new(self.place.join("tools/bin/python")).args(["-m", "ziglang", "version"]))?;
        let zigbuild = self.place.join("tools/bin/cargo-zigbuild");
        Ok([
            said(Command::new("date").args(["-u", "+%F"]))?.trim().to_owned(),
            first("rustc", "--version")?,
            format!("zig {}", zig.trim()),
            first(&zigbuild.to_string_lossy(), "--version")?,
            first("x86_64-w64-mingw32-gcc", "--version")?,
            first("/usr/lib/wine/wine64", "--version")?,
        ]
        .join("; "))
    }
}

/// Installs a Debian package unless its program exists.
fn need(program: &str, package: &str) -> Result<()> {
    if Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    println!("installing {package}");
    succeed(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends", package]);
    succeed(install.env("DEBIAN_FRONTEND", "noninteractive"))
        .with_context(|| format!("`{program}` is missing; install Debian's package {package} as root"))
}
