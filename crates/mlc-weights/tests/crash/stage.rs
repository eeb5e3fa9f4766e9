//! A hub with one model, an empty cache, and the program.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use local_hub::{LocalHub, LocalHubBuilder, ModelFixture, PublishedModel, RequestLog};
use tempfile::TempDir;

/// Longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const MIB: u64 = 1 << 20;

pub(crate) struct Stage {
    pub(crate) hub: LocalHub,
    pub(crate) model: PublishedModel,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new(hub: LocalHubBuilder, fixture: &ModelFixture) -> Self {
        let hub = hub.files_in(env!("CARGO_TARGET_TMPDIR")).start();
        let model = hub.publish(fixture);
        Self { hub, model, folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    /// The program, about to download the model.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlc-weights"));
        command
            .env_clear()
            .env("MLC_LLM_HOME", self.folder.path())
            .env("HF_ENDPOINT", self.hub.endpoint())
            .args(["download", "--quiet", &self.model.url])
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// The total size of the files that are not in git.
    pub(crate) fn size(&self) -> u64 {
        self.model.lfs_files().map(|file| file.size).sum()
    }

    fn entry(&self) -> PathBuf {
        self.folder.path().join("model_weights/hf").join(&self.model.user).join(&self.model.repo)
    }

    /// Where verified and unfinished files wait for the next run.
    pub(crate) fn staging(&self) -> PathBuf {
        self.folder.path().join("model_weights/.mlc-weights/staging")
    }

    /// Whether the model is published. If it is, checks it byte for byte.
    pub(crate) fn is_published(&self) -> bool {
        let is_there = fs::symlink_metadata(self.entry()).is_ok();
        if is_there {
            assert_eq!(self.model.differences(&self.entry()), [""; 0]);
        }
        is_there
    }
}

/// The results of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Ended {
    /// Waits for the program to end.
    pub(crate) fn of(program: Child) -> Self {
        let (sender, ended) = channel();
        // If the test has failed meanwhile, nobody receives it.
        thread::spawn(move || drop(sender.send(program.wait_with_output())));
        let output = ended.recv_timeout(PATIENCE).unwrap().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        Self { status: output.status, stderr }
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }
}

/// Kills the program at the given moment, unless it has ended by then.
pub(crate) fn kill_when(
    mut program: Child,
    log: &RequestLog,
    is_moment: impl Fn(&RequestLog) -> bool,
) -> Ended {
    let begun = Instant::now();
    // The log does not show that the program has ended.
    while !log.wait_until(Duration::from_millis(5), &is_moment) && program.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "neither did the moment come nor did the program end");
    }
    program.kill().unwrap();
    Ended::of(program)
}
