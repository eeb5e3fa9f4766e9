//! Whether the work for a server's data grows faster than the data: processor time for an input, and for
//! two and four times as much of it.

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
    /// Only kinds whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Divide all sizes by this, for a quick trial
    #[arg(long, value_name = "N", default_value = "1", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    smaller: usize,
}

/// Doubling the input doubles linear work, and quadruples quadratic work.
const STEEPEST: f64 = 3.0;
/// In seconds. Smaller differences are lost in clock ticks and other work on the machine.
const TELLING: f64 = 0.2;

/// The costs of one step of a kind.
#[derive(Serialize)]
struct Row {
    kind: &'static str,
    step: &'static str,
    least: usize,
    runs: u32,
    /// Seconds of processor time of a run for an input of size one, `least`, and two and four times
    /// `least`.
    costs: [f64; 4],
}

impl Row {
    /// By which factor the cost above the smallest input's grew when the input doubled; `None` if it is too
    /// small to tell.
    fn factors(&self) -> [Option<f64>; 2] {
        let [fixed, one, two, four] = self.costs;
        let factor = |half: f64, whole: f64| {
            let above = whole - fixed;
            // At least one clock tick.
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
