//! How large the program is, how long it takes to build, and what weighs most in each.

mod symbols;
mod timings;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use self::symbols::Weight;
use self::timings::Unit;
use super::measure::shown;
use super::table::{Table, seconds};
use super::workplace::{Workplace, emptied, removed};
use crate::workspace;

/// How to build.
#[derive(Args, Clone)]
pub(super) struct Options {
    /// How many jobs cargo runs at once
    #[arg(long, default_value = "2")]
    jobs: usize,
    /// How many of the heaviest are listed
    #[arg(long, default_value = "12")]
    most: usize,
}

/// The program of the release build, built from nothing in a folder of its own.
pub(super) fn run(place: &Workplace, options: &Options) -> Result<Value> {
    let target = emptied(place.disk.join("target"))?;
    let (program, wall) = build(&target, options.jobs)?;
    let whole = std::fs::metadata(&program)?.len();
    let stripped = target.join("stripped");
    ran(Command::new("strip").arg("-o").arg(&stripped).arg(&program))?;
    let size = std::fs::metadata(&stripped)?.len();
    println!("\n## Size: {:.2} MB stripped, {:.2} MB with symbols\n", megabytes(size), megabytes(whole));
    let weights = symbols::weights(&program)?;
    print_weights(weights.iter().take(options.most));
    println!("## A clean release build with {} jobs: {} s\n", options.jobs, seconds(wall));
    let units = timings::heaviest(&target)?;
    print_units(units.iter().take(options.most));
    removed(&target)?;
    Ok(json!({ "stripped": size, "whole": whole, "build": wall, "weights": weights, "units": units }))
}

fn build(target: &Path, jobs: usize) -> Result<(PathBuf, f64)> {
    let began = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--timings", "--package", "mlc-weights", "--jobs"]);
    cargo.arg(jobs.to_string()).arg("--target-dir").arg(target).current_dir(workspace::root());
    ran(&mut cargo)?;
    let program = target.join("release").join(format!("mlc-weights{}", std::env::consts::EXE_SUFFIX));
    Ok((program, began.elapsed().as_secs_f64()))
}

/// What a program has written, if it succeeded.
fn ran(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {}", shown(command)))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {errors}", shown(command));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn print_weights<'a>(weights: impl Iterator<Item = &'a Weight>) {
    let mut table = Table::new(&["code and data of", "kB"]);
    for weight in weights {
        table.row([weight.name.clone(), format!("{}", weight.bytes / 1000)]);
    }
    println!("{table}");
}

fn print_units<'a>(units: impl Iterator<Item = &'a Unit>) {
    let mut table = Table::new(&["unit", "s"]);
    for unit in units {
        table.row([unit.name.clone(), seconds(unit.duration)]);
    }
    println!("{table}");
}

#[expect(clippy::cast_precision_loss, reason = "a few digits for a person")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
