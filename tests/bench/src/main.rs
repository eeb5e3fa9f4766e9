//! Measures the program against others, and attacks it, over a hub on this machine.
//!
//! `cargo xtask bench` and `cargo xtask attack` start this program with their own arguments. Benchmarks
//! measure release builds, with the hub in a separate process. Nothing here is part of `ci`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to its user")]

#[cfg(unix)]
mod attack;
mod chart;
mod contestants;
#[cfg(target_os = "linux")]
mod curves;
mod disk;
#[cfg(target_os = "linux")]
mod fleet;
mod growth;
mod hash;
mod hostile;
mod hub;
mod lines;
mod machine;
mod measure;
mod memory;
mod race;
mod resume;
mod statistics;
mod table;
mod workplace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use machine::Machine;
use workplace::Workplace;

/// The workspace tasks that this program implements.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Attacks the program with a hostile hub and a hostile neighbour, and says which promises hold
    #[cfg(unix)]
    Attack(attack::Arguments),
    /// Measures downloads against other programs, over a hub on this machine
    Bench(Box<Bench>),
}

/// `cargo xtask bench` and its subcommands.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    race: With<race::RaceOptions>,
}

#[derive(Subcommand)]
enum What {
    /// A whole download against other programs (the default)
    Race(With<race::RaceOptions>),
    /// A download onto the disk, synced, compared with only writing and syncing
    Disk(With<disk::DiskOptions>),
    /// Many nodes that need one model at once, from a hub, a store, a cache or a shared folder
    #[cfg(target_os = "linux")]
    Fleet(With<fleet::FleetOptions>),
    /// Whether twice as much data from a server costs more than twice the processor time
    Growth(With<growth::GrowthOptions>),
    /// How fast files are hashed, 1 to 16 at once
    Hash(With<hash::HashOptions>),
    /// A whole download over bad lines, against other programs
    Lines(With<lines::LinesOptions>),
    /// Peak memory of downloads, by the size of the model and its shards
    Memory(With<memory::MemoryOptions>),
    /// What is fetched again after a download was killed
    Resume(With<resume::ResumeOptions>),
    /// The nodes of a fleet that share a process
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Nodes(fleet::NodesOptions),
    /// The hub that the others start, controlled over standard input
    #[command(hide = true)]
    Serve(hub::HubOptions),
}

/// A benchmark's own options, and the common ones.
#[derive(Args)]
struct With<O: Args> {
    #[command(flatten)]
    options: O,
    /// Also write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure this `mlc-weights` instead of the workspace's
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        #[cfg(unix)]
        Task::Attack(arguments) => attack::run(root(), &arguments),
        Task::Bench(bench) => run(&bench),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace that this program was built from.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

fn run(bench: &Bench) -> Result<()> {
    match &bench.what {
        None => bench.race.measured(race::run),
        Some(What::Race(race)) => race.measured(race::run),
        Some(What::Disk(disk)) => disk.measured(disk::run),
        #[cfg(target_os = "linux")]
        Some(What::Fleet(fleet)) => {
            fleet::enter(&fleet.options, &fleet.program()?)?;
            fleet.measured(fleet::run)
        }
        Some(What::Growth(growth)) => growth.measured(growth::run),
        Some(What::Hash(hash)) => hash.measured(hash::run),
        Some(What::Lines(lines)) => lines.measured(lines::run),
        Some(What::Memory(memory)) => memory.measured(memory::run),
        Some(What::Resume(resume)) => resume.measured(resume::run),
        #[cfg(target_os = "linux")]
        Some(What::Nodes(options)) => fleet::serve(options),
        Some(What::Serve(options)) => hub::serve(options),
    }
}

impl<O: Args + Clone + Send + 'static> With<O> {
    /// The program to measure: the named one, or a new build.
    fn program(&self) -> Result<PathBuf> {
        if cfg!(debug_assertions) {
            bail!("a development build measures nothing: `cargo xtask bench` starts a release build");
        }
        self.program.clone().map_or_else(|| workplace::release_build(root()), Ok)
    }

    /// Runs a benchmark with everything around it.
    fn measured(&self, benchmark: fn(&Workplace, &O) -> Result<Value>) -> Result<()> {
        let program = self.program()?;
        let machine = Machine::look(root());
        println!("{machine}");
        let options = self.options.clone();
        let results = workplace::with_workplace(&program, move |place| benchmark(place, &options))?;
        if let Some(file) = &self.json {
            let report = json!({ "machine": machine, "program": program, "results": results });
            std::fs::write(file, format!("{report:#}\n"))
                .with_context(|| format!("writing {}", file.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_lines_are_understood() {
        Task::command().debug_assert();
        for line in ["bench", "bench --json x", "bench race --program x --json y", "bench growth --json x"] {
            let parsed = Task::try_parse_from(["cargo xtask"].into_iter().chain(line.split(' ')));
            assert!(parsed.is_ok(), "{line}: {}", parsed.err().map_or_else(String::new, |e| e.to_string()));
        }
    }
}
