//! A model fitted to the points, and its prediction for a fleet that does not fit on one machine.

use serde::Serialize;

use super::point::Point;
use super::setup::Setup;
use crate::table::{Table, seconds};

/// `T = fixed + lines / used`: the time that the links alone would take, divided by the used fraction of
/// their speed, plus a part that does not grow with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Law {
    setup: Setup,
    points: usize,
    /// In seconds.
    fixed: f64,
    used: f64,
    /// The largest relative error of a point.
    off: f64,
}

impl Law {
    /// Minimizes the squares of the relative errors. `None` with fewer than three points.
    pub(super) fn of(setup: Setup, points: &[Point]) -> Option<Self> {
        let points: Vec<(f64, f64)> = points
            .iter()
            .filter(|point| point.setup == setup && point.ideal > 0.0)
            .map(|point| (point.ideal, point.wall))
            .collect();
        if points.len() < 3 {
            return None;
        }
        // The error of a point is divided by its time, so that all have the same weight.
        let sum = |of: fn(f64, f64) -> f64| points.iter().map(|(x, t)| of(*x, *t)).sum::<f64>();
        let (one, x, xx) = (sum(|_, t| 1.0 / (t * t)), sum(|x, t| x / (t * t)), sum(|x, t| x * x / (t * t)));
        let (t, xt) = (sum(|_, t| 1.0 / t), sum(|x, t| x / t));
        let determinant = one * xx - x * x;
        let (mut fixed, mut slope) = ((t * xx - xt * x) / determinant, (one * xt - x * t) / determinant);
        if !(determinant > 0.0 && fixed >= 0.0) {
            (fixed, slope) = (0.0, xt / xx);
        }
        // No link can exceed its speed: if it seems so, that is due to waits of random length.
        if slope < 1.0 {
            (fixed, slope) = (((t - x) / one).max(0.0), 1.0);
        }
        let off = points.iter().map(|(x, t)| ((fixed + slope * x) / t - 1.0).abs()).fold(0.0, f64::max);
        Some(Self { setup, points: points.len(), fixed, used: 1.0 / slope, off })
    }

    fn seconds(&self, lines: f64) -> f64 {
        self.fixed + lines / self.used
    }
}

pub(super) fn laws(points: &[Point]) -> Vec<Law> {
    [Setup::Hub, Setup::Store, Setup::Fill, Setup::Cache]
        .iter()
        .filter_map(|setup| Law::of(*setup, points))
        .collect()
}

pub(super) fn table(laws: &[Law]) -> Table {
    let mut table = Table::new(&["", "lines alone", "points", "fixed s", "lines used", "worst point off by"]);
    for law in laws {
        table.row([
            law.setup.to_string(),
            law.setup.law().to_owned(),
            law.points.to_string(),
            seconds(law.fixed),
            format!("{:.0} %", law.used * 100.0),
            format!("{:.0} %", law.off * 100.0),
        ]);
    }
    table
}

/// The size of MLC's shards in bytes; each is one request to a store.
const SHARD: f64 = 32.0 * 1024.0 * 1024.0;
/// The size of the model in bytes for the predicted fleet.
const MODEL: f64 = 40e9;
const NODES: f64 = 1000.0;
/// The `GET` requests per second that a bucket answers below one prefix, according to its operator.
const ANSWERS: f64 = 5500.0;
/// The price in dollars of a `GET`, and of a gigabyte sent out of a cloud.
const GET: f64 = 0.4e-6;
const EGRESS: f64 = 0.09;

/// A place with a link, in bytes per second.
struct PaperPlace {
    name: String,
    setup: Setup,
    hub_copies: f64,
    hub: f64,
    serves: f64,
}

fn gigabits(number: f64) -> f64 {
    number * 1e9 / 8.0
}

fn places() -> Vec<PaperPlace> {
    let place = |name: &str, setup, hub_copies, hub, serves| PaperPlace {
        name: name.to_owned(),
        setup,
        hub_copies,
        hub: gigabits(hub),
        serves: gigabits(serves),
    };
    // A bucket serves each node at the speed of its network card (25 Gbit/s), and all nodes at its request
    // limit.
    let bucket = (ANSWERS * SHARD * 8.0 / 1e9).min(NODES * 25.0);
    vec![
        place("hub alone, 1 Gbit/s", Setup::Hub, NODES, 1.0, 1.0),
        place("hub alone, 10 Gbit/s", Setup::Hub, NODES, 10.0, 10.0),
        place("store on one server, 10 Gbit/s", Setup::Store, 0.0, 1.0, 10.0),
        place("store on one server, 100 Gbit/s", Setup::Store, 0.0, 1.0, 100.0),
        place("bucket, filled before", Setup::Store, 0.0, 1.0, bucket),
        place("bucket, filled on the way, hub 1 Gbit/s", Setup::Fill, 1.0, 1.0, bucket),
        place("bucket, filled on the way, hub 10 Gbit/s", Setup::Fill, 1.0, 10.0, bucket),
    ]
}

