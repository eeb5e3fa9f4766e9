//! Runs of the program with an input, and their processor time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use shard_fetch::ChatConfig;

use super::inputs::{Input, config};
use super::kinds::Kind;
use crate::hostile::forged_journal;
use crate::hub::{Network, Served};
use crate::measure::{observe, own_cpu, shown};
use crate::workplace::{Workplace, emptied, removed};

/// What to do with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A download into an empty cache.
    Download,
    /// A download that is refused after all data was examined.
    Refusal,
    /// A dry run of a download.
    DryRun,
    /// A download after a shard was deleted.
    Repair,
    Verify,
    Listing,
    /// A download that resumes an unfinished file.
    GoOn,
    /// Only the parser of the configuration, in this process.
    Parse,
}

impl Step {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Refusal => "download, refused",
            Self::DryRun => "download --dry-run",
            Self::Repair => "repair",
            Self::Verify => "verify",
            Self::Listing => "list",
            Self::GoOn => "download, resumed",
            Self::Parse => "the parser alone",
        }
    }
}

impl Kind {
    /// Runs all steps once, and returns the seconds of processor time for each.
    pub(super) fn run(&self, place: &Workplace, count: usize) -> Result<Vec<f64>> {
        let network = if self.input == Input::Slow { Network::Paced } else { Network::Loopback };
        let mut hub = place.start_hub(network)?;
        let served = hub.make(self.input, count)?;
        let home = place.memory.join("growth");
        let stage = Setting { place, served, home, count };
        let mut sums = vec![0.0; self.steps.len()];
        for _ in 0..self.runs {
            for (sum, step) in sums.iter_mut().zip(self.steps) {
                *sum += stage.run(*step)?;
            }
        }
        removed(&stage.home)?;
        Ok(sums.into_iter().map(|sum| sum / f64::from(self.runs)).collect())
    }
}

/// What all steps share.
struct Setting<'a> {
    place: &'a Workplace,
    served: Served,
    home: PathBuf,
    count: usize,
}

/// How often to read a configuration, since a single time is too short to measure.
const READ: u32 = 2_000;
const UNKNOWN: &str = "this system does not tell processor times";
/// The exit statuses of a refusal.
const REFUSED: [i32; 2] = [4, 5];

impl Setting<'_> {
    fn run(&self, step: Step) -> Result<f64> {
        match step {
            Step::Parse => self.parse(),
            Step::Download | Step::DryRun | Step::Refusal => {
                emptied(self.home.clone())?;
                let dry: &[&str] = if step == Step::DryRun { &["--dry-run"] } else { &[] };
                let ends = if step == Step::Refusal { &REFUSED[..] } else { &[0] };
                cpu(&mut self.download(dry), ends)
            }
            Step::Repair => {
                fs::remove_file(self.entry().join("params_shard_0.bin"))?;
                cpu(&mut self.download(&[]), &[0])
            }
            Step::Verify => cpu(&mut self.command(&["verify", "--quiet", &self.served.id]), &[0]),
            Step::Listing => cpu(&mut self.command(&["list"]), &[0]),
            Step::GoOn => {
                self.interrupt()?;
                cpu(&mut self.download(&[]), &[0])
            }
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.ours(&self.served.endpoint, &self.home);
        command.args(arguments);
        command
    }

    /// Without syncing, since many very small files would measure the disk.
    fn download(&self, more: &[&str]) -> Command {
        let mut command = self.command(&["download", "--no-fsync", "--progress", "none", &self.served.url]);
        command.args(more);
        command
    }

    fn entry(&self) -> PathBuf {
        self.home.join("model_weights/hf").join(&self.served.id)
    }

    fn parse(&self) -> Result<f64> {
        let config = config("tokenizer_files", self.count);
        let before = own_cpu().context(UNKNOWN)?;
        for _ in 0..READ {
            let parsed = ChatConfig::parse(config.as_bytes())?;
            ensure!(parsed.tokenizer_files().len() == self.count, "not all names were read");
        }
        let after = own_cpu().context(UNKNOWN)?;
        Ok(after - before)
    }

    /// Kills a download during the transfer of its shard, and forges the journal.
    fn interrupt(&self) -> Result<()> {
        emptied(self.home.clone())?;
        let mut command = self.download(&[]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.with_context(|| format!("running {}", shown(&command)))?;
        let found = wait_for_journal(&self.home);
        child.kill()?;
        child.wait()?;
        let journal = found?;
        fs::write(&journal, forged_journal(&fs::read(&journal)?, self.count as u64)?)?;
        Ok(())
    }
}

/// The processor time of a run that ends with one of these statuses.
fn cpu(command: &mut Command, ends: &[i32]) -> Result<f64> {
    let ran = observe(command)?;
    let is_right = ran.status.is_some_and(|status| ends.contains(&status));
    let last = ran.errors.lines().last().unwrap_or_default();
    ensure!(is_right, "{} ended with {:?}: {last}", shown(command), ran.status);
    ran.sample.cpu.context(UNKNOWN)
}

fn wait_for_journal(home: &Path) -> Result<PathBuf> {
    let (_alarm, silence) = channel::<()>();
    let began = Instant::now();
    loop {
        if let Some(journal) = journal_below(home)? {
            return Ok(journal);
        }
        ensure!(began.elapsed() < Duration::from_secs(20), "no file was ever unfinished");
        // Nothing is ever sent, so this waits.
        let _ = silence.recv_timeout(Duration::from_millis(2));
    }
}

/// The first journal below a folder; folders may vanish meanwhile.
fn journal_below(folder: &Path) -> Result<Option<PathBuf>> {
    let Ok(listing) = fs::read_dir(folder) else { return Ok(None) };
    for entry in listing {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(journal) = journal_below(&path)? {
                return Ok(Some(journal));
            }
        } else if path.extension().is_some_and(|ending| ending == "journal") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
