//! The machine that produced the numbers.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use serde::Serialize;

/// This machine and the measured code. Unknown values are empty.
#[derive(Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    processor: String,
    memory: u64,
    kernel: String,
    /// The load averages of one, five and fifteen minutes when the benchmark began.
    load: String,
    commit: String,
}

impl Machine {
    pub(super) fn look(root: &Path) -> Self {
        Self {
            cores: cores(),
            processor: field(&read("/proc/cpuinfo"), "model name").to_owned(),
            memory: kilobytes(&read("/proc/meminfo"), "MemTotal").unwrap_or_default() * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
            commit: commit(root),
        }
    }
}

pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, processor, memory, kernel, load, commit } = self;
        let gibibytes = memory >> 30;
        write!(
            f,
            "{cores} cores ({processor}), {gibibytes} GiB, kernel {kernel}, load {load}, commit {commit}"
        )
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.trim() == name).map_or("", |(_, value)| value.trim())
}

/// The value of a line `name: 123 kB`, as the kernel writes sizes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    field(text, name).strip_suffix("kB")?.trim().parse().ok()
}

fn commit(root: &Path) -> String {
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"])
        .current_dir(root)
        .output();
    output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let text = "Name:\tx\nVmPeak:\t  200 kB\nVmHWM:\t   123 kB\n";
        assert_eq!(kilobytes(text, "VmHWM"), Some(123));
        assert_eq!(kilobytes(text, "Name"), None);
        assert_eq!(kilobytes(text, "VmRSS"), None);
        assert_eq!(field("model name\t: An Engine\n", "model name"), "An Engine");
    }
}
