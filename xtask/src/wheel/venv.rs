//! Virtual environments of Python's, each for one purpose.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Where programs are in a virtual environment.
const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

/// A virtual environment, in a folder below `target`.
pub(super) struct Venv {
    programs: PathBuf,
}

impl Venv {
    /// Whether this machine can make one.
    pub(super) fn is_possible() -> bool {
        let probe = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
        probe.is_ok_and(|output| output.status.success())
    }

    /// The one in `folder`, which is made if it is not there.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let programs = folder.join(PROGRAMS);
        if !programs.join("pip").exists() && !programs.join("pip.exe").exists() {
            succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
        }
        Ok(Self { programs })
    }

    /// `pip install`; what is installed already needs no network.
    pub(super) fn install(&self, arguments: &[&OsStr]) -> Result<()> {
        succeed(
            self.command("pip").args(["install", "--quiet", "--disable-pip-version-check"]).args(arguments),
        )
    }

    /// A program of it, which finds the others by the `PATH`.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.env("PATH", self.path());
        command
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the search path of a program that is started, and no setting"
    )]
    fn path(&self) -> OsString {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.programs.clone()).chain(std::env::split_paths(&inherited));
        std::env::join_paths(folders).unwrap_or(inherited)
    }
}

/// Runs a command to its end, which must be a good one.
pub(super) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
