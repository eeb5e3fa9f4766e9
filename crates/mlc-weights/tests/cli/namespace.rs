//! A test's own file systems, visible only to its own processes. They can be mounted by root, or by anyone
//! who may be root in a user namespace.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::world::Cli;

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// A user namespace first: root in a container may not mount without one.
const KINDS: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount"], &["--mount"]];

/// A mount namespace, kept alive by a waiting shell. Dropping it removes everything that was mounted in it.
pub(crate) struct Namespace {
    shell: Child,
    has_user: bool,
}

impl Namespace {
    /// Runs shell commands, which mount file systems, in `folder`. Returns `None`, and says so, if this
    /// user may not mount.
    #[expect(clippy::print_stderr, reason = "says what is not checked, and why")]
    pub(crate) fn with(folder: &Path, mount: &str) -> Option<Self> {
        let mut reasons = Vec::new();
        for kind in KINDS {
            match Self::of_kind(kind, folder, mount) {
                Ok(namespace) => return Some(namespace),
                Err(reason) => reasons.push(reason),
            }
        }
        eprintln!("skipped: this user may not mount: {}", reasons.join("; "));
        None
    }

    fn of_kind(kind: &[&str], folder: &Path, mount: &str) -> Result<Self, String> {
        let script = format!("set -e; {mount}; echo mounted; read end");
        let mut shell = Command::new("unshare")
            .args(kind)
            .args(["sh", "-c", &script])
            .env_clear()
            .env("PATH", PATH)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line == "mounted\n" {
            return Ok(Self { shell, has_user: kind.len() > 1 });
        }
        let mut reason = String::new();
        shell.stderr.take().unwrap().read_to_string(&mut reason).unwrap();
        shell.wait().unwrap();
        Err(reason.trim().to_owned())
    }

    /// The same program, to be run in the namespace.
    pub(crate) fn enter(&self, cli: &Cli) -> Cli {
        let mut command = self.command(cli.command.get_program());
        command.args(cli.command.get_args()).stdin(Stdio::null());
        for (name, value) in cli.command.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        Cli { command }
    }

    /// A command in the namespace, with an empty environment.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.shell.id().to_string(), "--mount", "--preserve-credentials"]);
        if self.has_user {
            command.arg("--user");
        }
        command.arg("--").arg(program).env_clear().env("PATH", PATH);
        command
    }

    /// The path from outside to a path in the namespace.
    pub(crate) fn outside(&self, inside: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.shell.id()));
        root.join(inside.strip_prefix("/").unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The shell exits at the end of its input.
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
