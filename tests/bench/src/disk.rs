//! A download onto the disk, with and without syncing, compared with only writing and syncing the same
//! bytes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde_json::{Value, json};

use crate::hub::{Network, Shape};
use crate::measure::measure;
use crate::statistics::{Spread, ratio};
use crate::table::{Table, or_dash, seconds};
use crate::workplace::{Workplace, emptied, go_on, removed};

/// Options that scale the benchmark down.
#[derive(Args, Clone)]
pub(super) struct DiskOptions {
    /// How often each is measured
    #[arg(long, default_value = "3", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// Number of shards
    #[arg(long, default_value = "40", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    shards: usize,
    /// Size of each shard in MiB
    #[arg(long, default_value = "32", value_parser = clap::value_parser!(u64).range(1..=1024))]
    shard_size: u64,
}

/// Seconds, round by round.
#[derive(Default)]
struct DiskWalls {
    synced: Vec<f64>,
    unsynced: Vec<f64>,
    alone: Vec<f64>,
}

pub(super) fn run(place: &Workplace, options: &DiskOptions) -> Result<Value> {
    let mut hub = place.start_hub(Network::Loopback)?;
    let (shards, size) = (options.shards, options.shard_size << 20);
    println!("\n## On disk: {shards} shards of {} MiB, {} rounds\n", options.shard_size, options.rounds);
    let model = hub.publish(&Shape { id: "bench/disk".to_owned(), shards, size, flipped: None })?;
    let mut walls = DiskWalls::default();
    let download = |more: &[&str]| {
        go_on()?;
        let home = emptied(place.disk.join("destination"))?;
        settle(&home)?;
        let mut ours = place.ours(&model.endpoint, &home);
        let sample = measure(ours.args(["download", "--progress", "none", &model.url]).args(more))?;
        removed(&home)?;
        anyhow::Ok(sample.wall)
    };
    let alone = || {
        go_on()?;
        let folder = emptied(place.disk.join("destination"))?;
        settle(&folder)?;
        let wall = write_and_sync(&folder, shards, size)?;
        removed(&folder)?;
        anyhow::Ok(wall)
    };
    for round in 0..options.rounds {
        // Rented disks slow down after many writes, so the order rotates.
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => walls.synced.push(download(&[])?),
                1 => walls.unsynced.push(download(&["--no-fsync"])?),
                _ => walls.alone.push(alone()?),
            }
        }
    }
    println!("{}", walls.table());
    println!("{}", walls.verdict());
    let DiskWalls { synced, unsynced, alone } = walls;
    Ok(json!({ "synced": synced, "unsynced": unsynced, "write_and_sync_alone": alone }))
}

/// Writes back what earlier runs left, so that it is not measured with this one.
fn settle(folder: &Path) -> Result<()> {
    measure(&mut std::process::Command::new("sync"))
        .with_context(|| format!("syncing {}", folder.display()))?;
    Ok(())
}

/// Writes as many files of the same size as the model has, in four threads, and syncs each.
fn write_and_sync(folder: &Path, files: usize, size: u64) -> Result<f64> {
    let piece = vec![0x5a; 1 << 20];
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let work = || -> std::io::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= files {
                return Ok(());
            }
            let mut file = File::create_new(folder.join(format!("{number}")))?;
            for _ in 0..size / piece.len() as u64 {
                file.write_all(&piece)?;
            }
            file.sync_all()?;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
    .with_context(|| format!("writing into {}", folder.display()))?;
    Ok(began.elapsed().as_secs_f64())
}

impl DiskWalls {
    fn table(&self) -> Table {
        let mut table = Table::new(&["what", "wall s", "min", "max"]);
        let rows = [
            ("mlc-weights", &self.synced),
            ("mlc-weights --no-fsync", &self.unsynced),
            ("writing and syncing alone", &self.alone),
        ];
        for (name, walls) in rows {
            let spread = Spread::of(walls);
            let cell = |pick: fn(&Spread) -> f64| or_dash(spread, |spread| seconds(pick(&spread)));
            table.row([name.to_owned(), cell(|s| s.median), cell(|s| s.min), cell(|s| s.max)]);
        }
        table
    }

    fn verdict(&self) -> Table {
        let mut table = Table::new(&["target", "at most", "measured", "reached"]);
        let larger: Vec<f64> =
            self.unsynced.iter().zip(&self.alone).map(|(one, other)| one.max(*other)).collect();
        if let Some(measured) = ratio(&self.synced, &larger) {
            let verdict = if measured <= 1.1 { "yes" } else { "no" };
            let target = "must: synced wall / the larger of the other two".to_owned();
            table.row([target, "1.10".to_owned(), format!("{measured:.2}"), verdict.to_owned()]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use local_hub::with_scratch;

    use super::*;

    #[test]
    fn the_larger_of_each_round_counts() {
        let walls = DiskWalls { synced: vec![2.2, 3.0], unsynced: vec![1.0, 3.0], alone: vec![2.0, 1.0] };
        assert!(
            walls.verdict().to_string().contains("|    1.10 |     1.05 |     yes |"),
            "{}",
            walls.verdict()
        );
    }

    #[test]
    fn writes_what_it_says() {
        with_scratch(|scratch| async move {
            write_and_sync(&scratch, 3, 2 << 20)?;
            let sizes = std::fs::read_dir(&scratch)?.map(|entry| Ok(entry?.metadata()?.len()));
            assert_eq!(sizes.collect::<Result<Vec<u64>>>()?, [2 << 20; 3]);
            Ok(())
        })
        .unwrap();
    }
}
