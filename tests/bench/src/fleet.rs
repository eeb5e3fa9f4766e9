//! A fleet: many nodes need the same model at once, and get it from the hub, from a store, or from both.
//!
//! The hub, store, cache and nodes are in separate network namespaces, connected by links of limited speed.
//! With more nodes the model is smaller, so that a run takes minutes and fits into memory; the links stay
//! the same.

mod cache;
mod crew;
mod killed;
mod law;
mod musts;
mod network;
mod picture;
mod point;
mod setup;
mod site;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde_json::{Value, json};

use cache::HttpCache;
pub(super) use crew::{NodesOptions, serve};
use point::{Point, table};
use setup::{Setup, Speeds};
use site::{Networks, Site};

use crate::machine::kilobytes;
use crate::workplace::{Workplace, go_on};

/// Options that scale the benchmark down.
#[derive(Args, Clone)]
pub(super) struct FleetOptions {
    /// Only this setup; may be repeated
    #[arg(long, value_name = "SETUP")]
    line: Vec<Setup>,
    /// Smallest number of nodes
    #[arg(long, default_value = "1", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    least: usize,
    /// Largest number of nodes
    #[arg(long, default_value = "1000", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    most: usize,
    /// Size of the whole model in MB
    #[arg(long, value_name = "MB", default_value = "210", value_parser = clap::value_parser!(u64).range(1..=2000))]
    model_size: u64,
    /// Speed of the hub's link in Mbit/s; the store's is ten times as fast
    #[arg(long, value_name = "MBIT", default_value = "100", value_parser = clap::value_parser!(u64).range(1..=1000))]
    hub_speed: u64,
    /// Scale the model down until the links alone would take at most this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "110", value_parser = clap::value_parser!(u32).range(1..))]
    at_most: u32,
    /// Draw charts (`fleet-wall.svg`, `fleet-hub.svg`) in this folder
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
    /// This process is already in its own network
    #[arg(long, hide = true)]
    inside: bool,
}

/// Restarts this program in its own network; call this before anything else.
pub(super) fn enter(options: &FleetOptions, program: &Path) -> Result<()> {
    if options.inside { Ok(()) } else { network::enter(program) }
}

pub(super) fn run(place: &Workplace, options: &FleetOptions) -> Result<Value> {
    let setups = if options.line.is_empty() { Setup::ALL.to_vec() } else { options.line.clone() };
    let speeds = Speeds { hub: options.hub_speed * 125_000, store: options.hub_speed * 1_250_000 };
    let networks = Networks::new()?;
    let mut site = Site::new(place, &networks, site::weed(crate::root())?, speeds)?;
    let mut points = Vec::new();
    for setup in setups {
        if setup == Setup::Cache && !HttpCache::is_installed() {
            println!("\nthere is no nginx: {setup} is left out");
            continue;
        }
        for nodes in setup.nodes(options.least..=options.most) {
            go_on()?;
            let point = measured(&mut site, options, speeds, setup, nodes)?;
            eprintln!("{}", point.said());
            for failure in point.failures.iter().take(3) {
                eprintln!("  {failure}");
            }
            points.push(point);
        }
        let of = points.iter().filter(|point| point.setup == setup).collect::<Vec<_>>();
        println!("\n## {setup}\n\n{}", table(&of));
    }
    report(options, &points)
}

fn measured(
    site: &mut Site<'_>,
    options: &FleetOptions,
    speeds: Speeds,
    setup: Setup,
    nodes: usize,
) -> Result<Point> {
    let bytes = options.model_size * 1_000_000;
    let smaller = setup.smaller(nodes, bytes, speeds, options.at_most.into(), room()?);
    site.measure(setup, nodes, bytes, smaller).with_context(|| format!("{setup}, {nodes} nodes"))
}

/// The number of bytes that all copies together may occupy in memory.
fn room() -> Result<u64> {
    let memory = fs::read_to_string("/proc/meminfo").context("asking for the free memory")?;
    Ok(kilobytes(&memory, "MemAvailable").unwrap_or_default() * 1024 / 10 * 8)
}

/// The conclusions from all points.
fn report(options: &FleetOptions, points: &[Point]) -> Result<Value> {
    let (laws, musts) = (law::laws(points), musts::musts(points));
    println!("\n## The law\n\n{}", law::table(&laws));
    println!("## On paper\n\n{}", law::paper(&laws, points));
    if let Some(limits) = law::limits(&laws) {
        println!("{limits}");
    }
    println!("## Must\n");
    for must in &musts {
        println!("- {must}");
    }
    if let Some(folder) = &options.charts {
        picture::draw(folder, points)?;
    }
    let parameters = json!({
        "model_megabytes": options.model_size,
        "hub_megabits": options.hub_speed,
        "at_most_seconds": options.at_most,
    });
    Ok(json!({ "parameters": parameters, "points": points, "laws": laws, "musts": musts }))
}
