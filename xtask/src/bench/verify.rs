//! A cached model verified, against `md5sum` on its shards.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde_json::{Value, json};

use super::hub::{Network, Shape};
use super::machine::cores;
use super::measure::{Sample, measure};
use super::statistics::{Spread, ratio};
use super::table::{Table, mebibytes, or_dash, seconds};
use super::workplace::{Workplace, clean, emptied, go_on, removed};

/// How much, and how often.
#[derive(Args, Clone)]
pub(super) struct Options {
    /// How often each program runs
    #[arg(long, default_value = "9", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// Shards of the model
    #[arg(long, default_value = "41", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    shards: usize,
    /// MB of each shard
    #[arg(long, default_value = "32", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    size: u64,
}

const ID: &str = "bench/verify";

pub(super) fn run(place: &Workplace, options: &Options) -> Result<Value> {
    println!(
        "\n## Verifying a cached model of {} shards of {} MB, in memory: {} rounds in turn\n",
        options.shards, options.size, options.rounds
    );
    let homes = [emptied(place.memory.join("with"))?, emptied(place.memory.join("without"))?];
    prepare(place, options, &homes)?;
    let [with, without] = &homes;
    let shards = shards_of(with)?;
    let endpoint = "http://127.0.0.1:9";
    let verify = |home: &Path| {
        let mut command = place.ours(endpoint, home);
        command.args(["verify", "--quiet", ID]);
        command
    };
    let mut programs = [
        ("by the receipt: MD5, SHA-256", verify(with)),
        ("by the manifest: MD5", verify(without)),
        ("md5sum on all cores", md5sum(&shards, cores())),
        ("md5sum on one core", md5sum(&shards, 1)),
    ]
    .map(|(name, command)| (name, command, Vec::new()));
    for _ in 0..options.rounds {
        go_on()?;
        for (_, command, samples) in &mut programs {
            samples.push(measure(command)?);
        }
    }
    let results = programs.map(|(name, _, samples)| (name, samples));
    print(&results);
    let rows = results.iter().map(|(name, samples)| ((*name).to_owned(), json!(Spread::of(&walls(samples)))));
    Ok(Value::Object(rows.collect()))
}

/// The same model twice, from its hub and with its receipt, and without; the hub is gone then.
fn prepare(place: &Workplace, options: &Options, [with, without]: &[PathBuf; 2]) -> Result<()> {
    let mut hub = place.start_hub(Network::Loopback)?;
    let size = options.size * 1_000_000;
    let shape = Shape { id: ID.to_owned(), shards: options.shards, size, flipped: None };
    let model = hub.publish(&shape)?;
    measure(place.ours(&model.endpoint, with).args(["download", "--quiet", &model.url]))?;
    copy(&with.join("model_weights/hf"), &without.join("model_weights/hf"))?;
    removed(&without.join("model_weights/.mlc-weights"))
}

/// The same files under a second name: nothing is written to them.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for child in fs::read_dir(from).with_context(|| format!("listing {}", from.display()))? {
        let child = child?;
        let to = to.join(child.file_name());
        if child.file_type()?.is_dir() {
            copy(&child.path(), &to)?;
        } else {
            fs::hard_link(child.path(), to)?;
        }
    }
    Ok(())
}

fn shards_of(home: &Path) -> Result<Vec<PathBuf>> {
    let folder = home.join("model_weights/hf").join(ID);
    let mut shards = Vec::new();
    for child in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = child?.path();
        if path.extension().is_some_and(|ending| ending == "bin") {
            shards.push(path);
        }
    }
    Ok(shards)
}

/// As many at once as there are cores, each with one file after another, as `xargs` shares them out.
fn md5sum(shards: &[PathBuf], at_once: usize) -> Command {
    let mut command = clean("sh");
    let script = r#"at_once=$1; shift; printf '%s\0' "$@" | xargs -0 -n 1 -P "$at_once" md5sum >/dev/null"#;
    let files = shards.iter().map(OsString::from);
    command.args(["-c", script, "sh", &at_once.to_string()]).args(files);
    command
}

fn walls(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.wall).collect()
}

fn print(results: &[(&str, Vec<Sample>)]) {
    let mut table = Table::new(&["", "wall s", "min", "CPU s", "peak MiB", "/ all cores", "/ one core"]);
    let reference = |index: usize| results.get(index).map(|(_, samples)| walls(samples)).unwrap_or_default();
    let (all, one) = (reference(2), reference(3));
    for (name, samples) in results {
        let walls = walls(samples);
        let cpu: Vec<f64> = samples.iter().filter_map(|sample| sample.cpu).collect();
        let spread = Spread::of(&walls);
        table.row([
            (*name).to_owned(),
            or_dash(spread, |spread| seconds(spread.median)),
            or_dash(spread, |spread| seconds(spread.min)),
            or_dash(Spread::of(&cpu), |spread| seconds(spread.median)),
            or_dash(samples.iter().filter_map(|sample| sample.peak).max(), mebibytes),
            or_dash(ratio(&walls, &all), |ratio| format!("{ratio:.2}")),
            or_dash(ratio(&walls, &one), |ratio| format!("{ratio:.2}")),
        ]);
    }
    println!("{table}");
}
