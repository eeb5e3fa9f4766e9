//! The main job of a program for another system: it downloads, verifies, lists and removes a model, even
//! after failures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use local_hub::{Fault, FaultTarget, LocalHub, PublishedModel, Times};

/// How long to wait for a started program to reach a state.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How to start the program, and where its files are.
pub(super) struct Stage<'a> {
    pub(super) hub: &'a LocalHub,
    pub(super) model: &'a PublishedModel,
    /// Starts the program, ready for its arguments.
    pub(super) program: &'a dyn Fn() -> Command,
    /// The path of the cache's home on this system.
    pub(super) home: PathBuf,
    /// The path of the entry as the program prints it.
    pub(super) said: String,
}

impl Stage<'_> {
    /// Checks all claims.
    pub(super) fn play(&self) -> Result<()> {
        let url = self.model.url.as_str();
        let name = format!("{}/{}", self.model.user, self.model.repo);
        let entry = self.entry();
        self.trouble()?;
        self.downloads()?;
        let requests = self.hub.log().from_now();
        self.expect(&["path", url], 0, &self.said)?;
        self.expect(&["download", url], 0, &self.said)?;
        ensure!(requests.is_empty(), "a cached model cost {} requests", requests.count());
        self.expect(&["list"], 0, &self.model.repo)?;
        self.expect(&["verify", &name], 0, "")?;
        self.expect(&["download", "--force", url], 0, &self.said)?;
        let shard = self.model.shards().next().context("the model has no shards")?;
        std::fs::write(entry.join(&shard.path), "damaged")?;
        self.expect(&["verify", &name], 5, "")?;
        self.expect(&["verify", "--repair", &name], 0, "")?;
        self.is_right()?;
        self.expect(&["download", "HF://nobody/nothing"], 4, "")?;
        self.expect_nothing_left(&["staging"])?;
        self.expect(&["remove", &name], 0, "")?;
        ensure!(!entry.exists(), "{} was not removed", entry.display());
        self.expect(&["path", url], 3, "")?;
        // Without /proc, as in an empty root, only age shows that a process has ended, so its leftovers
        // remain for a while.
        self.killed()?;
        self.several_at_once()
    }

    fn entry(&self) -> PathBuf {
        self.home.join("model_weights/hf").join(&self.model.user).join(&self.model.repo)
    }

    /// Wrong bytes are not published, and transient failures are retried.
    fn trouble(&self) -> Result<()> {
        let url = self.model.url.as_str();
        let shard = || FaultTarget::data("params_shard_5.bin");
        self.hub.fault(shard(), Fault::Corrupt { at: 100 }, Times::Forever);
        self.expect(&["download", url], 5, "")?;
        ensure!(!self.entry().exists(), "a model with a wrong shard was published");
        self.hub.clear_faults();
        self.hub.fault(shard(), Fault::status(503), Times::Once);
        self.hub.fault(shard(), Fault::Reset { after: 1000 }, Times::Once);
        self.downloads()?;
        self.expect(&["remove", url], 0, "")
    }

    /// Files verified by a killed run are not fetched again.
    fn killed(&self) -> Result<()> {
        self.hub.fault(FaultTarget::data("params_shard_5.bin"), Fault::Stall { after: 1000 }, Times::Once);
        let files = self.model.lfs_files().count();
        let mut child = (self.program)().args(["download", &self.model.url]).stdin(Stdio::null()).spawn()?;
        let is_far = has_come(|| self.verified() > files / 2);
        child.kill()?;
        child.wait()?;
        ensure!(is_far, "the download never came to half of its files");
        let (verified, again) = (self.verified(), self.hub.log().from_now().data());
        self.downloads()?;
        println!(
            "  killed with {verified} of {files} files; {} requests for files after that",
            again.count()
        );
        ensure!(again.count() <= files - verified, "what was there was fetched again");
        Ok(())
    }

    /// The number of verified files in the private folder.
    fn verified(&self) -> usize {
        let staging = self.home.join("model_weights/.mlc-weights/staging");
        let in_pool = |path: &PathBuf| path.parent().is_some_and(|folder| folder.ends_with("pool"));
        files_below(&staging).iter().filter(|path| in_pool(path)).count()
    }

    /// One process downloads, and the other waits for it.
    fn several_at_once(&self) -> Result<()> {
        let start =
            || (self.program)().args(["download", "--force", &self.model.url]).stdin(Stdio::null()).spawn();
        for mut child in [start()?, start()?] {
            let status = child.wait()?;
            ensure!(status.success(), "one of two at once ended with {status}");
        }
        self.is_right()
    }

    fn downloads(&self) -> Result<()> {
        self.expect(&["download", &self.model.url], 0, &self.said)?;
        self.is_right()
    }

    fn is_right(&self) -> Result<()> {
        let differences = self.model.differences(&self.entry());
        ensure!(differences.is_empty(), "the cache differs from the hub:\n{}", differences.join("\n"));
        Ok(())
    }

    /// Runs the program. Stdout must contain `words`; a failure shows both streams.
    fn expect(&self, arguments: &[&str], status: i32, words: &str) -> Result<()> {
        let mut command = (self.program)();
        let output = command.args(arguments).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("starting {command:?}"))?;
        let Output { stdout, stderr, .. } = &output;
        let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
        println!("  mlc-weights {}: {}", arguments.join(" "), output.status);
        let is_right = output.status.code() == Some(status) && stdout.contains(words);
        ensure!(
            is_right,
            "`{}` was to end with {status} and say {words:?}; it ended with {}:\n{stdout}{stderr}",
            arguments.join(" "),
            output.status
        );
        Ok(())
    }

    /// These folders in the private folder are empty.
    fn expect_nothing_left(&self, folders: &[&str]) -> Result<()> {
        for folder in folders {
            let folder = self.home.join("model_weights/.mlc-weights").join(folder);
            let left = files_below(&folder);
            ensure!(left.is_empty(), "left behind: {left:?}");
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "looks again after a moment")]
fn has_come(condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
