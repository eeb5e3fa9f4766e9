//! What is fetched again after a download was killed, and the cost of hashing what is not.

mod take_up;

use std::fs::{self, Metadata};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use serde_json::{Value, json};

use crate::hub::{Count, HubProcess, Network, Served, Shape};
use crate::measure::{measure, shown};
use crate::table::{Table, mebibytes, seconds};
use crate::workplace::{Workplace, emptied, go_on, removed};

/// Options that scale the benchmark down.
#[derive(Args, Clone)]
pub(super) struct ResumeOptions {
    /// How often a download is killed
    #[arg(long, default_value = "6", value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    rounds: u32,
    /// Number of shards
    #[arg(long, default_value = "40", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    shards: usize,
    /// Size of each shard in MiB
    #[arg(long, default_value = "32", value_parser = clap::value_parser!(u64).range(1..=1024))]
    shard_size: u64,
    /// Skip the kills, and only measure the cost of hashing what is not fetched
    #[arg(long)]
    taken_up_only: bool,
    /// Keep files on the disk instead of in memory, for models that do not fit
    #[arg(long)]
    on_disk: bool,
    /// Drop the page cache of the model before hashing; needs GNU dd
    #[arg(long, requires = "on_disk")]
    cold: bool,
}

impl ResumeOptions {
    /// The folder for all files.
    fn folder<'a>(&self, place: &'a Workplace) -> &'a Path {
        if self.on_disk { &place.disk } else { &place.memory }
    }
}

const ID: &str = "bench/resume";

/// The number of bytes per connection that may be fetched twice.
const AGAIN: u64 = 2 << 20;

/// Larger files in staging are shards, not metadata or journals.
const SHARD: u64 = 1 << 20;

#[derive(Serialize)]
struct Killed {
    after: f64,
    /// Bytes of shards left by the killed run.
    staged: u64,
    /// Open connections to the data host.
    open: usize,
    /// Bytes requested by the second run.
    asked: u64,
    /// Bytes that it requested twice, to take over the rest of a slow connection.
    again: u64,
    /// The maximum it should request.
    limit: u64,
    second_run: f64,
}

pub(super) fn run(place: &Workplace, options: &ResumeOptions) -> Result<Value> {
    let folder = options.folder(place);
    let mut hub = HubProcess::start(folder, Network::Paced)?;
    let (shards, size) = (options.shards, options.shard_size << 20);
    println!(
        "\n## Killed and run again, {}: {shards} shards of {} MiB\n",
        Network::Paced,
        options.shard_size
    );
    let model = hub.publish(&Shape { id: ID.to_owned(), shards, size, flipped: None })?;
    let killed = if options.taken_up_only { Value::Null } else { kills(place, &mut hub, options, &model)? };
    let taken_up = take_up::run(place, &mut hub, options, &model)?;
    Ok(json!({ "killed": killed, "taken_up": taken_up }))
}

fn kills(place: &Workplace, hub: &mut HubProcess, options: &ResumeOptions, model: &Served) -> Result<Value> {
    let home = emptied(options.folder(place).join("destination"))?;
    let whole = measure(&mut download(place, model, &home))?.wall;
    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        go_on()?;
        // At a random moment, but spread evenly over the whole download.
        let part = (f64::from(round) + chance()) / f64::from(options.rounds);
        let home = emptied(home.clone())?;
        rounds.push(kill(place, hub, model, &home, whole * part)?);
    }
    println!("without interruption: {} s\n\n{}", seconds(whole), table(&rounds));
    Ok(json!({ "whole": whole, "rounds": rounds }))
}

fn download(place: &Workplace, model: &Served, home: &Path) -> Command {
    let mut command = place.ours(&model.endpoint, home);
    command.args(["download", "--progress", "none", &model.url]);
    command
}

fn kill(place: &Workplace, hub: &mut HubProcess, model: &Served, home: &Path, after: f64) -> Result<Killed> {
    hub.count()?;
    let mut command = download(place, model, home);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.with_context(|| format!("running {}", shown(&command)))?;
    let (_alarm, silence) = channel::<()>();
    // Nothing is ever sent, so this waits.
    let _ = silence.recv_timeout(Duration::from_secs_f64(after));
    let open = hub.count()?.open;
    child.kill().context("killing the download")?;
    child.wait().context("waiting for the killed download")?;
    let staged = staged(home)?;
    hub.count()?;
    let second_run = measure(&mut download(place, model, home))?.wall;
    let Count { asked, asked_again: again, .. } = hub.count()?;
    removed(home)?;
    let limit = model.bytes().saturating_sub(staged) + AGAIN * open as u64;
    Ok(Killed { after, staged, open, asked, again, limit, second_run })
}

/// Bytes of shards below the folder, not counting holes.
fn staged(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            bytes += staged(&entry.path())?;
        } else if metadata.len() > SHARD {
            bytes += written(&metadata);
        }
    }
    Ok(bytes)
}

#[cfg(unix)]
fn written(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.len().min(metadata.blocks() * 512)
}

#[cfg(not(unix))]
fn written(metadata: &Metadata) -> u64 {
    metadata.len()
}

/// A number from 0 to 1, derived from the clock.
fn chance() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    f64::from(now.subsec_micros() % 1000) / 1000.0
}

fn table(rounds: &[Killed]) -> Table {
    let mut table = Table::new(&[
        "killed after s",
        "staged MiB",
        "connections",
        "at most MiB",
        "asked MiB",
        "reached",
        "of it twice",
        "run 2, s",
    ]);
    for killed in rounds {
        table.row([
            seconds(killed.after),
            mebibytes(killed.staged),
            killed.open.to_string(),
            mebibytes(killed.limit),
            mebibytes(killed.asked),
            if killed.asked <= killed.limit { "yes" } else { "no" }.to_owned(),
            mebibytes(killed.again),
            seconds(killed.second_run),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use local_hub::with_scratch;

    use super::*;

    #[test]
    fn only_shards_count_as_staged() {
        with_scratch(|scratch| async move {
            fs::create_dir(scratch.join("deep"))?;
            fs::write(scratch.join("deep/part"), vec![1; 2 << 20])?;
            fs::write(scratch.join("journal"), vec![1; 4096])?;
            assert_eq!(staged(&scratch)?, 2 << 20);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_round_is_judged_by_its_limit() {
        let killed = |asked| Killed {
            after: 1.0,
            staged: 1 << 20,
            open: 2,
            asked,
            again: 0,
            limit: 3 << 20,
            second_run: 0.5,
        };
        let rows = table(&[killed(3 << 20), killed(4 << 20)]).to_string();
        let verdicts: Vec<bool> = rows.lines().skip(2).map(|row| row.contains("yes")).collect();
        assert_eq!(verdicts, [true, false], "{rows}");
    }
}
