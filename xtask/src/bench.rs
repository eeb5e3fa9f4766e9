//! How fast, against other programs, over a hub on this machine.
//!
//! Everything is measured on release builds, with the hub in a process of its own. Nothing here is part of `ci`.

mod chart;
mod contestants;
#[cfg(target_os = "linux")]
mod curves;
mod disk;
#[cfg(target_os = "linux")]
mod fleet;
mod growth;
mod hash;
mod hub;
mod lines;
mod machine;
mod measure;
mod memory;
mod race;
pub(crate) mod release;
mod resume;
mod statistics;
mod table;
mod workplace;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use machine::Machine;
pub(crate) use machine::kilobytes;
use workplace::Workplace;

/// `cargo xtask bench` and its subcommands.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    race: race::Options,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum What {
    /// A whole download against other programs (the default)
    Race {
        #[command(flatten)]
        options: race::Options,
        #[command(flatten)]
        common: Common,
    },
    /// A download onto the disk, synced, against writing and syncing alone
    Disk {
        #[command(flatten)]
        options: disk::Options,
        #[command(flatten)]
        common: Common,
    },
    /// Many nodes that want one model at once, from a hub, a store, a cache or a shared folder
    #[cfg(target_os = "linux")]
    Fleet {
        #[command(flatten)]
        options: fleet::Options,
        #[command(flatten)]
        common: Common,
    },
    /// Whether twice as much from a server costs more than twice the processor time
    Growth {
        #[command(flatten)]
        options: growth::Options,
        #[command(flatten)]
        common: Common,
    },
    /// How fast files are hashed, from 1 to 16 at once
    Hash {
        #[command(flatten)]
        options: hash::Options,
        #[command(flatten)]
        common: Common,
    },
    /// A whole download over bad lines, against other programs
    Lines {
        #[command(flatten)]
        options: lines::Options,
        #[command(flatten)]
        common: Common,
    },
    /// Peak memory of downloads, by the size of the model and of its shards
    Memory {
        #[command(flatten)]
        options: memory::Options,
        #[command(flatten)]
        common: Common,
    },
    /// What a download that was killed fetches again
    Resume {
        #[command(flatten)]
        options: resume::Options,
        #[command(flatten)]
        common: Common,
    },
    /// The nodes of a fleet that share a process
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Nodes(fleet::NodesOptions),
    /// The hub that the others start; it is told what to do on standard input
    #[command(hide = true)]
    Serve(hub::Options),
}

/// What all benchmarks take.
#[derive(Args, Clone)]
struct Common {
    /// Write the results as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure this `mlc-weights` instead of the workspace's
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs the benchmark; in a development build, its release build does.
pub(crate) fn run(root: &Path, bench: &Bench) -> Result<()> {
    if let Some(What::Serve(options)) = &bench.what {
        return hub::serve(options);
    }
    #[cfg(target_os = "linux")]
    if let Some(What::Nodes(options)) = &bench.what {
        return fleet::serve(options);
    }
    if cfg!(debug_assertions) {
        return release::run_again(root);
    }
    match &bench.what {
        None => measured(root, &bench.common, &bench.race, race::run),
        Some(What::Race { options, common }) => measured(root, common, options, race::run),
        Some(What::Disk { options, common }) => measured(root, common, options, disk::run),
        #[cfg(target_os = "linux")]
        Some(What::Fleet { options, common }) => {
            fleet::enter(options, &program(root, common)?)?;
            measured(root, common, options, fleet::run)
        }
        Some(What::Growth { options, common }) => measured(root, common, options, growth::run),
        Some(What::Hash { options, common }) => measured(root, common, options, hash::run),
        Some(What::Lines { options, common }) => measured(root, common, options, lines::run),
        Some(What::Memory { options, common }) => measured(root, common, options, memory::run),
        Some(What::Resume { options, common }) => measured(root, common, options, resume::run),
        #[cfg(target_os = "linux")]
        Some(What::Nodes(_)) => Ok(()),
        Some(What::Serve(_)) => Ok(()),
    }
}

fn program(root: &Path, common: &Common) -> Result<PathBuf> {
    common.program.clone().map_or_else(|| release::program(root), Ok)
}

/// Everything around the measuring itself.
fn measured<O: Clone + Send + 'static>(
    root: &Path,
    common: &Common,
    options: &O,
    benchmark: fn(&Workplace, &O) -> Result<Value>,
) -> Result<()> {
    let program = program(root, common)?;
    let machine = Machine::look(root);
    println!("{machine}");
    let options = options.clone();
    let results = workplace::with_workplace(&program, move |place| benchmark(place, &options))?;
    if let Some(file) = &common.json {
        let report = json!({ "machine": machine, "program": program, "results": results });
        std::fs::write(file, format!("{report:#}\n"))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}
