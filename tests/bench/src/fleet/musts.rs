//! What must hold on any machine.

use std::fmt;

use serde::Serialize;

use super::point::Point;
use super::setup::Setup;

/// A promise, and whether it was kept.
#[derive(Serialize)]
pub(super) struct Must {
    promise: &'static str,
    /// `None` if it was not measured.
    held: Option<bool>,
    /// The worst measurement.
    seen: String,
}

pub(super) fn musts(points: &[Point]) -> Vec<Must> {
    let copies = |promise, setup, most: f64| {
        let worst = worst(points, setup, Point::copies);
        Must { promise, held: worst.map(|it| it <= most), seen: shown(worst, "copies") }
    };
    let pinned = worst(points, Setup::Pinned, |point| {
        f64::from(u32::try_from(point.hub.requests()).unwrap_or(u32::MAX))
    });
    let least_used = points
        .iter()
        .filter(|point| point.setup == Setup::Store && point.nodes >= 16)
        .map(|point| point.used)
        .min_by(f64::total_cmp);
    let failures: usize = points.iter().map(|point| point.failures.len()).sum();
    vec![
        copies("a filled store: at most 1.05 copies from the hub", Setup::Store, 1.05),
        Must {
            promise: "a filled store and a pinned commit: no request to the hub",
            held: pinned.map(|requests| requests < 1.0),
            seen: shown(pinned, "requests"),
        },
        copies("filled on the way from empty: at most 1.5 copies", Setup::Fill, 1.5),
        copies("64 nodes, the store at a tenth of its speed: at most 1.05 copies", Setup::SlowStore, 1.05),
        Must {
            promise: "16 nodes and more: the store's line is used to at least 85 %",
            held: least_used.map(|used| used >= 0.85),
            seen: least_used.map_or_else(|| "-".to_owned(), |used| format!("{:.0} %", used * 100.0)),
        },
        Must {
            promise: "no node fails",
            held: (!points.is_empty()).then_some(failures == 0),
            seen: format!("{failures} of {}", points.iter().map(|point| point.nodes).sum::<usize>()),
        },
        copies("a holder killed in the middle: at most one more copy", Setup::Killed, 2.05),
    ]
}

fn worst(points: &[Point], setup: Setup, of: impl Fn(&Point) -> f64) -> Option<f64> {
    points.iter().filter(|point| point.setup == setup).map(of).max_by(f64::total_cmp)
}

fn shown(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2} {unit}"))
}

impl fmt::Display for Must {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = match self.held {
            Some(true) => "held",
            Some(false) => "MISSED",
            None => "not measured",
        };
        write!(f, "{held}: {} ({})", self.promise, self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::super::point::point;
    use super::*;

    #[test]
    fn the_worst_point_decides() {
        let mut points = vec![point(Setup::Fill, 2, 1.0), point(Setup::Fill, 4, 1.0)];
        points[1].hub.blobs.bytes = 1600;
        let said = musts(&points).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(
            said.contains("MISSED: filled on the way from empty: at most 1.5 copies (1.60 copies)"),
            "{said}"
        );
        assert!(said.contains("held: no node fails (0 of 6)"), "{said}");
        assert!(said.contains("not measured: a filled store: at most 1.05"), "{said}");
        points[1].failures.push("no".to_owned());
        assert!(musts(&points).iter().any(|must| must.to_string() == "MISSED: no node fails (1 of 6)"));
    }

    #[test]
    fn a_line_must_be_used_by_many_only() {
        let mut points = vec![point(Setup::Store, 8, 1.0), point(Setup::Store, 16, 1.0)];
        points[0].used = 0.1;
        let held = |points: &[Point]| musts(points)[4].held;
        assert_eq!(held(&points), Some(true));
        points[1].used = 0.84;
        assert_eq!(held(&points), Some(false));
    }
}
