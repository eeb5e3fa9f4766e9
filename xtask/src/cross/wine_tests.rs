//! Tests compiled for Windows, in Wine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::target::{STD, Target};
use super::tools::{C, Tools};
use super::wine::{WINE, bring_library, in_wine, on_windows};
use crate::command::succeed;

/// Tests that Wine cannot show, by the beginning of their names, and why.
const NOT_SHOWN: [(&str, &str); 2] = [
    ("examples::", "cargo, which builds the examples, does not run in Wine"),
    (
        "hubs::the_builder_has_every_setting_of_the_environment",
        "Wine's chain engine takes no authority in addition to the system's",
    ),
];

/// Those of the packages that know paths and files.
pub(super) fn unit(root: &Path, tools: &Tools, target: &Target) -> Result<String> {
    let packages = ["--package=mlc-weights-url-parse", "--package=mlc-weights-cache-layout"];
    Tests { root, tools, target, chosen: &[&packages[..], &["--lib"]].concat() }.pass()
}

/// Those of the whole product, through the facade.
pub(super) fn end_to_end(root: &Path, tools: &Tools, target: &Target) -> Result<String> {
    let passed = Tests { root, tools, target, chosen: &["--package=e2e", "--test=e2e"] }.pass()?;
    let not_shown = NOT_SHOWN.map(|(name, why)| format!("{name} ({why})")).join("; ");
    Ok(format!("{passed}; not shown: {not_shown}"))
}

/// The tests that arguments of cargo choose.
struct Tests<'a> {
    root: &'a Path,
    tools: &'a Tools,
    target: &'a Target,
    chosen: &'a [&'a str],
}

impl Tests<'_> {
    fn pass(&self) -> Result<String> {
        bring_library(self.root, &self.built().join("debug/deps"))?;
        self.bring_git()?;
        let skipped: Vec<&str> = NOT_SHOWN.iter().flat_map(|(name, _)| ["--skip", name]).collect();
        let first = self.run(&skipped)?;
        // Some limit how long something takes, which at once with others in Wine is too long.
        let mut failed = first.failed.clone();
        if !failed.is_empty() {
            let names: Vec<&str> = failed.iter().map(String::as_str).collect();
            failed = self.run(&[&["--exact", "--test-threads=1"], &names[..]].concat())?.failed;
        }
        ensure!(failed.is_empty(), "these fail, alone too: {}", failed.join(", "));
        let alone = first.failed.len();
        Ok(format!("{} pass, {alone} of them only alone", first.passed + alone))
    }

    fn built(&self) -> PathBuf {
        self.tools.place().join(self.target.triple)
    }

    /// The local hub asks for both programs.
    fn bring_git(&self) -> Result<()> {
        let folder = self.built().join("git");
        std::fs::create_dir_all(&folder)?;
        for name in ["git.exe", "git-http-backend.exe"] {
            let mut compile = Command::new("x86_64-w64-mingw32-gcc");
            compile.args(["-municode", "-o"]).arg(folder.join(name));
            succeed(compile.arg(self.root.join("xtask/src/cross/git.c")))?;
        }
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<Outcomes> {
        let mut cargo = self.tools.cargo(self.root, C::System);
        cargo.args(["test", STD, "--locked", "--no-fail-fast", "--target", self.target.triple]);
        cargo.args(self.chosen).arg("--").args(arguments);
        in_wine(&mut cargo, &self.tools.place().join("wine"))
            .env("WINEPATH", on_windows(&self.built().join("git")))
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", WINE);
        let output = cargo.output().context("running cargo")?;
        let text = String::from_utf8_lossy(&output.stdout);
        print!("{text}");
        let outcomes = Outcomes::read(&text);
        let is_explained = output.status.success() || !outcomes.failed.is_empty();
        ensure!(is_explained, "{}", String::from_utf8_lossy(&output.stderr));
        Ok(outcomes)
    }
}

struct Outcomes {
    passed: usize,
    failed: Vec<String>,
}

impl Outcomes {
    fn read(text: &str) -> Self {
        let tests = || text.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
        let failed = tests().filter(|(_, outcome)| *outcome == "FAILED").map(|(name, _)| name.to_owned());
        Self { passed: tests().filter(|(_, outcome)| *outcome == "ok").count(), failed: failed.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_from_what_a_test_program_says() {
        let said = "running 4 tests\ntest a::b ... ok\ntest a::c ... FAILED\ntest d has been running for over 60 seconds\n\
                    test d ... ok\ntest e ... ignored, why\n\nfailures:\n    a::c\n\ntest result: FAILED. 2 passed\n";
        let Outcomes { passed, failed } = Outcomes::read(said);
        assert_eq!((passed, failed), (2, vec!["a::c".to_owned()]));
    }
}
