//! Python's virtual environments, each for one purpose.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::succeed;

/// The folder of programs in a virtual environment.
const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

/// A virtual environment, in a folder below `target`.
pub(crate) struct Venv {
    programs: PathBuf,
}

impl Venv {
    /// Whether this machine can create one.
    pub(crate) fn is_possible() -> bool {
        let probe = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
        probe.is_ok_and(|output| output.status.success())
    }

    /// The one in `folder`, created if necessary, with the packages in a requirements file.
    pub(crate) fn with(folder: &Path, requirements: &Path) -> Result<Self> {
        let programs = folder.join(PROGRAMS);
        if !programs.join("pip").exists() && !programs.join("pip.exe").exists() {
            succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
        }
        let venv = Self { programs };
        venv.install(&["--requirement".as_ref(), requirements.as_os_str()])?;
        Ok(venv)
    }

    /// Runs `pip install`, which needs no network if everything is installed.
    pub(crate) fn install(&self, arguments: &[&OsStr]) -> Result<()> {
        succeed(
            self.command("pip").args(["install", "--quiet", "--disable-pip-version-check"]).args(arguments),
        )
    }

    /// A program in the environment, which finds the others on its `PATH`.
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
