//! The folders and programs of a benchmark.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_hub::with_scratch;
use serde_json::Value;
use tempfile::TempDir;

use crate::hub::{HubProcess, Network};

/// A folder in memory.
const MEMORY: &str = "/dev/shm";

/// Variables that would affect the programs.
const UNWANTED: [&str; 19] = [
    "ALL_PROXY",
    "GIT_CONFIG_GLOBAL",
    "GIT_DIR",
    "HF_ENDPOINT",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "HUGGING_FACE_HUB_TOKEN",
    "MLC_DOWNLOAD_CACHE_POLICY",
    "MLC_LLM_HOME",
    "MLC_LLM_READONLY_WEIGHT_CACHE",
    "MLC_TEMP_DIR",
    "RUST_LOG",
    "XDG_CACHE_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
];

/// Set when the benchmark is interrupted; nothing new is started then.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// The folders that a benchmark uses, and the program.
pub(super) struct Workplace {
    /// The `mlc-weights` that is measured.
    pub(super) program: PathBuf,
    /// A folder in memory, if there is one.
    pub(super) memory: PathBuf,
    /// A folder on the disk with cargo's target folder.
    pub(super) disk: PathBuf,
}

/// Runs `benchmark` with folders that are removed however it ends.
pub(super) fn with_workplace(
    program: &Path,
    benchmark: impl FnOnce(&Workplace) -> Result<Value> + Send + 'static,
) -> Result<Value> {
    let mut results = Value::Null;
    let program = program.canonicalize().with_context(|| format!("looking for {}", program.display()))?;
    with_scratch(|scratch| {
        let results = &mut results;
        async move {
            let _stop = StopWhenDropped;
            let memory = in_memory(&scratch)?;
            // The benchmark notices an interruption while it runs; the folders are removed after it has
            // ended.
            let running = tokio::task::spawn_blocking(move || {
                let place = Workplace { program, memory: memory.path().to_owned(), disk: scratch.into() };
                benchmark(&place)
            });
            *results = running.await.context("the benchmark panicked")??;
            Ok(())
        }
    })?;
    Ok(results)
}

fn in_memory(disk: &Path) -> Result<TempDir> {
    let parent = if Path::new(MEMORY).is_dir() {
        Path::new(MEMORY)
    } else {
        println!("there is no {MEMORY}: all files are on the disk");
        disk
    };
    tempfile::Builder::new()
        .prefix("mlc-weights-bench-")
        .tempdir_in(parent)
        .with_context(|| format!("making a folder in {}", parent.display()))
}

struct StopWhenDropped;

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        STOPPED.store(true, Ordering::Release);
    }
}

impl Workplace {
    /// Starts a hub, in a separate process, whose files are in memory.
    pub(super) fn start_hub(&self, network: Network) -> Result<HubProcess> {
        HubProcess::start(&self.memory, network)
    }

    /// `mlc-weights` with its default settings and the cache in `home`.
    pub(super) fn ours(&self, endpoint: &str, home: &Path) -> Command {
        let mut command = clean(&self.program);
        command.env("HF_ENDPOINT", endpoint).env("MLC_LLM_HOME", home).env("HOME", &self.disk);
        command
    }
}

/// Builds `mlc-weights` and returns its path: beside this program, which cargo has also built.
pub(super) fn release_build(root: &Path) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", "mlc-weights"])
        .current_dir(root)
        .status()
        .context("running cargo; is it in the PATH?")?;
    ensure!(status.success(), "building mlc-weights failed");
    let own = std::env::current_exe().context("looking for this program")?;
    let target = own.ancestors().nth(2).context("this program is in no folder of cargo's")?;
    Ok(target.join("release").join(format!("mlc-weights{}", std::env::consts::EXE_SUFFIX)))
}

/// A command that the user's settings do not affect.
pub(super) fn clean(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in UNWANTED {
        command.env_remove(name);
    }
    command
}

/// Fails if the benchmark was interrupted.
pub(super) fn go_on() -> Result<()> {
    ensure!(!STOPPED.load(Ordering::Acquire), "interrupted");
    Ok(())
}

/// Waits, and fails if the benchmark was interrupted.
pub(super) fn pause(time: Duration) -> Result<()> {
    let (_alarm, silence) = channel::<()>();
    // Nothing is ever sent, so this waits.
    let _ = silence.recv_timeout(time);
    go_on()
}

/// An empty folder; earlier contents are removed.
pub(super) fn emptied(folder: PathBuf) -> Result<PathBuf> {
    removed(&folder)?;
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}

/// Removes a folder if it exists.
pub(super) fn removed(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

/// The first line of the version, if the program can be started.
pub(super) fn version(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}
