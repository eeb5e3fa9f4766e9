//! The targets of the race, and whether they were reached.

use super::Racer;
use crate::hub::{Network, PACE};
use crate::statistics::ratio;
use crate::table::Table;

/// The maximum number of connections that a download with default settings opens.
const CONNECTIONS: u64 = 32;

/// One row per target that these entries can show.
pub(super) fn reached(network: Network, entries: &[Racer], bytes: u64) -> Table {
    let mut table = Table::new(&["target", "at most", "measured", "reached"]);
    let mut judge = |target: String, limit: f64, measured: Option<f64>| {
        if let Some(measured) = measured {
            let verdict = if measured <= limit { "yes" } else { "no" };
            table.row([target, format!("{limit:.2}"), format!("{measured:.2}"), verdict.to_owned()]);
        }
    };
    let against = |other: Option<&Racer>| {
        let (ours, other) = (entries.first()?, other?);
        ratio(&ours.walls(), &other.walls())
    };
    let best = |is_one: &dyn Fn(&Racer) -> bool| {
        let ones = entries.iter().skip(1).filter(|entry| is_one(entry));
        ones.min_by(|one, other| one.wall().unwrap_or(f64::MAX).total_cmp(&other.wall().unwrap_or(f64::MAX)))
    };
    let named =
        |part: &'static str| best(&|entry: &Racer| entry.name.contains(part) && entry.checks != "nothing");
    let unverified =
        |part: &'static str| best(&|entry: &Racer| entry.name.contains(part) && entry.checks == "nothing");
    match network {
        Network::Loopback => {
            judge("must: wall / best curl then md5sum".to_owned(), 1.0, against(named("curl")));
            judge("must: wall / the original's way".to_owned(), 0.6, against(named("original")));
            judge("goal: wall / best unverified curl".to_owned(), 1.0, against(unverified("curl")));
        }
        Network::Paced => {
            judge("must: wall / best with 8 connections".to_owned(), 0.4, against(at_eight(entries)));
            judge("must: wall / curl with 32".to_owned(), 1.0, against(unverified("curl --parallel-max 32")));
            let ideal = ideal_seconds(bytes);
            let measured = entries.first().and_then(Racer::wall).map(|wall| wall / ideal);
            judge(format!("goal: wall / {ideal:.2} s, what 32 connections carry"), 1.3, measured);
        }
    }
    let peak = entries.first().and_then(Racer::peak).map(mebibytes);
    judge("must: peak memory, MiB".to_owned(), 64.0, peak);
    judge("goal: peak memory, MiB".to_owned(), 40.0, peak);
    table
}

/// The fastest of the others with at most eight simultaneous connections.
fn at_eight(entries: &[Racer]) -> Option<&Racer> {
    let few = |entry: &&Racer| entry.requests.is_some_and(|count| count.at_once <= 8);
    let others = entries.iter().skip(1).filter(few);
    others.min_by(|one, other| one.wall().unwrap_or(f64::MAX).total_cmp(&other.wall().unwrap_or(f64::MAX)))
}

#[expect(clippy::cast_precision_loss, reason = "two digits are printed")]
fn ideal_seconds(bytes: u64) -> f64 {
    bytes as f64 / (CONNECTIONS * PACE) as f64
}

#[expect(clippy::cast_precision_loss, reason = "two digits are printed")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
