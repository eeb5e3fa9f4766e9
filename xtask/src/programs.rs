//! Tasks that run another program through cargo: benchmarks and attacks (tests/bench), tests, cargo itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::command::{cargo, succeed};

/// Passed to the program unchanged.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct PassedOn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

/// Runs `task` of the benchmark program in the user's current folder, since paths among the arguments are
/// relative to it.
pub(crate) fn bench(root: &Path, task: &str, passed_on: &PassedOn) -> Result<()> {
    let status = Command::new("cargo")
        .args(["run", "--release", "--locked", "--package", "bench", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .args(["--", task])
        .args(&passed_on.arguments)
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "`cargo xtask {task}` failed ({status})");
    Ok(())
}

#[derive(Args)]
pub(crate) struct CrashArguments {
    /// How often to kill
    #[arg(long, value_name = "N", default_value_t = 200)]
    rounds: usize,
    /// Seed for the moments of the kills; every run prints it
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// The program to kill, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs the test that kills the program repeatedly (crates/mlc-weights/tests/watched), for longer.
pub(crate) fn crash(root: &Path, arguments: &CrashArguments) -> Result<()> {
    let mut test = cargo(root);
    test.args(["test", "--quiet", "--locked", "--package", "mlc-weights", "--test", "watched"])
        .args(["--", "--nocapture"])
        .env("MLC_WEIGHTS_CRASH_ROUNDS", arguments.rounds.to_string());
    if let Some(seed) = arguments.seed {
        test.env("MLC_WEIGHTS_CRASH_SEED", seed.to_string());
    }
    if let Some(program) = &arguments.program {
        test.env("MLC_WEIGHTS_CRASH_PROGRAM", std::path::absolute(program)?);
    }
    succeed(&mut test)
}

/// Packs each published crate, builds it from its package, and stops before uploading. Uncommitted changes
/// are included, since nothing leaves this machine. Asks the registry for dependencies.
pub(crate) fn package(root: &Path) -> Result<()> {
    let mut publish = cargo(root);
    publish
        .args(["publish", "--dry-run", "--workspace", "--locked", "--allow-dirty"])
        // Otherwise each package would be built in its own folder, with all dependencies.
        .env("CARGO_TARGET_DIR", root.join("target"));
    succeed(&mut publish).context("a crate could not be published")?;
    let packed = root.join("target/package");
    std::fs::remove_dir_all(&packed).with_context(|| format!("removing {}", packed.display()))
}

/// Lets the test that compares docs/screens.md with the program write the page.
pub(crate) fn screens(root: &Path) -> Result<()> {
    let mut test = cargo(root);
    test.args(["test", "--quiet", "--locked", "--package", "mlc-weights", "--test", "cli", "screens::"])
        .env("MLC_WEIGHTS_WRITE_SCREENS", "1");
    succeed(&mut test).context("the page was not written")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::{Cli, Task};

    #[test]
    fn arguments_reach_the_program_as_they_are() {
        for line in [&["--help"][..], &["fleet", "--most", "3"], &["--json", "x.json", "-h"], &[]] {
            let words = ["xtask", "bench"].into_iter().chain(line.iter().copied());
            let Some(Task::Bench(passed_on)) = Cli::try_parse_from(words).unwrap().task else {
                panic!("{line:?} is another task")
            };
            assert_eq!(passed_on.arguments, line);
        }
    }
}
