//! Downloads one model despite many kills.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use local_hub::{LocalHub, PublishedModel};

use crate::crash::Job;
use crate::tree::{Seen, Tree, look, whole, write};
use crate::watcher::{Allowed, Watcher, check};

pub(super) struct Life<'a> {
    pub(super) program: &'a Path,
    pub(super) hub: &'a LocalHub,
    pub(super) home: PathBuf,
    pub(super) job: Job,
    pub(super) old: &'a PublishedModel,
    pub(super) new: &'a PublishedModel,
}

/// When the program is killed.
enum Moment {
    /// This long after its start.
    After(Duration),
    /// This long after it has begun publishing.
    InPublishing(Duration),
}

impl Moment {
    /// Half of the kills are aimed at the short time of publishing.
    fn roll(dice: &mut Rng, usual: Duration) -> Self {
        if dice.bool() {
            Self::After(usual.mul_f64(dice.f64()))
        } else {
            Self::InPublishing(PUBLISHING.mul_f64(dice.f64()))
        }
    }
}

/// Approximately how long publishing takes at most.
const PUBLISHING: Duration = Duration::from_millis(40);
/// Longer than a download takes on any machine.
const PATIENCE: Duration = Duration::from_secs(120);

impl Life<'_> {
    /// Starts and kills the program until the model is complete; `killed` is called after each kill, and
    /// decides whether to continue killing. Returns how often the watcher read the directory.
    pub(super) fn live(
        &self,
        dice: &mut Rng,
        usual: &mut Duration,
        mut killed: impl FnMut() -> bool,
    ) -> Result<u64> {
        let (before, after) = self.states();
        if let Some(tree) = &before {
            write(tree, &self.entry())?;
        }
        let before = before.map_or(Seen::Nothing, Seen::Directory);
        let allowed: Allowed = vec![before, Seen::Directory(after.clone())];
        let watcher = Watcher::start(&self.entry(), allowed.clone());
        let mut go_on = true;
        while go_on {
            let started = Instant::now();
            if !self.start_and_kill(&Moment::roll(dice, *usual))? {
                *usual = (*usual * 3 + started.elapsed()) / 4;
                break;
            }
            check(&self.entry(), &allowed).context("after a kill")?;
            self.check_path()?;
            go_on = killed();
        }
        self.run("download", self.force())?;
        let looks = watcher.stop()?;
        ensure!(look(&self.entry()) == Seen::Directory(after), "the model is not what it must be in the end");
        std::fs::remove_dir_all(&self.home)?;
        Ok(looks)
    }

    /// The initial state and the required final state.
    fn states(&self) -> (Option<Tree>, Tree) {
        let (old, new) = (whole(self.old), whole(self.new));
        match self.job {
            Job::Plain => (None, new),
            Job::Redo => (Some(old), new),
            Job::Repair => {
                let own = |readme: &str| {
                    [("mine.txt", "mine"), (readme, "my own words")]
                        .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
                };
                let mut broken = new.clone();
                broken.retain(|path, _| path != "params_shard_2.bin");
                broken.extend(own("README.md"));
                let mut repaired = new;
                repaired.extend(own("README.md.own"));
                (Some(broken), repaired)
            }
        }
    }

    /// Returns whether the program was killed before it finished.
    fn start_and_kill(&self, moment: &Moment) -> Result<bool> {
        let mut command = self.command("download", self.force());
        let mut child = command.args(["--progress", "json"]).stderr(Stdio::piped()).spawn()?;
        let words = listen(&mut child)?;
        match moment {
            Moment::After(pause) => wait(&words, *pause, |_| false),
            Moment::InPublishing(pause) => {
                if wait(&words, PATIENCE, |line| line.contains("\"publishing\"")) == Heard::Match {
                    wait(&words, *pause, |_| false);
                }
                Heard::Silence
            }
        };
        child.kill()?;
        let status = child.wait()?;
        let said: Vec<String> = words.iter().collect();
        match status.code() {
            Some(0) => Ok(false),
            None => Ok(true),
            Some(code) => bail!("the program failed with {code}: {}", said.join("\n")),
        }
    }

    fn force(&self) -> &'static [&'static str] {
        if self.job == Job::Redo { &["--force"] } else { &[] }
    }

    /// While a model is being replaced, `path` must still find it.
    fn check_path(&self) -> Result<()> {
        if self.job == Job::Redo { self.run("path", &[]) } else { Ok(()) }
    }

    fn run(&self, subcommand: &str, arguments: &[&str]) -> Result<()> {
        let output = self.command(subcommand, arguments).output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{subcommand}` failed ({}): {stderr}", output.status);
        Ok(())
    }

    fn command(&self, subcommand: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command
            .env_clear()
            .env("MLC_LLM_HOME", &self.home)
            .env("HF_ENDPOINT", self.hub.endpoint())
            .arg(subcommand)
            .args(arguments)
            .arg(&self.new.url)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn entry(&self) -> PathBuf {
        self.home.join("model_weights/hf").join(&self.new.user).join(&self.new.repo)
    }
}

fn listen(child: &mut Child) -> Result<mpsc::Receiver<String>> {
    let stream = child.stderr.take().context("the program has no standard error stream")?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
    });
    Ok(receiver)
}

#[derive(PartialEq)]
enum Heard {
    Match,
    /// The program has ended.
    End,
    Silence,
}

/// Waits this long for a matching line, or for the program to end.
fn wait(words: &mpsc::Receiver<String>, patience: Duration, is_match: impl Fn(&str) -> bool) -> Heard {
    let deadline = Instant::now() + patience;
    loop {
        match words.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if is_match(&line) => return Heard::Match,
            Ok(_) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => return Heard::Silence,
            Err(mpsc::RecvTimeoutError::Disconnected) => return Heard::End,
        }
    }
}
