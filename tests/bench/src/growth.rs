//! Whether the work for what a server sends grows faster than what it sends: processor time for an input, twice and four
//! times as much of it.

mod inputs;
mod kinds;
mod runs;

use anyhow::{Result, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::Serialize;
use serde_json::{Value, json};

pub(super) use inputs::{Input, make};
use kinds::{KINDS, Kind};
use runs::Step;

use crate::table::{Table, or_dash, seconds};
use crate::workplace::{Workplace, go_on};

/// What to measure.
#[derive(Args, Clone)]
pub(super) struct GrowthOptions {
    /// Only the kinds whose name has this in it
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Everything so many times smaller, to see whether it works at all
    #[arg(long, value_name = "N", default_value = "1", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    smaller: usize,
}

/// Twice the input makes a factor of two where work is linear, and of four where it is quadratic.
const STEEPEST: f64 = 3.0;
/// Seconds. What the kernel's clock ticks and other work on the machine make of less is no measurement.
const TELLING: f64 = 0.2;

/// What one step of a kind costs.
#[derive(Serialize)]
struct Row {
    kind: &'static str,
    step: &'static str,
    least: usize,
    runs: u32,
    /// Seconds of processor time of a run, for an input of one, of `least`, and of twice and four times as many.
    costs: [f64; 4],
}

impl Row {
    /// How many times the cost above that of the smallest input became when the input doubled; nothing if it is too
    /// little to be told.
    fn factors(&self) -> [Option<f64>; 2] {
        let [fixed, one, two, four] = self.costs;
        let factor = |half: f64, whole: f64| {
            let above = whole - fixed;
            // Of nothing at all, a tick of the clock is taken.
            (above * f64::from(self.runs) >= TELLING).then(|| above / (half - fixed).max(0.01))
        };
        [factor(one, two), factor(two, four)]
    }

    fn is_steep(&self) -> bool {
        self.factors().into_iter().flatten().any(|factor| factor > STEEPEST)
    }
}

pub(super) fn run(place: &Workplace, options: &GrowthOptions) -> Result<Value> {
    println!("\n## What twice the input costs: processor time of a run, s\n");
    let mut rows = Vec::new();
    for kind in KINDS.iter().filter(|kind| kind.name.contains(&options.only)) {
        eprintln!("{} …", kind.name);
        rows.extend(measured(place, kind, options.smaller)?);
    }
    println!("{}", table(&rows));
    println!("Factors are of what a run costs above the smallest input; a dash is too little to be told.");
    let steep: Vec<String> =
        rows.iter().filter(|row| row.is_steep()).map(|row| format!("{}: {}", row.kind, row.step)).collect();
    ensure!(
        steep.is_empty(),
        "twice the input costs more than {STEEPEST} times the work ({})",
        steep.join("; ")
    );
    Ok(json!(rows))
}

fn measured(place: &Workplace, kind: &'static Kind, smaller: usize) -> Result<Vec<Row>> {
    let least = (kind.least / smaller).max(1);
    let mut costs = [const { Vec::new() }; 4];
    for (cost, count) in costs.iter_mut().zip([1, least, 2 * least, 4 * least]) {
        go_on()?;
        *cost = kind.run(place, count)?;
    }
    let row = |(place, step): (usize, &Step)| {
        let costs = costs.each_ref().map(|costs| costs.get(place).copied().unwrap_or(f64::NAN));
        Row { kind: kind.name, step: step.name(), least, runs: kind.runs, costs }
    };
    Ok(kind.steps.iter().enumerate().map(row).collect())
}

fn table(rows: &[Row]) -> Table {
    let mut table =
        Table::new(&["what grows", "step", "n", "at 1", "at n", "at 2n", "at 4n", "n to 2n", "2n to 4n"]);
    for row in rows {
        let factors = row.factors().map(|factor| or_dash(factor, |factor| format!("{factor:.2}")));
        let named = [row.kind.to_owned(), row.step.to_owned(), row.least.to_string()];
        table.row(named.into_iter().chain(row.costs.map(seconds)).chain(factors));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(costs: [f64; 4]) -> Row {
        Row { kind: "files", step: "download", least: 10, runs: 1, costs }
    }

    #[test]
    fn factors_are_of_the_cost_above_the_fixed_one() {
        let linear = row([1.0, 2.0, 3.0, 5.0]);
        assert_eq!(linear.factors(), [Some(2.0), Some(2.0)]);
        assert!(!linear.is_steep());
        assert!(row([1.0, 2.0, 5.0, 17.0]).is_steep());
        assert!(row([0.01, 0.01, 0.01, 1.01]).is_steep());
    }

    #[test]
    fn what_costs_next_to_nothing_is_not_judged() {
        let cheap = row([0.01, 0.01, 0.03, 0.12]);
        assert_eq!(cheap.factors(), [None, None]);
        assert!(!cheap.is_steep());
        let often = Row { runs: 10, ..cheap };
        assert!(often.is_steep(), "{:?}", often.factors());
    }
}
