//! The program, killed again and again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::MetadataCommand;
use clap::Args;
use local_hub::Crash;

use crate::scratch::with_scratch;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How often to kill
    #[arg(long, value_name = "N", default_value_t = 200)]
    rounds: usize,
    /// What the moments follow from; printed by every run
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// The program to kill, instead of one that is built now
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let program = arguments.program.clone().map_or_else(|| build(root), Ok)?;
    with_scratch(|scratch| async move {
        let crash = Crash::new(&program, &scratch);
        let crash = arguments.seed.map_or(crash.clone(), |seed| crash.with_seed(seed));
        let (rounds, start) = (arguments.rounds, Instant::now());
        println!("killing mlc-weights {rounds} times, seed {}", crash.seed());
        let killing = tokio::task::spawn_blocking(move || {
            crash.run(rounds, |tally| {
                if tally.all_kills() % 20 == 0 {
                    println!("  {} kills, {} models", tally.all_kills(), tally.models);
                }
            })
        });
        let tally = killing.await??;
        let [plain, redo, repair] = tally.kills;
        println!(
            "killed {plain} times in plain, {redo} in forced and {repair} in repairing downloads, in {:.0} s",
            start.elapsed().as_secs_f64()
        );
        println!(
            "{} models arrived; of {} looks at what was visible each saw what was there before, or the whole model",
            tally.models, tally.looks
        );
        Ok(())
    })
}

fn build(root: &Path) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--locked", "--package", "mlc-weights"])
        .current_dir(root)
        .status()
        .context("running cargo; is it in the PATH?")?;
    ensure!(status.success(), "building mlc-weights failed");
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
    let program = format!("debug/mlc-weights{}", std::env::consts::EXE_SUFFIX);
    Ok(metadata.target_directory.join(program).into_std_path_buf())
}
