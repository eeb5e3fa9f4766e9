//! Replays inputs found by the fuzzer, and real ones.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fuzz::TARGETS;

/// Far more than any input takes, on a slow machine without optimization.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for the memory of this process.
const MEMORY: u64 = 256 << 20;

#[test]
fn every_input_is_read_in_little_time_and_memory() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in TARGETS {
        let folder = corpus.join(target.name);
        let inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|input| input.unwrap().path()).collect();
        assert!(inputs.len() >= 3, "{} has only {} inputs", target.name, inputs.len());
        for input in inputs {
            let (bytes, start) = (fs::read(&input).unwrap(), Instant::now());
            (target.run)(&bytes);
            assert!(start.elapsed() < PATIENCE, "{} takes {:?}", input.display(), start.elapsed());
        }
        let peak = peak().unwrap_or_default();
        assert!(peak < MEMORY, "{} has taken {} MiB", target.name, peak >> 20);
    }
}

/// This process's peak memory, if the system reports it.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

#[test]
fn every_folder_belongs_to_a_target() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for folder in fs::read_dir(corpus).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(fuzz::of_name(&name).is_some(), "{name}");
    }
}
