//! One measurement, and tables of measurements.

use serde::Serialize;

use super::crew::NodeRun;
use super::setup::Setup;
use crate::hub::{Routes, Traffic};
use crate::table::{Table, or_dash, seconds};

/// The results of one setup with one number of nodes.
#[derive(Clone, Serialize)]
pub(super) struct Point {
    pub(super) setup: Setup,
    pub(super) nodes: usize,
    /// How many times smaller the model was than the whole one.
    pub(super) smaller: u64,
    /// The total size of the model's files in bytes.
    pub(super) bytes: u64,
    /// The seconds that the links alone would take.
    pub(super) ideal: f64,
    /// The seconds from the first start to the last end.
    pub(super) wall: f64,
    pub(super) median: f64,
    pub(super) p95: f64,
    pub(super) failures: Vec<String>,
    pub(super) hub: Routes,
    pub(super) store: StoreTraffic,
    pub(super) cache: Option<Traffic>,
    /// The used fraction of the link of the busiest server, including packet headers.
    pub(super) used: f64,
    /// The processor time of all nodes in seconds.
    pub(super) nodes_cpu: f64,
    /// The processor time of all servers in seconds.
    pub(super) servers_cpu: f64,
}

/// The requests that a store received, and the bytes it sent.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct StoreTraffic {
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// For all nodes: the median, the 95th percentile, and the errors of those that failed.
pub(super) fn summary(runs: &[NodeRun]) -> (f64, f64, Vec<String>) {
    let mut times: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(place).copied().unwrap_or_default()
    };
    (at(50), at(95), runs.iter().filter_map(|run| run.failure.clone()).collect())
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are printed")]
impl Point {
    /// How often the model's bytes have left the hub, including packs.
    pub(super) fn copies(&self) -> f64 {
        self.hub.content() as f64 / self.bytes as f64
    }

    /// The wall time, scaled up to the whole model.
    pub(super) fn whole_wall(&self) -> f64 {
        self.wall * self.smaller as f64
    }

    /// One line, as progress for the user.
    pub(super) fn said(&self) -> String {
        let Self { setup, nodes, wall, .. } = self;
        let failures = self.failures.len();
        format!(
            "{setup}, {nodes} nodes: {wall:.1} s, {:.2} copies from the hub, {failures} failures",
            self.copies()
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are printed")]
pub(super) fn table(points: &[&Point]) -> Table {
    let mut table = Table::new(&[
        "nodes",
        "model MB",
        "wall s",
        "lines alone s",
        "node median",
        "node 95 %",
        "hub: names",
        "hub: others",
        "hub MB",
        "copies",
        "store: reads",
        "writes",
        "MB",
        "cache: reads",
        "MB",
        "line used",
        "failures",
        "CPU s nodes",
        "servers",
    ]);
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    for point in points {
        let references = point.hub.references.requests;
        table.row([
            point.nodes.to_string(),
            megabytes(point.bytes),
            seconds(point.wall),
            seconds(point.ideal),
            seconds(point.median),
            seconds(point.p95),
            references.to_string(),
            (point.hub.requests() - references).to_string(),
            megabytes(point.hub.content()),
            format!("{:.2}", point.copies()),
            point.store.reads.to_string(),
            point.store.writes.to_string(),
            megabytes(point.store.sent),
            or_dash(point.cache, |cache| cache.requests.to_string()),
            or_dash(point.cache, |cache| megabytes(cache.bytes)),
            format!("{:.0} %", point.used * 100.0),
            point.failures.len().to_string(),
            seconds(point.nodes_cpu),
            seconds(point.servers_cpu),
        ]);
    }
    table
}

#[cfg(test)]
pub(super) fn point(setup: Setup, nodes: usize, wall: f64) -> Point {
    Point {
        setup,
        nodes,
        smaller: 1,
        bytes: 1000,
        ideal: wall,
        wall,
        median: wall,
        p95: wall,
        failures: Vec::new(),
        hub: Routes::default(),
        store: StoreTraffic::default(),
        cache: None,
        used: 0.9,
        nodes_cpu: 0.0,
        servers_cpu: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_nodes() {
        let run = |number: u32| NodeRun {
            seconds: f64::from(number),
            failure: (number == 7).then(|| "no".to_owned()),
        };
        let runs: Vec<NodeRun> = (1..=100).rev().map(run).collect();
        assert_eq!(summary(&runs), (50.0, 95.0, vec!["no".to_owned()]));
        assert_eq!(summary(&[run(3)]), (3.0, 3.0, Vec::new()));
    }

    #[test]
    fn copies_are_of_packs_and_files() {
        let mut point = point(Setup::Hub, 2, 1.0);
        point.hub.packs.bytes = 100;
        point.hub.blobs.bytes = 2000;
        point.hub.references.bytes = 5000;
        assert!((point.copies() - 2.1).abs() < 1e-9);
    }
}
