//! Whole downloads, compared with other programs by turns in one run.

mod guard;
mod picture;
mod targets;

use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use serde_json::{Value, json};

use crate::contestants::{Contestant, Course};
use crate::hub::{Count, HubProcess, Network, Served, Shape};
use crate::measure::{Sample, measure, shown};
use crate::statistics::{Spread, ratio};
use crate::table::{Table, mebibytes, or_dash, seconds};
use crate::workplace::{Workplace, emptied, go_on, removed};

/// Options that scale the benchmark down.
#[derive(Args, Clone)]
pub(super) struct RaceOptions {
    /// How often each program runs
    #[arg(long, default_value = "5", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// Number of shards
    #[arg(long, default_value = "40", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    shards: usize,
    /// Size of each shard in MiB
    #[arg(long, default_value = "32", value_parser = clap::value_parser!(u64).range(1..=1024))]
    shard_size: u64,
    /// Only this network
    #[arg(long)]
    network: Option<Network>,
    /// Only programs whose name contains this, besides ours
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Another build of `mlc-weights` to compare with
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Draw a chart of each network (`race-loopback.svg`, `race-paced.svg`) in this folder
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
}

/// The costs of one entry, round by round.
#[derive(Serialize)]
struct Racer {
    name: String,
    checks: &'static str,
    command: String,
    samples: Vec<Sample>,
    /// Of the last round; `None` for checks that follow a download.
    requests: Option<Count>,
}

/// Runs the race on every network.
pub(super) fn run(place: &Workplace, options: &RaceOptions) -> Result<Value> {
    let networks = match options.network {
        Some(network) => vec![network],
        None => vec![Network::Loopback, Network::Paced],
    };
    let races = networks.into_iter().map(|network| race(place, options, network));
    Ok(json!(races.collect::<Result<Vec<Value>>>()?))
}

fn race(place: &Workplace, options: &RaceOptions, network: Network) -> Result<Value> {
    let mut hub = place.start_hub(network)?;
    let (shards, size) = (options.shards, options.shard_size << 20);
    println!(
        "\n## {network}: {shards} shards of {} MiB, {} rounds, in memory\n",
        options.shard_size, options.rounds
    );
    guard::refuses_a_flipped_bit(place, &mut hub, size)?;
    let model = hub.publish(&Shape { id: "bench/race".to_owned(), shards, size, flipped: None })?;
    let inputs = emptied(place.memory.join("inputs"))?;
    let course = Course { place, model: &model, inputs: &inputs };
    let wanted = |name: &str| options.against.as_ref().is_none_or(|part| name.contains(part.as_str()));
    let others = course.others()?.into_iter().filter(|other| wanted(&other.name));
    let before = options.before.as_deref().map(|program| course.before(program));
    let contestants: Vec<Contestant> = [course.ours()].into_iter().chain(before).chain(others).collect();
    let entries = rounds(place, &mut hub, &model, &contestants, options.rounds)?;
    println!("{}", table(&entries));
    for entry in &entries {
        let folder = place.memory.display().to_string();
        println!("{}: {}", entry.name, entry.command.replace(&folder, "…"));
    }
    let targets = targets::reached(network, &entries, model.bytes());
    println!("\n{targets}");
    if let Some(folder) = &options.charts {
        picture::draw(folder, network, model.bytes(), &entries)?;
    }
    Ok(json!({ "network": network, "bytes": model.bytes(), "rounds": options.rounds, "entries": entries }))
}

/// Runs all entries once per round.
fn rounds(
    place: &Workplace,
    hub: &mut HubProcess,
    model: &Served,
    contestants: &[Contestant],
    rounds: usize,
) -> Result<Vec<Racer>> {
    let mut entries: Vec<Racer> = Vec::new();
    let mut note = |name: String, checks, command: String, sample, requests| {
        let known = entries.iter().position(|entry: &Racer| entry.name == name);
        match known.and_then(|index| entries.get_mut(index)) {
            Some(entry) => {
                entry.samples.push(sample);
                entry.requests = requests;
            }
            None => entries.push(Racer { name, checks, command, samples: vec![sample], requests }),
        }
    };
    for round in 1..=rounds {
        for contestant in contestants {
            go_on()?;
            if stderr().is_terminal() {
                eprint!("round {round} of {rounds}: {:<60}\r", contestant.name);
            }
            let destination = emptied(place.memory.join("destination"))?;
            hub.count()?;
            let mut download = (contestant.download)(&destination);
            let sample = measure(&mut download)?;
            is_complete(&destination, model).with_context(|| contestant.name.clone())?;
            let requests = Some(hub.count()?);
            note(contestant.name.clone(), contestant.checks, shown(&download), sample, requests);
            if let Some(check) = &contestant.check {
                let mut check = check(&destination);
                let both = sample.then(measure(&mut check)?);
                note(format!("{}, then md5sum", contestant.name), "MD5", shown(&check), both, None);
            }
            removed(&destination)?;
        }
    }
    if stderr().is_terminal() {
        eprintln!("{:<80}", "");
    }
    Ok(entries)
}

/// Checks that all files of the model are somewhere below the folder, with the right sizes.
fn is_complete(folder: &Path, model: &Served) -> Result<()> {
    let mut found = Vec::new();
    sizes(folder, &mut found)?;
    for file in &model.files {
        let has = found.iter().any(|(name, size)| *name == file.path && *size == file.size);
        // The original does not fetch files that the manifest does not name.
        ensure!(has || !file.path.ends_with(".bin"), "{} is missing", file.path);
    }
    Ok(())
}

fn sizes(folder: &Path, found: &mut Vec<(String, u64)>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sizes(&entry.path(), found)?;
        } else {
            found.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
        }
    }
    Ok(())
}

impl Racer {
    fn walls(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.wall).collect()
    }

    fn wall(&self) -> Option<f64> {
        Spread::of(&self.walls()).map(|spread| spread.median)
    }

    fn cpu(&self) -> Option<f64> {
        let cpus: Option<Vec<f64>> = self.samples.iter().map(|sample| sample.cpu).collect();
        Spread::of(&cpus?).map(|spread| spread.median)
    }

    fn peak(&self) -> Option<u64> {
        self.samples.iter().filter_map(|sample| sample.peak).max()
    }
}

/// Our own entry comes first.
fn table(entries: &[Racer]) -> Table {
    let mut table = Table::new(&[
        "program",
        "checks",
        "wall s",
        "min",
        "max",
        "ours/this",
        "CPU s",
        "ours/this",
        "peak MiB",
        "connections",
        "at once",
    ]);
    let ours = entries.first();
    for entry in entries {
        let spread = Spread::of(&entry.walls());
        let wall_ratio = ours.and_then(|ours| ratio(&ours.walls(), &entry.walls()));
        let cpus = ours.and_then(Racer::cpu).zip(entry.cpu().filter(|cpu| *cpu > 0.0));
        table.row([
            entry.name.clone(),
            entry.checks.to_owned(),
            or_dash(spread, |spread| seconds(spread.median)),
            or_dash(spread, |spread| seconds(spread.min)),
            or_dash(spread, |spread| seconds(spread.max)),
            or_dash(wall_ratio, |ratio| format!("{ratio:.2}")),
            or_dash(entry.cpu(), seconds),
            or_dash(cpus, |(ours, this)| format!("{:.2}", ours / this)),
            or_dash(entry.peak(), mebibytes),
            or_dash(entry.requests, |count| count.connections.to_string()),
            or_dash(entry.requests, |count| count.at_once.to_string()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests;
