//! What it takes to ask for the directory of a cached model: the whole process, from before its start.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde_json::{Value, json};

use super::hub::{Network, Shape};
use super::measure::{measure, shown};
use super::statistics::{Spread, ratio};
use super::table::{Table, or_dash};
use super::workplace::{Workplace, emptied, go_on};

/// How long to go on.
#[derive(Args, Clone)]
pub(super) struct Options {
    /// How often each program runs
    #[arg(long, default_value = "500", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// Shards of the model
    #[arg(long, default_value = "40", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    shards: usize,
}

const PATH: &str = "mlc-weights path";
const HELP: &str = "mlc-weights --help";
const CAT: &str = "cat of a small file";

pub(super) fn run(place: &Workplace, options: &Options) -> Result<Value> {
    println!("\n## A cached model of {} shards: {} rounds in turn\n", options.shards, options.rounds);
    let mut hub = place.start_hub(Network::Loopback)?;
    let shape = Shape { id: "bench/path".to_owned(), shards: options.shards, size: 4096, flipped: None };
    let model = hub.publish(&shape)?;
    let home = emptied(place.disk.join("destination"))?;
    measure(place.ours(&model.endpoint, &home).args(["download", "--progress", "none", &model.url]))?;
    let mut path = place.ours(&model.endpoint, &home);
    path.args(["path", &model.url]);
    let mut help = place.ours(&model.endpoint, &home);
    help.arg("--help");
    let walls = take_turns([path, help], &home.join("model_weights/hf/bench/path"), options.rounds)?;
    print(&walls);
    let results = walls.iter().map(|(name, walls)| (name.clone(), json!(Spread::of(walls))));
    Ok(Value::Object(results.collect()))
}

/// Our program first, then those that it is compared with.
fn take_turns(ours: [Command; 2], model: &Path, rounds: usize) -> Result<Vec<(String, Vec<f64>)>> {
    let [path, help] = ours;
    let mut cat = Command::new("cat");
    cat.arg(model.join("mlc-chat-config.json"));
    let mut programs = [(PATH, path), (HELP, help), (CAT, cat), ("true", Command::new("true"))]
        .map(|(name, command)| (name.to_owned(), command, Vec::new()));
    for _ in 0..rounds {
        go_on()?;
        for (_, command, walls) in &mut programs {
            walls.push(wall(command)?);
        }
    }
    Ok(programs.map(|(name, _, walls)| (name, walls)).into())
}

fn wall(command: &mut Command) -> Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    let status = command.status().with_context(|| format!("running {}", shown(command)))?;
    let wall = began.elapsed().as_secs_f64();
    ensure!(status.success(), "{} failed", shown(command));
    Ok(wall)
}

/// What is promised: half as much again as `cat`, and three milliseconds.
fn limit(walls: &[(String, Vec<f64>)]) -> Option<f64> {
    let cat = walls.iter().find(|(name, _)| name == CAT)?;
    Some(Spread::of(&cat.1)?.median * 1.5 + 0.003)
}

fn print(walls: &[(String, Vec<f64>)]) {
    let mut table = Table::new(&["program", "ms", "min", "path/this"]);
    let ours = walls.first().map(|(_, walls)| walls.as_slice()).unwrap_or_default();
    for (name, walls) in walls {
        let spread = Spread::of(walls);
        let milliseconds = |seconds: f64| format!("{:.2}", seconds * 1000.0);
        table.row([
            name.clone(),
            or_dash(spread, |spread| milliseconds(spread.median)),
            or_dash(spread, |spread| milliseconds(spread.min)),
            or_dash(ratio(ours, walls), |ratio| format!("{ratio:.2}")),
        ]);
    }
    println!("{table}");
    if let Some(limit) = limit(walls) {
        println!("Promised for {PATH} and {HELP}: 1.5 × cat + 3 ms, today {:.2} ms.", limit * 1000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_not_measured() {
        assert!(wall(&mut Command::new("true")).is_ok());
        assert_eq!(wall(&mut Command::new("false")).unwrap_err().to_string(), "false failed");
    }
}
