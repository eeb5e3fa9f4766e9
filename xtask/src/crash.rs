//! The program, killed again and again: the test that does so (crates/mlc-weights/tests/watched), for longer.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

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
    let mut test = Command::new("cargo");
    test.args([
        "test",
        "--quiet",
        "--locked",
        "--package",
        "mlc-weights",
        "--test",
        "watched",
        "--",
        "--nocapture",
    ])
    .env("MLC_WEIGHTS_CRASH_ROUNDS", arguments.rounds.to_string())
    .current_dir(root);
    if let Some(seed) = arguments.seed {
        test.env("MLC_WEIGHTS_CRASH_SEED", seed.to_string());
    }
    if let Some(program) = &arguments.program {
        test.env("MLC_WEIGHTS_CRASH_PROGRAM", std::path::absolute(program)?);
    }
    let status = test.status().context("running cargo; is it in the PATH?")?;
    ensure!(status.success(), "a promise was broken, or a kill could not be played");
    Ok(())
}
