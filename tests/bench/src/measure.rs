//! Measures one run of a program: time, processor time and memory.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::machine::kilobytes;

/// How often to read the memory. The kernel keeps the peak, so only a peak at the very end may be missed.
const EVERY: Duration = Duration::from_millis(20);

/// The kernel's units of processor time per second, on every relevant Linux.
const TICKS: f64 = 100.0;

/// The cost of one run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Sample {
    /// Wall time in seconds.
    pub(super) wall: f64,
    /// Processor time of the whole process tree in seconds; Linux only.
    pub(super) cpu: Option<f64>,
    /// Peak resident memory in bytes, summed over the process tree; Linux only.
    pub(super) peak: Option<u64>,
}

impl Sample {
    /// The sum of two consecutive runs.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            wall: self.wall + next.wall,
            cpu: self.cpu.zip(next.cpu).map(|(one, other)| one + other),
            peak: self.peak.max(next.peak),
        }
    }
}

/// Runs a program that prints nothing but errors.
pub(super) fn measure(command: &mut Command) -> Result<Sample> {
    let Observed { sample, status, errors } = observe(command)?;
    ensure!(status == Some(0), "{} failed: {errors}", shown(command));
    Ok(sample)
}

/// How a run ended.
pub(super) struct Observed {
    pub(super) sample: Sample,
    /// `None` if it was killed.
    pub(super) status: Option<i32>,
    /// Its standard error.
    pub(super) errors: String,
}

/// Runs a program that is allowed to fail.
pub(super) fn observe(command: &mut Command) -> Result<Observed> {
    let text = shown(command);
    let what = || format!("running {text}");
    let before = children_cpu();
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.with_context(what)?;
    let pid = child.id();
    let (ended, has_ended) = channel::<()>();
    let watching = thread::spawn(move || watch(pid, &has_ended));
    let output = child.wait_with_output().with_context(what)?;
    let wall = began.elapsed().as_secs_f64();
    drop(ended);
    let peak = watching.join().ok().flatten();
    let cpu = before.zip(children_cpu()).map(|(before, after)| after - before);
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok(Observed { sample: Sample { wall, cpu, peak }, status: output.status.code(), errors })
}

/// As a user would type it.
pub(super) fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The processor time of all processes that this one has waited for, including their children.
pub(super) fn children_cpu() -> Option<f64> {
    cpu_from("self", 16)
}

/// Processor time of this process.
pub(super) fn own_cpu() -> Option<f64> {
    cpu_from("self", 14)
}

/// The processor time of another process and the children it has waited for.
pub(super) fn cpu_of(process: u32) -> Option<f64> {
    let process = process.to_string();
    Some(cpu_from(&process, 14)? + cpu_from(&process, 16)?)
}

/// The sum of user time, the field with this number, and system time, the next one.
fn cpu_from(process: &str, first: usize) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The fields from the third on follow the name, which may contain anything.
    let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
    let ticks = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
    Some(f64::from(ticks(first)? + ticks(first + 1)?) / TICKS)
}

/// The sum of the peaks of all processes in the tree, until `has_ended` is closed.
fn watch(pid: u32, has_ended: &Receiver<()>) -> Option<u64> {
    let mut peaks = HashMap::new();
    loop {
        look(pid, &mut peaks);
        if has_ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    (!peaks.is_empty()).then(|| peaks.values().sum())
}

fn look(pid: u32, peaks: &mut HashMap<u32, u64>) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    if let Some(peak) = kilobytes(&status, "VmHWM") {
        peaks.insert(pid, peak * 1024);
    }
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        look(child, peaks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up() {
        let one = Sample { wall: 1.0, cpu: Some(2.0), peak: Some(3) };
        let both = one.then(Sample { wall: 0.5, cpu: Some(0.25), peak: Some(1) });
        assert_eq!((both.wall, both.cpu, both.peak), (1.5, Some(2.25), Some(3)));
        assert_eq!(one.then(Sample::default()).cpu, None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_and_its_children_are_measured() {
        let sample = measure(Command::new("sh").args(["-c", "cat /proc/self/status | wc"])).unwrap();
        assert!(sample.wall > 0.0 && sample.cpu.is_some(), "{sample:?}");
        // On a busy machine the shell may have ended by then; this process has not.
        let mut peaks = HashMap::new();
        look(std::process::id(), &mut peaks);
        assert!(peaks[&std::process::id()] > 100_000, "{peaks:?}");
    }

    #[test]
    fn a_failure_says_what_was_run_and_what_it_said() {
        let error = measure(Command::new("git").args(["no-such-command"])).unwrap_err().to_string();
        assert!(error.starts_with("git no-such-command failed: git: "), "{error}");
    }
}
