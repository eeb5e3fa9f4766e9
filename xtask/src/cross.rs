//! Builds for other systems, and runs there whatever one Linux machine can run. Slow, and not part of `ci`;
//! the results are in docs/platforms.md.

mod empty_root;
mod main_job;
mod rust_source;
mod target;
mod tools;
mod wine;
mod wine_tests;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use self::target::Target;
use self::tools::Tools;

#[derive(Args)]
pub(crate) struct CrossArguments {
    /// Only these targets
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Keep the build, 3 GB, for the next time
    #[arg(long)]
    keep: bool,
}

/// Type-checks, builds and runs, and prints a table. Installs missing tools from Debian and the Python
/// package index.
pub(crate) fn run(root: &Path, arguments: &CrossArguments) -> Result<()> {
    let known = |name: &String| target::ALL.iter().any(|target| target.triple == name);
    if let Some(name) = arguments.targets.iter().find(|name| !known(name)) {
        anyhow::bail!("{name} is none of {}", target::ALL.map(|target| target.triple).join(", "));
    }
    let tools = Tools::bring(root)?;
    let chosen = target::ALL.iter().filter(|target| {
        arguments.targets.is_empty() || arguments.targets.iter().any(|name| name == target.triple)
    });
    let rows: Vec<Row> = chosen.flat_map(|target| rows(root, &tools, target)).collect();
    let failed = rows.iter().filter(|row| row.failed).count();
    println!("\n{}\n\n| target | what | outcome |\n|---|---|---|", tools.versions()?);
    for row in &rows {
        println!("| {} | {} | {} |", row.target, row.what, row.outcome);
    }
    if !arguments.keep {
        std::fs::remove_dir_all(tools.place()).context("removing target/cross")?;
    }
    ensure!(failed == 0, "{failed} of {} failed", rows.len());
    Ok(())
}

/// A row of the table.
struct Row {
    target: &'static str,
    what: &'static str,
    outcome: String,
    failed: bool,
}

fn rows(root: &Path, tools: &Tools, target: &'static Target) -> Vec<Row> {
    let mut rows = Vec::new();
    for (what, step) in target.steps {
        println!("== {}: {what}", target.triple);
        let outcome = step(root, tools, target);
        let failed = outcome.is_err();
        let outcome = outcome.unwrap_or_else(|error| format!("**failed**: {error:#}").replace('\n', " "));
        rows.push(Row { target: target.triple, what, outcome, failed });
        // A program that was not built cannot run.
        if failed {
            break;
        }
    }
    rows
}
