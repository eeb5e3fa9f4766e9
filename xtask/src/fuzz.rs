//! Runs the fuzz targets, guided by coverage: libFuzzer on the stable toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::command::{cargo, succeed};
use crate::workspace;

#[derive(Args)]
pub(crate) struct FuzzArguments {
    /// Total duration
    #[arg(value_name = "MINUTES", default_value_t = 10.0)]
    minutes: f64,
    /// Only these targets
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

/// Flags for coverage. No sanitizer, since none of our code is unsafe. None of them needs nightly.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebuginfo=line-tables-only",
];

/// At most this many new inputs are kept, the smallest, beside the seeds.
const KEPT: usize = 40;
/// Larger inputs fill the corpus and find little more.
const LARGEST: u64 = 4096;

pub(crate) fn run(root: &Path, arguments: &FuzzArguments) -> Result<()> {
    let chosen = chosen(root, &arguments.targets)?;
    let place = root.join("target/fuzz");
    let program = build(root, &place)?;
    let shares = u32::try_from(chosen.len()).map_or(f64::MAX, f64::from);
    let seconds = (arguments.minutes * 60.0 / shares).max(1.0).round();
    println!("| target | executions | new inputs | kept | peak MB |");
    println!("|--------|-----------:|-----------:|-----:|--------:|");
    let mut failed = Vec::new();
    for name in chosen {
        let fuzzed = Fuzzed { root, place: &place, program: &program, name: &name };
        match fuzzed.play(seconds)? {
            Some(row) => println!("{row}"),
            None => failed.push(name),
        }
    }
    ensure!(
        failed.is_empty(),
        "found something in {}: see {}",
        failed.join(", "),
        place.join("finds").display()
    );
    Ok(())
}

/// A test ensures that all targets have a folder in the corpus.
fn chosen(root: &Path, names: &[String]) -> Result<Vec<String>> {
    let mut all: Vec<String> =
        sizes(&root.join("tests/fuzz/corpus"))?.into_iter().map(|(_, name)| name).collect();
    all.sort();
    if names.is_empty() {
        return Ok(all);
    }
    let unknown = names.iter().find(|name| !all.contains(name));
    ensure!(unknown.is_none(), "no target {}: {}", unknown.map_or("", String::as_str), all.join(", "));
    Ok(names.to_vec())
}

/// With `--target`, the flags do not apply to build scripts.
fn build(root: &Path, place: &Path) -> Result<PathBuf> {
    let host = workspace::host()?;
    let mut build = cargo(root);
    build
        .args(["build", "--locked", "--package", "fuzz", "--features", "libfuzzer", "--profile", "fuzz"])
        .args(["--target", &host, "--target-dir"])
        .arg(place)
        .env("RUSTFLAGS", FLAGS.join(" "));
    succeed(&mut build).context("libFuzzer needs a C++ compiler")?;
    Ok(place.join(host).join("fuzz/fuzz"))
}

struct Fuzzed<'a> {
    root: &'a Path,
    place: &'a Path,
    program: &'a Path,
    name: &'a str,
}

impl Fuzzed<'_> {
    /// Returns a row of the table, or `None` if something was found, which libFuzzer has described.
    fn play(&self, seconds: f64) -> Result<Option<String>> {
        let name = self.name;
        let (seeds, found) = (self.root.join("tests/fuzz/corpus").join(name), self.folder("corpus")?);
        let finds = self.folder("finds")?;
        let output = self
            .command(&[&found, &seeds])
            .args(["-timeout=5", "-rss_limit_mb=512", "-max_len=65536", "-print_final_stats=1"])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", finds.display()))
            .stderr(Stdio::piped())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            let tail: Vec<&str> = said.lines().rev().take(30).collect();
            eprintln!("{name}:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
            return Ok(None);
        }
        let stat = |key: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("stat::{key}:")));
            line.unwrap_or_default().trim().to_owned()
        };
        let kept = self.keep(&seeds, &found)?;
        let (executions, new) = (stat("number_of_executed_units"), stat("new_units_added"));
        Ok(Some(format!("| {name} | {executions} | {new} | {kept} | {} |", stat("peak_rss_mb"))))
    }

    fn command(&self, folders: &[&Path]) -> Command {
        let mut command = Command::new(self.program);
        command.env("FUZZ_TARGET", self.name).args(folders).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn folder(&self, of: &str) -> Result<PathBuf> {
        let folder = self.place.join(of).join(self.name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Adds inputs that increase coverage to the corpus, smallest first, and returns how many.
    fn keep(&self, seeds: &Path, found: &Path) -> Result<usize> {
        let minimal = self.folder("minimal")?;
        fs::remove_dir_all(&minimal)?;
        fs::create_dir(&minimal)?;
        let merged =
            self.command(&[&minimal, seeds, found]).arg("-merge=1").stderr(Stdio::null()).status()?;
        ensure!(merged.success(), "minimizing the corpus of {} failed", self.name);
        let mut files = sizes(&minimal)?;
        files.retain(|(size, file)| *size <= LARGEST && !seeds.join(file).exists());
        files.sort();
        let room = KEPT.saturating_sub(sizes(seeds)?.iter().filter(|(_, file)| !is_seed(file)).count());
        files.retain(|(_, file)| !is_known(seeds, &minimal.join(file)));
        files.truncate(room);
        for (_, file) in &files {
            fs::copy(minimal.join(file), seeds.join(file))?;
        }
        Ok(files.len())
    }
}

/// Whether a seed with a descriptive name has these bytes.
fn is_known(seeds: &Path, input: &Path) -> bool {
    let Ok(bytes) = fs::read(input) else { return false };
    let known = sizes(seeds).unwrap_or_default();
    known.iter().any(|(_, file)| fs::read(seeds.join(file)).is_ok_and(|known| known == bytes))
}

fn is_seed(file: &str) -> bool {
    file.contains('-')
}

fn sizes(folder: &Path) -> Result<Vec<(u64, String)>> {
    let files = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    files
        .map(|file| {
            let file = file?;
            Ok((file.metadata()?.len(), file.file_name().to_string_lossy().into_owned()))
        })
        .collect()
}
