//! The tasks of this workspace: `cargo xtask` lists them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to its user")]

mod api;
mod bar;
mod ci;
mod command;
#[cfg(target_os = "linux")]
mod cross;
mod demo;
mod fuzz;
mod hub;
mod programs;
mod sample;
mod smoke;
mod tidy;
mod venv;
mod wheel;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use facade::ModelUrl;

/// Tasks of this workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Writes docs/api, the public items of the libraries' crates
    Api,
    /// Attacks the program with a hostile hub and a hostile neighbour, and says which promises hold
    #[cfg(unix)]
    Attack(programs::PassedOn),
    /// Measures downloads against other programs, over a hub on this machine
    Bench(programs::PassedOn),
    /// Runs everything that must pass: format, clippy, tests, docs, tidy
    Ci(ci::CiArguments),
    /// Kills downloads repeatedly while watching the visible directory
    Crash(programs::CrashArguments),
    /// Builds for other systems, and runs what can be run here
    #[cfg(target_os = "linux")]
    Cross(cross::CrossArguments),
    /// Downloads a model from a hub on this machine, and shows what is guaranteed
    Demo,
    /// Fuzzes every parser of untrusted bytes, guided by coverage, and keeps new inputs
    Fuzz(fuzz::FuzzArguments),
    /// Runs a hub on this machine until Ctrl-C, for manual experiments
    Hub(hub::HubOptions),
    /// Packs and builds every crate as it would be published, without publishing
    Package,
    /// Writes docs/screens.md with the output of the real program
    Screens,
    /// Downloads a real model from the configured hub into a temporary folder
    Smoke {
        /// The model, `HF://user/repo`
        #[arg(value_name = "MODEL")]
        model: ModelUrl,
    },
    /// Checks the rules of the workspace that the compiler does not check
    Tidy,
    /// Builds the Python wheel, which contains the module and the command
    Wheel(wheel::WheelArguments),
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let root = workspace::root();
    match &cli.task {
        None => list(),
        Some(Task::Api) => api::run(&root)?,
        #[cfg(unix)]
        Some(Task::Attack(arguments)) => programs::bench(&root, "attack", arguments)?,
        Some(Task::Bench(arguments)) => programs::bench(&root, "bench", arguments)?,
        Some(Task::Ci(arguments)) => ci::run(&root, arguments)?,
        Some(Task::Crash(arguments)) => programs::crash(&root, arguments)?,
        #[cfg(target_os = "linux")]
        Some(Task::Cross(arguments)) => cross::run(&root, arguments)?,
        Some(Task::Demo) => demo::run()?,
        Some(Task::Fuzz(arguments)) => fuzz::run(&root, arguments)?,
        Some(Task::Hub(options)) => hub::run(options)?,
        Some(Task::Package) => programs::package(&root)?,
        Some(Task::Screens) => programs::screens(&root)?,
        Some(Task::Smoke { model }) => smoke::run(model.model())?,
        Some(Task::Tidy) => tidy::run(&root)?,
        Some(Task::Wheel(arguments)) => wheel::run(&root, arguments)?,
    }
    Ok(())
}

fn list() {
    println!("Tasks, each with --help:");
    for task in Cli::command().get_subcommands() {
        let about = task.get_about().map(ToString::to_string).unwrap_or_default();
        println!("  cargo xtask {:<14} {about}", usage(task));
    }
}

/// `smoke <MODEL>`: the name and the required arguments.
fn usage(task: &clap::Command) -> String {
    let required = task.get_positionals().filter(|argument| argument.is_required_set());
    required.fold(task.get_name().to_owned(), |usage, argument| format!("{usage} {argument}"))
}
