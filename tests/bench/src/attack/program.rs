//! One run of the attacked program, with limited time and memory, and with its output.

use std::fmt;
use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::machine::kilobytes;

/// How often to read the peak memory. The kernel keeps it, so only a peak at the very end may be missed.
const EVERY: Duration = Duration::from_millis(5);
/// A program that uses more memory is stopped, to protect the machine.
const MOST_MEMORY: u64 = 4_000_000_000;
/// The maximum length of the output that is kept.
const MOST_WORDS: u64 = 1 << 20;
/// The part of it shown in a table.
const SHOWN: usize = 160;

/// A running program, killed when dropped.
pub(super) struct Running {
    child: Child,
    began: Instant,
    words: Option<JoinHandle<String>>,
    peak: u64,
}

/// How a run ended.
pub(super) struct Ran {
    /// `None` if it was ended by a signal.
    pub(super) status: Option<i32>,
    pub(super) was_killed: bool,
    pub(super) seconds: f64,
    /// Peak resident memory in bytes; 0 if unknown.
    pub(super) peak: u64,
    /// Standard output, then standard error: everything that a terminal would show.
    pub(super) said: String,
}

impl Running {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let began = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let words = thread::spawn(move || {
            let err = thread::spawn(move || read(err));
            let out = read(out);
            out + &err.join().unwrap_or_default()
        });
        Ok(Self { child, began, words: Some(words), peak: 0 })
    }

    /// Reads the peak memory, and returns whether the program is still running.
    pub(super) fn look(&mut self) -> Result<bool> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        self.peak = self.peak.max(kilobytes(&status, "VmHWM").unwrap_or_default() * 1024);
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits until the program ends, `patience` is over, or it uses too much memory.
    pub(super) fn watch(&mut self, patience: Duration) -> Result<bool> {
        let deadline = Instant::now() + patience;
        while self.look()? {
            if Instant::now() > deadline || self.peak > MOST_MEMORY {
                return Ok(false);
            }
            pause();
        }
        Ok(true)
    }

    /// Lets it run until the condition holds.
    pub(super) fn until(&mut self, mut has_come: impl FnMut() -> bool) -> Result<()> {
        while !has_come() {
            ensure!(self.look()?, "a run ended before it came to what the scene is about");
            ensure!(
                self.began.elapsed() < Duration::from_secs(20),
                "a run never came to what the scene is about"
            );
            pause();
        }
        Ok(())
    }

    /// Sends a signal by name, `INT` or `TERM`.
    pub(super) fn signal(&self, name: &str) -> Result<()> {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status()?;
        ensure!(status.success(), "no signal could be sent");
        Ok(())
    }

    /// Sends `SIGKILL`, as if the power failed.
    pub(super) fn kill(mut self) -> Result<Ran> {
        self.child.kill()?;
        Ok(Ran { was_killed: false, ..self.wait(Duration::ZERO)? })
    }

    /// Waits for the end, for at most `patience`.
    pub(super) fn wait(mut self, patience: Duration) -> Result<Ran> {
        let was_killed = !self.watch(patience)?;
        if was_killed {
            self.child.kill()?;
        }
        let status = self.child.wait()?.code();
        let seconds = self.began.elapsed().as_secs_f64();
        let said = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        Ok(Ran { status, was_killed, seconds, peak: self.peak, said })
    }
}

#[expect(clippy::disallowed_methods, reason = "another process is watched, on a thread of its own")]
fn pause() {
    thread::sleep(EVERY);
}

impl Drop for Running {
    fn drop(&mut self) {
        // Has no effect if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(stream: Option<impl Read>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut bytes = Vec::new();
    let _ = stream.by_ref().take(MOST_WORDS).read_to_end(&mut bytes);
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `status 6, 0.4 s, 21 MB, "error: …"`
impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "status {status}")?,
            None => write!(f, "killed")?,
        }
        write!(f, ", {:.1} s, {} MB", self.seconds, self.peak / 1_000_000)?;
        let telling = self.said.lines().rfind(|line| line.starts_with("error"));
        let line = telling.or_else(|| self.said.lines().last()).unwrap_or_default();
        let shown: String = line.chars().take(SHOWN).collect();
        let shown = shown.escape_debug().to_string().replace('|', "\\|");
        if shown.is_empty() { Ok(()) } else { write!(f, ", `{shown}`") }
    }
}
