//! What the library takes to list a cache of many models.

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use facade::Cache;
use facade::cache::Origin;
use serde_json::{Value, json};

use super::cached::{Laid, reader_lm};
use super::statistics::Spread;
use super::table::{Table, or_dash};
use super::workplace::{Workplace, emptied, go_on};

/// How many, and how often.
#[derive(Args, Clone)]
pub(super) struct Options {
    /// How often the cache is listed
    #[arg(long, default_value = "20", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// How many models it has
    #[arg(long, default_value = "1000", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    models: usize,
}

pub(super) fn run(place: &Workplace, options: &Options) -> Result<Value> {
    println!(
        "\n## Listing {} models with the manifest of ReaderLM-v2: {} rounds in turn\n",
        options.models, options.rounds
    );
    let layout = reader_lm(&crate::workspace::root())?;
    let with = Laid::new(&emptied(place.memory.join("with"))?);
    let without = Laid::new(&emptied(place.memory.join("without"))?);
    for number in 0..options.models {
        go_on()?;
        let repo = format!("model-{number}");
        with.model("bench", &repo, &layout)?;
        with.receipt("bench", &repo, &layout)?;
        without.model("bench", &repo, &layout)?;
    }
    let caches =
        [("with receipts", with.cache()?, Origin::Receipt), ("without", without.cache()?, Origin::Unknown)];
    let mut measured = caches.map(|(name, cache, origin)| (name, cache, origin, Vec::new()));
    for _ in 0..options.rounds {
        go_on()?;
        for (_, cache, origin, walls) in &mut measured {
            walls.push(timed(cache, *origin, options.models)?);
        }
    }
    let mut table = Table::new(&["cache", "ms", "min", "max"]);
    for (name, _, _, walls) in &measured {
        let spread = Spread::of(walls);
        let milliseconds = |seconds: f64| format!("{:.0}", seconds * 1e3);
        table.row([
            (*name).to_owned(),
            or_dash(spread, |spread| milliseconds(spread.median)),
            or_dash(spread, |spread| milliseconds(spread.min)),
            or_dash(spread, |spread| milliseconds(spread.max)),
        ]);
    }
    println!("{table}");
    let rows = measured.iter().map(|(name, _, _, walls)| ((*name).to_owned(), json!(Spread::of(walls))));
    Ok(Value::Object(rows.collect()))
}

fn timed(cache: &Cache, origin: Origin, models: usize) -> Result<f64> {
    let began = Instant::now();
    let listing = cache.list()?;
    let wall = began.elapsed().as_secs_f64();
    ensure!(listing.models.len() == models, "{} models were listed", listing.models.len());
    ensure!(
        listing.models.iter().all(|model| model.is_whole() && model.origin == origin),
        "they are not as laid out"
    );
    Ok(wall)
}
