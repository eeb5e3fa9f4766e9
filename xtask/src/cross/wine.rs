//! Runs the Windows program in Wine. docs/platforms.md says what Wine cannot show about Windows.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use local_hub::{Fault, FaultTarget, Git, LocalHub, PublishedModel, Times, with_scratch};

use super::main_job::{PATIENCE, Stage};
use super::target::Target;
use super::tools::{C, Tools};
use crate::command::succeed;
use crate::sample;

const WINE: &str = "/usr/lib/wine/wine64";
/// The exit status of interrupt.c if there is no console to signal.
const NO_CONSOLE: i32 = 97;

/// Runs the main job, and interrupts one.
pub(super) fn main_job(root: &Path, tools: &Tools, target: &Target) -> Result<String> {
    let program = target.program(tools);
    let folder = program.parent().context("the program is in no folder")?;
    bring_library(root, folder)?;
    let interrupt = folder.join("interrupt.exe");
    let mut compile = Command::new("x86_64-w64-mingw32-gcc");
    compile.args(["-municode", "-o"]).arg(&interrupt).arg(root.join("xtask/src/cross/interrupt.c"));
    succeed(&mut compile)?;
    let prefix = tools.place().join("wine");
    with_scratch(|scratch| async move {
        let scene = Scene { program, interrupt, prefix, scratch: scratch.into() };
        tokio::task::spawn_blocking(move || scene.play()).await?
    })?;
    Ok("downloads, hits, lists, verifies, repairs, replaces and removes, and leaves nothing behind"
        .to_owned())
}

/// Runs the unit tests of the packages that deal with paths and files.
pub(super) fn unit_tests(root: &Path, tools: &Tools, target: &Target) -> Result<String> {
    bring_library(root, &tools.place().join(target.triple).join("debug/deps"))?;
    let mut cargo = tools.cargo(root, C::System);
    cargo.args(["test", "-Zbuild-std=std,panic_abort,test,proc_macro", "--lib", "--locked"]);
    cargo.args([
        "--package",
        "mlc-weights-url-parse",
        "--package",
        "mlc-weights-cache-layout",
        "--target",
        target.triple,
    ]);
    in_wine(&mut cargo, &tools.place().join("wine"));
    succeed(cargo.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", WINE))?;
    Ok("all of url-parse and cache-layout pass".to_owned())
}

/// Wine loads a library from the program's folder first.
fn bring_library(root: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut compile = Command::new("x86_64-w64-mingw32-gcc");
    compile.args(["-shared", "-o"]).arg(folder.join("bcryptprimitives.dll"));
    succeed(compile.arg(root.join("xtask/src/cross/process_prng.c")).arg("-ladvapi32"))
}

fn in_wine<'a>(command: &'a mut Command, prefix: &Path) -> &'a mut Command {
    command.env("WINEPREFIX", prefix).env("WINEDEBUG", "-all").env_remove("DISPLAY")
}

struct Scene {
    program: PathBuf,
    interrupt: PathBuf,
    prefix: PathBuf,
    scratch: PathBuf,
}

impl Scene {
    fn play(&self) -> Result<()> {
        Git::isolated(&self.scratch)?;
        let hub = LocalHub::builder().files_in(&self.scratch).try_start()?;
        let model = hub.try_publish(&sample::fixture("mlc-ai/Sample", 1000))?;
        let home = self.home();
        let entry = home.join("model_weights/hf").join(&model.user).join(&model.repo);
        let said = format!("{}\n", on_windows(&entry));
        let program = || self.command(&self.program, &hub);
        Stage { hub: &hub, model: &model, program: &program, home, said }.play()?;
        self.interrupted(&hub, &model)
    }

    fn home(&self) -> PathBuf {
        self.scratch.join("home")
    }

    fn command(&self, program: &Path, hub: &LocalHub) -> Command {
        let mut command = Command::new(WINE);
        command.arg(program).env("MLC_LLM_HOME", on_windows(&self.home()));
        in_wine(command.env("HF_ENDPOINT", hub.endpoint()), &self.prefix);
        command
    }

    fn interrupted(&self, hub: &LocalHub, model: &PublishedModel) -> Result<()> {
        let now = self.scratch.join("now");
        hub.fault(FaultTarget::data("params_shard_5.bin"), Fault::Stall { after: 1000 }, Times::Once);
        let stalled = hub.log().filter(|request| request.fault.is_some());
        let mut command = self.command(&self.interrupt, hub);
        command.arg(on_windows(&now)).arg(on_windows(&self.program));
        let child = command.args(["download", &model.url]).spawn().context("starting Wine")?;
        let has_stalled = stalled.wait_until(PATIENCE, |log| !log.is_empty());
        std::fs::write(&now, "")?;
        let status = child.wait_with_output()?.status;
        ensure!(has_stalled, "the download never came to the shard that stalls; it ended with {status}");
        if status.code() == Some(NO_CONSOLE) {
            println!("  Wine has no console for Ctrl-Break: it was not sent");
            return Ok(());
        }
        ensure!(status.code() == Some(130), "Ctrl-Break ended the download with {status}, not 130");
        Ok(())
    }
}

/// The Windows path of a file: Wine shows the whole file system as a drive.
fn on_windows(path: &Path) -> String {
    format!("Z:{}", path.display().to_string().replace('/', "\\"))
}
