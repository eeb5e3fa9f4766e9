//! Servers that other people wrote, from the Python package index: what a test shows with one of them does not rest on a
//! stand-in.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::LocalHub;

/// The virtual environment with the servers of tests/servers.txt; `cargo xtask ci --servers` makes it and sets this.
const SERVERS: &str = "MLC_WEIGHTS_TEST_SERVERS";
/// Far longer than any of them takes to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// As Flask and uvicorn say where they listen.
const LISTENING: &str = "unning on http://";

/// A server on a free port of loopback, until it is dropped.
#[derive(Debug)]
pub struct PythonServer {
    child: Child,
    endpoint: String,
}

impl PythonServer {
    /// The virtual environment with the servers. `None`, said in a line, where there is none: a test then checks
    /// nothing.
    #[expect(clippy::print_stdout, reason = "says what is not checked, and why")]
    pub fn installed() -> Option<PathBuf> {
        #[expect(clippy::disallowed_methods, reason = "set by `cargo xtask ci --servers`")]
        let servers = std::env::var_os(SERVERS);
        if servers.is_none() {
            println!("skipped: {SERVERS} names no virtual environment with the servers of tests/servers.txt");
        }
        servers.map(PathBuf::from)
    }

    /// [Olah](https://pypi.org/project/olah/), a mirror that serves the API and `/resolve/` and no git, in front of
    /// `hub`. It keeps its cache in `folder`. `None` where it is not installed.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn olah(hub: &LocalHub, folder: &Path) -> Option<Self> {
        let netloc = |origin: &str| origin.trim_start_matches("http://").to_owned();
        let mut olah = Command::new(Self::installed()?.join("bin/olah-cli"));
        olah.args(["--host", "127.0.0.1", "--port", "0", "--hf-scheme", "http"])
            .args(["--hf-netloc", &netloc(&hub.endpoint())])
            .args(["--hf-lfs-netloc", &netloc(&hub.data_origin())])
            .arg("--repos-path")
            .arg(folder.join("repos"));
        Some(Self::start(olah, folder).unwrap_or_else(|error| panic!("Olah: {error:#}")))
    }

    /// [giftless](https://pypi.org/project/giftless/), an LFS server. It has the objects that are in
    /// `folder/lfs-storage/USER/REPO`, each in a file that is named by its SHA-256. `None` where it is not installed.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn giftless(folder: &Path) -> Option<Self> {
        let mut giftless = Command::new(Self::installed()?.join("bin/python"));
        giftless.args(["-m", "flask", "--app", "giftless.wsgi_entrypoint", "run"]);
        giftless.args(["--host", "127.0.0.1", "--port", "0"]);
        Some(Self::start(giftless, folder).unwrap_or_else(|error| panic!("giftless: {error:#}")))
    }

    /// Starts a server that takes a port of its own and says which, as Flask and uvicorn do. Its working folder and home
    /// are `folder`, which is created. It sees nothing of the user's environment.
    ///
    /// # Errors
    ///
    /// It could not be started, or ended, or did not say where it listens; the message has its words.
    pub fn start(mut command: Command, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let mut child = command
            .env_clear()
            .envs([("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LC_ALL", "C.UTF-8")])
            .env("HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        let stderr = child.stderr.take().context("the server has no standard error")?;
        // The server is stopped when this is dropped, also on the way out of here.
        let mut server = Self { child, endpoint: String::new() };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to its end, or the server would wait for a reader one day. Nobody listens after the start.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut said = String::new();
        while let Ok(line) = told.recv_timeout(PATIENCE) {
            if let Some((_, address)) = line.split_once(LISTENING) {
                server.endpoint = format!("http://{}", address.split_whitespace().next().unwrap_or_default());
                return Ok(server);
            }
            said += &line;
            said.push('\n');
        }
        anyhow::bail!("it does not say where it listens, but:\n{said}")
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
