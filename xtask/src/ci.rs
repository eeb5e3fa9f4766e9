//! All that must pass, in the order in which it is quickest to know.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::tidy;

/// One run of cargo.
struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const STEPS: [Step; 4] = [
    Step { name: "format", arguments: &["fmt", "--all", "--check"], environment: &[] },
    Step {
        name: "clippy",
        arguments: &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        environment: &[],
    },
    Step {
        name: "tests and doctests",
        arguments: &["test", "--workspace", "--locked"],
        // Tests that run as two users fail where they would be skipped.
        environment: &[("MLC_WEIGHTS_TEST_TWO_USERS", "1")],
    },
    Step {
        name: "docs",
        arguments: &["doc", "--workspace", "--no-deps", "--locked"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
];

/// Runs every step; the first that fails ends it, with the command that runs it alone.
pub(crate) fn run(root: &Path) -> Result<()> {
    let start = Instant::now();
    for step in &STEPS {
        timed(step.name, || step.run(root))?;
    }
    timed("tidy", || tidy::run(root).context("run it alone: cargo xtask tidy"))?;
    println!("all passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn timed(name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    let start = Instant::now();
    step().with_context(|| format!("{name} failed after {:.1} s", start.elapsed().as_secs_f64()))?;
    println!("== {name}: passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

impl Step {
    fn run(&self, root: &Path) -> Result<()> {
        let status = Command::new("cargo")
            .args(self.arguments)
            .envs(self.environment.iter().copied())
            .current_dir(root)
            .status()
            .context("running cargo; is it in the PATH?")?;
        ensure!(status.success(), "run it alone: {self}");
        Ok(())
    }
}

/// As one would type it.
impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, value) in self.environment {
            write!(f, "{name}='{value}' ")?;
        }
        write!(f, "cargo {}", self.arguments.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn a_step_that_fails_says_how_to_run_it_alone() {
        let step =
            Step { name: "x", arguments: &["metadata", "--no-such-option"], environment: &[("A", "b c")] };
        let error = timed("x", || step.run(&workspace::root())).unwrap_err();
        assert_eq!(error.root_cause().to_string(), "run it alone: A='b c' cargo metadata --no-such-option");
        assert!(error.to_string().starts_with("x failed after "));
    }

    #[test]
    fn a_step_that_passes_passes() {
        let step = Step { name: "x", arguments: &["--version"], environment: &[] };
        assert!(timed("x", || step.run(&workspace::root())).is_ok());
    }
}
