//! Installs the wheel, and runs the module's tests against a hub on this machine.

use std::path::Path;

use anyhow::Result;
use local_hub::{Access, ModelFixture, with_scratch};

use super::PACKAGE;
use crate::command::succeed;
use crate::sample;
use crate::venv::Venv;

/// The requirements of the tests.
const TOOLS: &str = "requirements-test.txt";

/// Passes the addresses of the hubs to the tests (crates/mlc-weights-py/tests/conftest.py).
const HUB: &str = "MLC_WEIGHTS_TEST_HUB";
const SLOW_HUB: &str = "MLC_WEIGHTS_TEST_SLOW_HUB";

/// The slow hub's bytes per second for each connection, so that a download of its model takes seconds.
const SLOW: u64 = 200_000;

/// A virtual environment with the tools of the tests. Fails if they cannot be installed.
pub(super) fn prepare(root: &Path) -> Result<Venv> {
    Venv::with(&root.join("target/wheel-test"), &root.join(PACKAGE).join(TOOLS))
}

/// Installs the wheel beside them, and runs all checks.
pub(super) fn check(root: &Path, venv: &Venv, wheel: &Path) -> Result<()> {
    venv.install(&["--force-reinstall".as_ref(), "--no-deps".as_ref(), wheel.as_os_str()])?;
    let package = root.join(PACKAGE);
    let in_package = |program: &str, arguments: &[&str]| {
        let mut command = venv.command(program);
        command.args(arguments).current_dir(&package);
        command
    };
    succeed(&mut in_package("ruff", &["check", "--no-cache", "."]))?;
    succeed(&mut in_package("ruff", &["format", "--no-cache", "--check", "."]))?;
    succeed(&mut in_package("mypy", &[]))?;
    succeed(&mut in_package("stubtest", &["mlc_weights", "--mypy-config-file", "pyproject.toml"]))?;
    with_hubs(|hub, slow| succeed(in_package("pytest", &["-q"]).env(HUB, hub).env(SLOW_HUB, slow)))
}

/// Runs `tests` with the addresses of two hubs on this machine, one of them slow.
fn with_hubs(tests: impl FnOnce(&str, &str) -> Result<()>) -> Result<()> {
    with_scratch(|scratch| async move {
        let hub = sample::start_hub(&scratch, None)?;
        hub.try_publish(&ModelFixture::new("test/tiny").shards(3, 40_000))?;
        hub.try_publish(&ModelFixture::new("test/other"))?;
        hub.try_publish(&ModelFixture::new("test/corrupt").wrong_md5(0))?;
        hub.try_publish(&ModelFixture::new("test/gated").access(Access::Gated(Vec::new())))?;
        let slow = sample::start_hub(&scratch, Some(SLOW))?;
        slow.try_publish(&ModelFixture::new("test/slow").shards(8, 500_000))?;
        tests(&hub.endpoint(), &slow.endpoint())
    })
}
