//! The chart of one race.

use std::path::Path;

use anyhow::Result;

use super::Racer;
use crate::chart::{Bar, Panel, write};
use crate::hub::Network;
use crate::table::seconds;

pub(super) fn draw(folder: &Path, network: Network, bytes: u64, entries: &[Racer]) -> Result<()> {
    let name = match network {
        Network::Loopback => "race-loopback.svg",
        Network::Paced => "race-paced.svg",
    };
    let panel = Panel { title: format!("{network}, {}", gigabytes(bytes)), bars: bars(entries) };
    let note = "Seconds until the whole model is there, medians, and the digests that each program compares.";
    write(&folder.join(name), "A whole download", note, 1, &[panel])
}

fn bars(entries: &[Racer]) -> Vec<Bar> {
    let bar = |(place, entry): (usize, &Racer)| Bar {
        name: entry.name.clone(),
        length: entry.wall(),
        label: format!("{} s, checks {}", entry.wall().map_or_else(String::new, seconds), entry.checks),
        is_ours: place == 0,
    };
    entries.iter().enumerate().map(bar).collect()
}

#[expect(clippy::cast_precision_loss, reason = "two digits are printed")]
fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}
