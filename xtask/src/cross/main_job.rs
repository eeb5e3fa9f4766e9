//! The main job, by a program for another system: it downloads, verifies, lists and removes a model.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use local_hub::{LocalHub, PublishedModel};

/// How a program is started, and where it finds and leaves things.
pub(super) struct Stage<'a> {
    pub(super) hub: &'a LocalHub,
    pub(super) model: &'a PublishedModel,
    /// Starts the program, ready for its arguments.
    pub(super) program: &'a dyn Fn() -> Command,
    /// The cache's home as this system sees it.
    pub(super) home: PathBuf,
    /// The entry's path as the program says it.
    pub(super) said: String,
}

impl Stage<'_> {
    /// Every claim is checked.
    pub(super) fn play(&self) -> Result<()> {
        let url = self.model.url.as_str();
        let name = format!("{}/{}", self.model.user, self.model.repo);
        let entry = self.home.join("model_weights/hf").join(&self.model.user).join(&self.model.repo);
        self.expect(&["download", url], 0, &self.said)?;
        let differences = self.model.differences(&entry);
        ensure!(differences.is_empty(), "the cache differs from the hub:\n{}", differences.join("\n"));
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
        ensure!(self.model.differences(&entry).is_empty(), "the model was not repaired");
        self.expect(&["download", "HF://nobody/nothing"], 4, "")?;
        self.expect_nothing_left(&["staging"])?;
        self.expect(&["remove", &name], 0, "")?;
        ensure!(!entry.exists(), "{} was not removed", entry.display());
        self.expect(&["path", url], 3, "")
    }

    /// Runs it. What is on stdout has `words`; on a failure both streams are shown.
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

    /// Nothing is left in folders of the private one.
    fn expect_nothing_left(&self, folders: &[&str]) -> Result<()> {
        for folder in folders {
            let folder = self.home.join("model_weights/.mlc-weights").join(folder);
            let left = files_below(&folder);
            ensure!(left.is_empty(), "left behind: {left:?}");
        }
        Ok(())
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
