//! Peak memory of downloads, which must not grow with the model, and the cost of many small shards.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::hub::{HubProcess, Network, Shape};
use crate::measure::measure;
use crate::table::{Table, mebibytes, or_dash, seconds};
use crate::workplace::{Workplace, emptied, go_on, removed};

/// Additional options.
#[derive(Args, Clone)]
pub(super) struct MemoryOptions {
    /// Leave out the models of many small shards
    #[arg(long)]
    large_only: bool,
}

/// The number of shards, and the bytes of each.
const LARGE: [(usize, u64); 2] = [(4, 64_000_000), (16, 64_000_000)];
const SMALL: [(usize, u64); 2] = [(1_000, 4 << 10), (10_000, 4 << 10)];

pub(super) fn run(place: &Workplace, options: &MemoryOptions) -> Result<Value> {
    println!("\n## Memory: downloads with default settings\n");
    let mut table = Table::new(&[
        "model",
        "network",
        "wall s",
        "CPU s",
        "ms a shard",
        "peak MiB",
        "connections",
        "at once",
    ]);
    let mut results = Vec::new();
    for network in [Network::Paced, Network::Loopback] {
        let mut hub = place.start_hub(network)?;
        let small = SMALL.into_iter().filter(|_| network == Network::Loopback && !options.large_only);
        for (shards, size) in LARGE.into_iter().chain(small) {
            go_on()?;
            results.push(download(place, &mut hub, network, (shards, size), &mut table)?);
        }
    }
    println!("{table}");
    Ok(json!(results))
}

fn download(
    place: &Workplace,
    hub: &mut HubProcess,
    network: Network,
    (shards, size): (usize, u64),
    table: &mut Table,
) -> Result<Value> {
    let id = format!("bench/memory-{shards}-{size}");
    let model = hub.publish(&Shape { id, shards, size, flipped: None })?;
    let home = emptied(place.memory.join("destination"))?;
    hub.count()?;
    let mut ours = place.ours(&model.endpoint, &home);
    let sample = measure(ours.args(["download", "--progress", "none", &model.url]))?;
    let requests = hub.count()?;
    removed(&home)?;
    let count = u32::try_from(shards).map_or(f64::MAX, f64::from);
    table.row([
        format!("{shards} shards of {}", if size < 1_000_000 { "4 KiB" } else { "64 MB" }),
        if network == Network::Paced { "paced" } else { "loopback" }.to_owned(),
        seconds(sample.wall),
        or_dash(sample.cpu, seconds),
        format!("{:.2}", sample.wall * 1000.0 / count),
        or_dash(sample.peak, mebibytes),
        requests.connections.to_string(),
        requests.at_once.to_string(),
    ]);
    Ok(json!({ "shards": shards, "size": size, "network": network, "sample": sample, "requests": requests }))
}