/// How many requests a node makes in a large fleet for each one that it makes alone: slow files are
/// requested again.
#[expect(clippy::cast_precision_loss, reason = "a few digits are printed")]
fn asked_again(points: &[Point]) -> f64 {
    let stores = points.iter().filter(|point| point.setup == Setup::Store);
    let reads = stores.map(|point| point.store.reads as f64 / point.nodes as f64);
    let (least, most) =
        reads.fold((f64::MAX, 0.0), |(least, most), reads| (reads.min(least), reads.max(most)));
    if least > 0.0 && most > 0.0 { most / least } else { 1.0 }
}

/// The prediction for a thousand nodes and a model of 40 GB.
pub(super) fn paper(laws: &[Law], points: &[Point]) -> Table {
    let mut table = Table::new(&[
        "1,000 nodes × 40 GB",
        "hub TB",
        "hours",
        "million GETs, at least",
        "as measured",
        "$ GETs, as measured",
        "$ hub egress",
    ]);
    let again = asked_again(points);
    for place in places() {
        let Some(law) = laws.iter().find(|law| law.setup == place.setup) else { continue };
        let once = MODEL / place.hub;
        let lines = match place.setup {
            Setup::Hub => NODES * once,
            Setup::Fill => once + NODES * MODEL / place.serves,
            _ => NODES * MODEL / place.serves,
        };
        let gets = if place.setup == Setup::Hub { 0.0 } else { NODES * (MODEL / SHARD).ceil() };
        let from_hub = place.hub_copies * MODEL;
        table.row([
            place.name,
            format!("{:.2}", from_hub / 1e12),
            format!("{:.2}", law.seconds(lines) / 3600.0),
            format!("{:.2}", gets / 1e6),
            format!("{:.2}", gets * again / 1e6),
            format!("{:.2}", gets * again * GET),
            format!("{:.2}", from_hub / 1e9 * EGRESS),
        ]);
    }
    table
}

/// How many nodes can get 40 GB in a given number of minutes.
pub(super) fn limits(laws: &[Law]) -> Option<Table> {
    let law = laws.iter().find(|law| law.setup == Setup::Store)?;
    let mut table = Table::new(&["a store gives", "nodes in 5 min", "in 15 min", "in 60 min"]);
    let bucket = ANSWERS * SHARD * 8.0 / 1e9;
    for (name, speed) in [
        ("1 Gbit/s", 1.0),
        ("10 Gbit/s", 10.0),
        ("100 Gbit/s", 100.0),
        ("5,500 shards of 32 MiB a second (one prefix of a bucket)", bucket),
    ] {
        let within = |minutes: f64| {
            ((minutes * 60.0 - law.fixed).max(0.0) * law.used * gigabits(speed) / MODEL).floor().to_string()
        };
        table.row([name.to_owned(), within(5.0), within(15.0), within(60.0)]);
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::super::point::point;
    use super::*;

    #[test]
    fn the_law_is_found_again_in_points_that_follow_it() {
        let lines = [1.0, 2.0, 8.0, 64.0];
        let points: Vec<Point> = lines
            .iter()
            .map(|lines| Point { ideal: *lines, ..point(Setup::Store, 1, 0.5 + lines / 0.8) })
            .collect();
        let law = Law::of(Setup::Store, &points).unwrap();
        assert!((law.fixed - 0.5).abs() < 1e-6 && (law.used - 0.8).abs() < 1e-6 && law.off < 1e-6, "{law:?}");
        assert_eq!(Law::of(Setup::Store, &points[..2]), None);
        let mut points = points;
        for (point, reads) in points.iter_mut().zip([10, 30]) {
            point.store.reads = reads;
        }
        let text = paper(&[law], &points[..2]).to_string();
        // 40 TB at 10 Gbit/s, 80 % of which are used.
        assert!(text.contains("| store on one server, 10 Gbit/s  |   0.00 | 11.11 |"), "{text}");
        assert!(text.contains("1.19 |        3.58 |"), "{text}");
    }

    #[test]
    fn no_line_is_used_more_than_wholly() {
        let points: Vec<Point> = [(1.0, 9.0), (2.0, 8.0), (4.0, 9.0)]
            .map(|(ideal, wall)| Point { ideal, ..point(Setup::Fill, 1, wall) })
            .into();
        let law = Law::of(Setup::Fill, &points).unwrap();
        assert!((law.used - 1.0).abs() < 1e-9 && law.fixed > 5.0, "{law:?}");
    }

    #[test]
    fn nothing_begins_before_its_time() {
        let points: Vec<Point> = [(1.0, 1.0), (2.0, 2.5), (4.0, 6.0)]
            .map(|(ideal, wall)| Point { ideal, ..point(Setup::Hub, 1, wall) })
            .into();
        assert!(Law::of(Setup::Hub, &points).unwrap().fixed.abs() < 1e-9);
    }
}
