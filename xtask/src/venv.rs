//! Virtual environments of Python's, each for one purpose.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::succeed;

/// Where programs are in a virtual environment.
const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

/// A virtual environment, in a folder below `target`.
pub(crate) struct Venv {
    programs: PathBuf,
}

impl Venv {
    /// Whether this machine can make one.
    pub(crate) fn is_possible() -> bool {
        let probe = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
        probe.is_ok_and(|output| output.status.success())
    }

    /// The one in `folder`, which is made if it is not there, with what a file of requirements lists.
    pub(crate) fn with(folder: &Path, requirements: &Path) -> Result<Self> {
        let programs = folder.join(PROGRAMS);
        if !programs.join("pip").exists() && !programs.join("pip.exe").exists() {
            succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
        }
        let venv = Self { programs };
        venv.install(&["--requirement".as_ref(), requirements.as_os_str()])?;
        Ok(venv)
    }

    /// `pip install`; what is installed already needs no network.
    pub(crate) fn install(&self, arguments: &[&OsStr]) -> Result<()> {
        succeed(
            self.command("pip").args(["install", "--quiet", "--disable-pip-version-check"]).args(arguments),
        )
    }

    /// A program of it, which finds the others by the `PATH`.
    pub(crate) fn command(&self, program: &str) -> Command {
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
