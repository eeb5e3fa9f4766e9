//! The parts of scenes: a stage with the program and an empty cache, and the findings.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_hub::LocalHub;

use super::program::{Ran, Running};

/// A scene that takes longer is ended, and its promise counts as broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// The memory that the program may use, whatever is sent: 128 MiB.
pub(super) const MOST_MEMORY: u64 = 128 << 20;
/// The model of every scene.
pub(super) const MODEL: &str = "o/m";
/// A secret that must never reach a terminal.
pub(super) const TOKEN: &str = "hf_AttackedSecretToken1234567890";

/// One attack.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    /// The number of the promise.
    pub(super) row: u8,
    pub(super) promise: &'static str,
    pub(super) name: &'static str,
    /// The scene needs two users.
    pub(super) as_root: bool,
    pub(super) play: Play,
}

type Play = fn(&Stage) -> Result<Findings>;

impl Scene {
    pub(super) const fn new(row: u8, promise: &'static str, name: &'static str, play: Play) -> Self {
        Self { row, promise, name, as_root: false, play }
    }

    pub(super) const fn as_root(self) -> Self {
        Self { as_root: true, ..self }
    }
}

/// Where a scene takes place.
pub(super) struct Stage {
    program: PathBuf,
    folder: PathBuf,
}

impl Stage {
    pub(super) fn new(program: &Path, folder: &Path) -> Self {
        Self { program: program.to_path_buf(), folder: folder.to_path_buf() }
    }

    /// Another stage beside this one, for a scene with several runs.
    pub(super) fn another(&self, name: &str) -> Result<Self> {
        let folder = self.path(name);
        std::fs::create_dir(&folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok(Self { program: self.program.clone(), folder })
    }

    /// Whether this process is root, judged by the owner of the stage.
    pub(super) fn is_root(&self) -> bool {
        self.folder.metadata().is_ok_and(|folder| folder.uid() == 0)
    }

    /// A path in the scene's folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The visible directory of the model.
    pub(super) fn entry(&self) -> PathBuf {
        self.home().join("model_weights/hf").join(MODEL)
    }

    pub(super) fn private(&self) -> PathBuf {
        self.home().join("model_weights/.mlc-weights")
    }

    /// The only child of a folder in the private folder: the model's slot, whatever its name.
    pub(super) fn only_child(&self, of: &str) -> Result<PathBuf> {
        let folder = self.private().join(of);
        let children = children(&folder)?;
        ensure!(children.len() == 1, "{} has {} entries", folder.display(), children.len());
        children.into_iter().next().context("one child")
    }

    pub(super) fn hub(&self) -> Result<LocalHub> {
        LocalHub::builder().token(TOKEN).files_in(&self.folder).try_start()
    }

    /// The program, without this process's environment.
    pub(super) fn command(&self, hub: &LocalHub, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("HOME", &self.folder)
            .env("MLC_LLM_HOME", self.home())
            .env("HF_ENDPOINT", hub.endpoint())
            .args(arguments)
            .current_dir(&self.folder);
        command
    }

    pub(super) fn start(&self, hub: &LocalHub, arguments: &[&str]) -> Result<Running> {
        Running::start(&mut self.command(hub, arguments))
    }

    pub(super) fn run(&self, hub: &LocalHub, arguments: &[&str]) -> Result<Ran> {
        self.start(hub, arguments)?.wait(PATIENCE)
    }

    /// Downloads the model, with plain progress.
    pub(super) fn download(&self, hub: &LocalHub) -> Result<Ran> {
        self.run(hub, &["download", "--progress", "plain", "HF://o/m"])
    }

    /// Downloads the model; this must succeed, as preparation.
    pub(super) fn have_model(&self, hub: &LocalHub) -> Result<()> {
        let ran = self.download(hub)?;
        ensure!(ran.status == Some(0), "the scene's own download failed: {ran}");
        Ok(())
    }
}

pub(super) fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    Ok(listing.map(|child| Ok(child?.path())).collect::<std::io::Result<_>>()?)
}

/// The findings of a scene: observations, and broken expectations.
#[derive(Default)]
pub(super) struct Findings {
    seen: Vec<String>,
    complaints: Vec<String>,
}

impl Findings {
    /// The observable results of a run. A run that had to be killed breaks every promise.
    pub(super) fn of(ran: &Ran) -> Self {
        Self::default().and(ran)
    }

    pub(super) fn and(self, ran: &Ran) -> Self {
        self.saw(ran.to_string()).expect(!ran.was_killed, "it had to be killed")
    }

    pub(super) fn saw(mut self, what: impl Into<String>) -> Self {
        self.seen.push(what.into());
        self
    }

    /// Records `otherwise` if the promise does not hold.
    pub(super) fn expect(mut self, holds: bool, otherwise: impl Into<String>) -> Self {
        if !holds {
            self.complaints.push(otherwise.into());
        }
        self
    }

    /// The program reported hostile data at once: status 4 or 5.
    pub(super) fn final_after(self, ran: &Ran, attempts: usize) -> Self {
        self.saw(format!("{attempts} attempts"))
            .expect(matches!(ran.status, Some(4 | 5)), "the status is not 4 or 5")
            .expect(attempts == 1, "it tried again")
    }

    pub(super) fn within_memory(self, ran: &Ran) -> Self {
        self.expect(ran.peak <= MOST_MEMORY, "it took more than 128 MiB")
    }

    /// The output contains no control characters and no secrets.
    pub(super) fn clean(self, ran: &Ran) -> Self {
        let is_odd = |c: &char| {
            c.is_control() && *c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let errors = ran.said.lines().filter(|line| line.starts_with("error")).count();
        self.expect(!ran.said.chars().any(|c| is_odd(&c)), "control characters reached the terminal")
            .expect(!ran.said.contains(TOKEN), "the token reached the terminal")
            .expect(!ran.said.contains("p4ssw0rd"), "a password reached the terminal")
            .expect(!ran.said.contains("X-Amz-Signature=5ecret"), "a signature reached the terminal")
            .expect(errors <= 1, "a line was forged")
    }
}

/// As the cells of a table.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.seen.join("; ");
        if self.complaints.is_empty() {
            return write!(f, "held | {seen}");
        }
        write!(f, "BROKEN | **{}**: {seen}", self.complaints.join(", "))
    }
}
