//! The results, as tables.

use std::fmt;

use serde::Serialize;

use super::scenes::Line;
use crate::contestants::Contestant;
use crate::statistics::{Spread, ratio};
use crate::table::{Table, or_dash, seconds};

/// How a download ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Done,
    /// Not done within this many seconds.
    NotWithin(u64),
    /// It reported success, but the bytes are wrong.
    Wrong,
}

/// One download, with all restarts.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Run {
    pub(super) outcome: Outcome,
    /// The seconds from the first start to the last end.
    pub(super) wall: f64,
    pub(super) restarts: u32,
    /// Bytes sent by the data host.
    pub(super) sent: u64,
    /// To the hub and the data host.
    pub(super) requests: usize,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcome {
            Outcome::Done => write!(f, "{} s", seconds(self.wall))?,
            Outcome::NotWithin(limit) => write!(f, "not within {limit} s")?,
            Outcome::Wrong => f.write_str("wrong bytes")?,
        }
        write!(f, ", {} restarts", self.restarts)
    }
}

/// One program on one line, round by round.
#[derive(Serialize)]
pub(super) struct Entry {
    pub(super) name: String,
    checks: &'static str,
    pub(super) command: String,
    pub(super) runs: Vec<Run>,
}

/// One line with all entries; ours is the first.
#[derive(Serialize)]
pub(super) struct Scored {
    pub(super) scene: Line,
    pub(super) bytes: u64,
    pub(super) entries: Vec<Entry>,
}

impl Entry {
    pub(super) fn of(contestant: &Contestant) -> Self {
        let (name, checks) = (contestant.name.clone(), contestant.checks);
        Self { name, checks, command: String::new(), runs: Vec::new() }
    }

    /// The outcome of the last run: a program that failed once is not run again.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.runs.last().map(|run| run.outcome)
    }

    /// `None` for a program that failed.
    pub(super) fn wall(&self) -> Option<f64> {
        (self.outcome() == Some(Outcome::Done)).then(|| self.median(|run| run.wall)).flatten()
    }

    fn walls(&self) -> Vec<f64> {
        self.runs.iter().map(|run| run.wall).collect()
    }

    fn median(&self, value: impl Fn(&Run) -> f64) -> Option<f64> {
        let values: Vec<f64> = self.runs.iter().map(value).collect();
        Spread::of(&values).map(|spread| spread.median)
    }

    /// The wall time as text.
    pub(super) fn shown(&self) -> String {
        match self.outcome() {
            Some(Outcome::NotWithin(limit)) => format!("not within {limit}"),
            Some(Outcome::Wrong) => "wrong bytes".to_owned(),
            Some(Outcome::Done) | None => or_dash(self.wall(), seconds),
        }
    }

    /// Our wall time divided by this one's. For a program that did not finish, only its time limit is
    /// known.
    fn compared(&self, ours: &Self) -> String {
        match self.outcome() {
            Some(Outcome::Done) => {
                let sign = if ours.wall().is_some() { "" } else { "> " };
                or_dash(ratio(&ours.walls(), &self.walls()), |ratio| format!("{sign}{ratio:.2}"))
            }
            Some(Outcome::NotWithin(_)) => {
                let (ours, this) = (ours.wall(), self.runs.last().map(|run| run.wall));
                or_dash(ours.zip(this), |(ours, this)| format!("< {:.2}", ours / this))
            }
            Some(Outcome::Wrong) | None => "-".to_owned(),
        }
    }
}

/// One row per program.
#[expect(clippy::cast_precision_loss, reason = "two digits are printed")]
pub(super) fn table(entries: &[Entry], bytes: u64) -> Table {
    let mut table =
        Table::new(&["program", "checks", "wall s", "ours/this", "restarts", "sent/model", "requests"]);
    let Some(ours) = entries.first() else { return table };
    for entry in entries {
        let whole = |value: f64| format!("{value:.0}");
        table.row([
            entry.name.clone(),
            entry.checks.to_owned(),
            entry.shown(),
            entry.compared(ours),
            or_dash(entry.median(|run| f64::from(run.restarts)), whole),
            or_dash(entry.median(|run| run.sent as f64 / bytes as f64), |share| format!("{share:.2}")),
            or_dash(entry.median(|run| run.requests as f64), whole),
        ]);
    }
    table
}

/// Compares ours with the best of the others on each line.
pub(super) fn summary(scored: &[Scored]) -> Table {
    let mut table = Table::new(&["line", "ours, s", "best other", "its s", "ours/its", "first"]);
    for Scored { scene, entries, .. } in scored {
        let Some((ours, others)) = entries.split_first() else { continue };
        let wall = |entry: &Entry| entry.wall().unwrap_or(f64::INFINITY);
        let best = others.iter().min_by(|one, other| wall(one).total_cmp(&wall(other)));
        let is_first = ours.wall().is_some() && best.is_none_or(|best| wall(ours) <= wall(best));
        table.row([
            scene.to_string(),
            ours.shown(),
            or_dash(best, |best| best.name.clone()),
            or_dash(best, Entry::shown),
            or_dash(best, |best| best.compared(ours)),
            if is_first { "yes" } else { "no" }.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
pub(super) fn entry(name: &str, runs: &[(Outcome, f64)]) -> Entry {
    let run = |(outcome, wall): &(Outcome, f64)| Run {
        outcome: *outcome,
        wall: *wall,
        restarts: 2,
        sent: 150,
        requests: 9,
    };
    let runs = runs.iter().map(run).collect();
    Entry { name: name.to_owned(), checks: "MD5", command: String::new(), runs }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        vec![
            entry("mlc-weights", &[(Outcome::Done, 1.0), (Outcome::Done, 2.0)]),
            entry("curl", &[(Outcome::Done, 4.0), (Outcome::Done, 4.0)]),
            entry("hf", &[(Outcome::Done, 3.0), (Outcome::NotWithin(60), 50.0)]),
            entry("aria2c", &[(Outcome::Wrong, 0.5)]),
        ]
    }

    #[test]
    fn what_was_not_done_is_named() {
        assert_eq!(
            table(&entries(), 100).to_string(),
            "\
| program     | checks |        wall s | ours/this | restarts | sent/model | requests |
| ----------- | -----: | ------------: | --------: | -------: | ---------: | -------: |
| mlc-weights |    MD5 |          1.50 |      1.00 |        2 |       1.50 |        9 |
| curl        |    MD5 |          4.00 |      0.38 |        2 |       1.50 |        9 |
| hf          |    MD5 | not within 60 |    < 0.03 |        2 |       1.50 |        9 |
| aria2c      |    MD5 |   wrong bytes |         - |        2 |       1.50 |        9 |
"
        );
    }

    #[test]
    fn when_ours_was_not_done_the_others_were_faster_by_more() {
        let ours = entry("mlc-weights", &[(Outcome::NotWithin(60), 60.0)]);
        assert_eq!(entry("curl", &[(Outcome::Done, 30.0)]).compared(&ours), "> 2.00");
        assert_eq!(entry("hf", &[(Outcome::NotWithin(60), 60.0)]).compared(&ours), "-");
    }

    #[test]
    fn the_best_of_the_others_is_one_that_was_done() {
        let scored = [Scored { scene: Line::Delay, bytes: 100, entries: entries() }];
        let table = summary(&scored).to_string();
        let row: Vec<&str> = table.lines().nth(2).unwrap().split('|').map(str::trim).collect();
        assert_eq!(row[2..7], ["1.50", "curl", "4.00", "0.38", "yes"]);
    }
}
