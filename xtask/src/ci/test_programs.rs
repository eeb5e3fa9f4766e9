//! Runs several test programs at once: many tests mostly wait, and each program ends with a few slow ones.

use std::collections::VecDeque;
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{Artifact, Message};
use facade::words::duration;

use super::{SERVERS, skipped};
use crate::command::cargo;

const BUILD: [&str; 5] =
    ["test", "--workspace", "--locked", "--no-run", "--message-format=json-render-diagnostics"];

/// These take longest, so they start first.
const LONG: [&str; 5] = ["e2e", "cli", "crash", "watched", "recipes"];

/// A test program.
pub(super) struct TestProgram {
    name: String,
    file: PathBuf,
    /// The package's folder, in which the program runs.
    folder: PathBuf,
}

impl TestProgram {
    fn of(artifact: Artifact) -> Option<Self> {
        let file = artifact.executable.filter(|_| artifact.profile.test)?.into_std_path_buf();
        let folder = artifact.manifest_path.parent()?.to_owned();
        let name = format!("{} {}", folder.file_name()?, artifact.target.name);
        Some(Self { name, file, folder: folder.into_std_path_buf() })
    }

    /// Returns the lines in which tests say what they skipped.
    fn run(&self, servers: Option<&Path>, threads: usize) -> Result<Vec<String>> {
        let start = Instant::now();
        let output = Command::new(&self.file)
            // The output of passing tests is needed, too: they may have skipped something.
            .arg("--show-output")
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("RUST_TEST_THREADS", threads.to_string())
            // With this variable, tests that need two users fail instead of being skipped.
            .env("MLC_WEIGHTS_TEST_TWO_USERS", "1")
            .envs(servers.map(|folder| (SERVERS, folder)))
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("running {}", self.file.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            println!("{said}{}", String::from_utf8_lossy(&output.stderr));
        }
        ensure!(
            output.status.success(),
            "{}: run it alone, in {}: {}",
            self.name,
            self.folder.display(),
            self.file.display()
        );
        let result = said.lines().rfind(|line| line.starts_with("test result: ")).unwrap_or_default();
        println!("{} ({}): {result}", self.name, duration(start.elapsed()));
        Ok(skipped(&said).map(str::to_owned).collect())
    }
}

/// Runs all of them. After a failure no further program starts.
pub(super) fn run(mut programs: Vec<TestProgram>, servers: Option<&Path>) -> Result<Vec<String>> {
    programs.sort_by_key(|program| {
        LONG.iter().position(|name| program.name.ends_with(name)).unwrap_or(LONG.len())
    });
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let queue = Mutex::new(VecDeque::from(programs));
    thread::scope(|scope| {
        let work = || drain(&queue, |program| program.run(servers, 3 * cores));
        let workers: Vec<_> = (0..cores.max(2)).map(|_| scope.spawn(work)).collect();
        let mut skipped = Vec::new();
        for worker in workers {
            skipped.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(skipped)
    })
}

/// Compiles all of them.
pub(super) fn build(root: &Path) -> Result<Vec<TestProgram>> {
    let mut cargo = cargo(root)
        .args(BUILD)
        .stdout(Stdio::piped())
        .spawn()
        .context("running cargo; is it in the PATH?")?;
    let messages = BufReader::new(cargo.stdout.take().context("cargo has no output")?);
    let mut programs = Vec::new();
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message? {
            programs.extend(TestProgram::of(artifact));
        }
    }
    ensure!(cargo.wait()?.success(), "run it alone: cargo {}", BUILD.join(" "));
    ensure!(!programs.is_empty(), "cargo built no tests");
    Ok(programs)
}

/// Processes the queue. A failure empties it.
fn drain<T>(queue: &Mutex<VecDeque<T>>, act: impl Fn(T) -> Result<Vec<String>>) -> Result<Vec<String>> {
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front();
    let mut said = Vec::new();
    while let Some(item) = next() {
        match act(item) {
            Ok(lines) => said.extend(lines),
            Err(error) => {
                while next().is_some() {}
                return Err(error);
            }
        }
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn what_fails_is_the_last_to_begin() {
        let queue = Mutex::new(VecDeque::from([1, 2, 3]));
        let act = |item: i32| if item == 2 { bail!("two") } else { Ok(vec![item.to_string()]) };
        assert_eq!(drain(&queue, act).unwrap_err().to_string(), "two");
        assert!(queue.lock().unwrap().is_empty());
        let queue = Mutex::new(VecDeque::from([1, 3]));
        assert_eq!(drain(&queue, act).unwrap(), ["1", "3"]);
    }
}
