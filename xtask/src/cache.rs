//! The cache of a maintainer's checkout, through the facade: what is in it, whether it is right, and what
//! is left over. `mlc-weights` has the same with more words, and repairs and removes, too.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Subcommand;
use facade::{Cache, FileState, ModelRef, PruneMode};
use indicatif::DecimalBytes;

#[derive(Subcommand)]
pub(crate) enum What {
    /// The models, whole or not
    List,
    /// Hashes models and compares
    Verify {
        /// The models, `user/repo`; all, when none is named
        #[arg(value_name = "MODEL")]
        models: Vec<ModelRef>,
    },
    /// Removes what interrupted downloads have left
    Prune {
        /// Only show what would be removed
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) fn run(what: &What) -> Result<()> {
    let cache = Cache::from_env()?;
    match what {
        What::List => list(&cache),
        What::Verify { models } => verify(&cache, models),
        What::Prune { dry_run } => {
            prune(&cache, *dry_run);
            Ok(())
        }
    }
}

fn list(cache: &Cache) -> Result<()> {
    for entry in cache.list()?.models {
        let state = if entry.is_whole() { "" } else { "  (not whole)" };
        println!("{:>10}  {}{state}", DecimalBytes(entry.bytes).to_string(), entry.path.display());
    }
    Ok(())
}

fn verify(cache: &Cache, models: &[ModelRef]) -> Result<()> {
    let models = if models.is_empty() { cache.models()? } else { models.to_vec() };
    let mut bad = 0;
    for model in &models {
        for report in cache.verify(model, &mut |_| ControlFlow::Continue(()))? {
            println!("{}: {}", report.path.display(), if report.is_sound() { "ok" } else { "not ok" });
            for file in report.files.iter().filter(|file| file.state.is_bad()) {
                match &file.state {
                    FileState::Corrupt { problem } => println!("  corrupt  {}: {problem}", file.path),
                    other => println!("  {}  {}", other.as_str(), file.path),
                }
                bad += 1;
            }
        }
    }
    ensure!(bad == 0, "corrupt or missing files: {bad}");
    Ok(())
}

fn prune(cache: &Cache, dry_run: bool) {
    let mode = if dry_run { PruneMode::DryRun } else { PruneMode::Remove };
    let pruning = cache.prune(Duration::ZERO, mode);
    for model in &pruning.models {
        println!("{:>10}  {}", DecimalBytes(model.removed_bytes).to_string(), model.model);
    }
    println!("{:>10}  together", DecimalBytes(pruning.removed_bytes()).to_string());
}
