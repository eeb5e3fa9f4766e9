//! Charts of the time, and of what the hub sends, by the number of nodes.

use std::path::Path;

use anyhow::Result;

use super::point::Point;
use super::setup::Setup;
use crate::curves::{Curve, Graph, write};

const DRAWN: [Setup; 5] = [Setup::Hub, Setup::Store, Setup::Fill, Setup::Cache, Setup::Tier];
/// Smaller values are shown as this one.
const NEXT_TO_NOTHING: f64 = 0.01;

pub(super) fn draw(folder: &Path, points: &[Point]) -> Result<()> {
    let graph = |heading: &str, up: &str, note: &str, of: fn(&Point) -> f64| Graph {
        heading: heading.to_owned(),
        note: note.to_owned(),
        across: "nodes that begin at once".to_owned(),
        up: up.to_owned(),
        curves: curves(points, of),
    };
    let note = "Hub 100 Mbit/s, store 1 Gbit/s. Where a smaller model was measured, its time is multiplied.";
    let wall = graph("Until the last node has the model", "seconds", note, Point::whole_wall);
    write(&folder.join("fleet-wall.svg"), &wall)?;
    let note = "Copies of all packs and files. The lowest line stands for less than a hundredth.";
    let hub =
        graph("What the hub sends", "copies of the model", note, |point| point.copies().max(NEXT_TO_NOTHING));
    write(&folder.join("fleet-hub.svg"), &hub)
}

fn curves(points: &[Point], of: fn(&Point) -> f64) -> Vec<Curve> {
    let curve = |setup: &Setup| Curve {
        name: setup.to_string(),
        points: points
            .iter()
            .filter(|point| point.setup == *setup)
            .map(|point| (f64::from(u32::try_from(point.nodes).unwrap_or(u32::MAX)), of(point)))
            .collect(),
    };
    DRAWN.iter().map(curve).filter(|curve| !curve.points.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::point::point;
    use super::*;

    #[test]
    fn every_setup_that_was_measured_has_a_curve() {
        let mut points =
            vec![point(Setup::Hub, 1, 2.0), point(Setup::Hub, 64, 128.0), point(Setup::Tier, 1, 0.1)];
        points[1].smaller = 2;
        let curves = curves(&points, Point::whole_wall);
        assert_eq!(curves.len(), 2);
        assert_eq!(curves[0].points, [(1.0, 2.0), (64.0, 256.0)]);
    }
}
