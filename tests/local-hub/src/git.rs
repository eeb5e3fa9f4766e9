//! The git program, isolated from the settings of the user who runs the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;

/// The author and dates: always the same, so that commits have the same ids in every run.
const IDENTITY: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "Local Hub"),
    ("GIT_AUTHOR_EMAIL", "hub@example.invalid"),
    ("GIT_AUTHOR_DATE", "1758000000 +0000"),
    ("GIT_COMMITTER_NAME", "Local Hub"),
    ("GIT_COMMITTER_EMAIL", "hub@example.invalid"),
    ("GIT_COMMITTER_DATE", "1758000000 +0000"),
];

/// The installed git, run without system, global or user configuration and with a separate home folder.
///
/// The local hub makes and serves its repositories with it; tests may use it as a reference client.
#[derive(Clone, Debug)]
pub struct Git {
    exec_path: PathBuf,
    home: PathBuf,
}

impl Git {
    /// Finds git on the `PATH`. `home` replaces the user's home folder.
    ///
    /// # Errors
    ///
    /// If git is missing, or comes without `git http-backend`.
    pub fn isolated(home: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self { exec_path: exec_path()?, home: home.into() })
    }

    /// `git` with an isolated environment; the caller adds the arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.exec_path.join(if cfg!(windows) { "git.exe" } else { "git" }));
        if cfg!(unix) {
            // On other systems programs need some variables to start at all.
            command.env_clear().env("PATH", &self.exec_path);
        }
        command
            .env("HOME", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", if cfg!(windows) { "NUL" } else { "/dev/null" })
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("LC_ALL", "C")
            .envs(IDENTITY)
            .stdin(Stdio::null());
        command
    }

    /// Runs git in `folder` with `input` on its stdin; returns its stdout.
    ///
    /// # Errors
    ///
    /// If it could not be started or did not succeed; the error contains git's messages.
    pub fn run(&self, folder: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        self.run_with(folder, arguments, |stdin| Ok(stdin.write_all(input)?))
    }

    /// [`Git::run`] for input that is not in memory.
    pub(crate) fn run_with(
        &self,
        folder: &Path,
        arguments: &[&str],
        write_input: impl FnOnce(&mut dyn std::io::Write) -> Result<()>,
    ) -> Result<Vec<u8>> {
        let said = || format!("git {} in {}", arguments.join(" "), folder.display());
        let mut command = self.command();
        command.current_dir(folder).args(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(said)?;
        // A git that ends early closes the pipe; its own messages, read below, say why.
        let written = match child.stdin.take() {
            Some(mut stdin) => write_input(&mut stdin),
            None => Ok(()),
        };
        let output = child.wait_with_output().with_context(said)?;
        ensure!(
            output.status.success(),
            "{}: {}: {}",
            said(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        written.with_context(said)?;
        Ok(output.stdout)
    }
}

/// The folder of git's programs; determined once per process.
fn exec_path() -> Result<PathBuf> {
    static KNOWN: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut known = KNOWN.lock();
    if let Some(path) = &*known {
        return Ok(path.clone());
    }
    let path = ask_exec_path()?;
    *known = Some(path.clone());
    Ok(path)
}

fn ask_exec_path() -> Result<PathBuf> {
    let output = Command::new("git")
        .arg("--exec-path")
        .env_remove("GIT_EXEC_PATH")
        .output()
        .context("the local hub needs git on the PATH")?;
    ensure!(output.status.success(), "git --exec-path: {}", output.status);
    let path = String::from_utf8(output.stdout).context("git --exec-path does not print UTF-8")?;
    let path = PathBuf::from(path.trim_end());
    let backend = if cfg!(windows) { "git-http-backend.exe" } else { "git-http-backend" };
    ensure!(
        path.join(backend).is_file(),
        "the local hub needs `git http-backend`, which is not in {}; some systems have it in a package of its own",
        path.display()
    );
    Ok(path)
}
