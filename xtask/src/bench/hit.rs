//! What the library takes to find a cached model, by the number of its files.

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use facade::Request;
use serde_json::{Value, json};

use super::cached::{Laid, of_shards};
use super::statistics::Spread;
use super::table::{Table, or_dash};
use super::workplace::{Workplace, emptied, go_on};

/// How often.
#[derive(Args, Clone)]
pub(super) struct Options {
    /// How often each model is asked for
    #[arg(long, default_value = "200", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// Shards of the models
    #[arg(long, value_delimiter = ',', default_values_t = [1, 60, 121, 242, 483, 966])]
    shards: Vec<usize>,
}

pub(super) fn run(place: &Workplace, options: &Options) -> Result<Value> {
    println!("\n## A hit in the library, by the number of shards: {} rounds in turn\n", options.rounds);
    let laid = Laid::new(&emptied(place.memory.join("hit"))?);
    let downloader = laid.downloader()?;
    let mut measured = Vec::with_capacity(options.shards.len());
    for shards in &options.shards {
        laid.model("bench", &format!("of-{shards}"), &of_shards(*shards)?)?;
        let request: Request = format!("HF://bench/of-{shards}").parse()?;
        measured.push((*shards, request, Vec::new()));
    }
    for _ in 0..options.rounds {
        go_on()?;
        for (shards, request, walls) in &mut measured {
            let began = Instant::now();
            let hit = downloader.cached(request)?;
            walls.push(began.elapsed().as_secs_f64());
            ensure!(hit.is_some(), "the model of {shards} shards is no hit");
        }
    }
    let mut table = Table::new(&["shards", "ms", "min", "us a shard"]);
    for (shards, _, walls) in &measured {
        let spread = Spread::of(walls);
        table.row([
            shards.to_string(),
            or_dash(spread, |spread| format!("{:.3}", spread.median * 1e3)),
            or_dash(spread, |spread| format!("{:.3}", spread.min * 1e3)),
            or_dash(spread, |spread| format!("{:.2}", per(spread.median * 1e6, *shards))),
        ]);
    }
    println!("{table}");
    Ok(measured
        .iter()
        .map(|(shards, _, walls)| json!({ "shards": shards, "seconds": Spread::of(walls) }))
        .collect())
}

#[expect(clippy::cast_precision_loss, reason = "two digits are printed")]
fn per(value: f64, count: usize) -> f64 {
    value / count.max(1) as f64
}
