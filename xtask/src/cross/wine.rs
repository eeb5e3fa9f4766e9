//! Runs the Windows program in Wine. docs/platforms.md says what Wine cannot show about Windows.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use local_hub::{Fault, FaultTarget, Git, LocalHub, PublishedModel, Times, with_scratch};

use super::main_job::{PATIENCE, Stage};
use super::target::Target;
use super::tools::Tools;
use crate::command::succeed;
use crate::sample;

pub(super) const WINE: &str = "/usr/lib/wine/wine64";

/// Runs the main job, and interrupts one.
pub(super) fn main_job(root: &Path, tools: &Tools, target: &Target) -> Result<String> {
    let program = target.program(tools);
    let folder = program.parent().context("the program is in no folder")?;
    bring_library(root, folder)?;
    let prefix = tools.place().join("wine");
    with_scratch(|scratch| async move {
        let scene = Scene { program, prefix, scratch: scratch.into() };
        tokio::task::spawn_blocking(move || scene.play()).await?
    })?;
    Ok("downloads, hits, lists, verifies, repairs, replaces and removes, and leaves nothing behind; Ctrl-C ends a download with 130"
        .to_owned())
}

/// Wine loads a library from the program's folder first.
pub(super) fn bring_library(root: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut compile = Command::new("x86_64-w64-mingw32-gcc");
    compile.args(["-shared", "-o"]).arg(folder.join("bcryptprimitives.dll"));
    succeed(compile.arg(root.join("xtask/src/cross/process_prng.c")).arg("-ladvapi32"))
}

pub(super) fn in_wine<'a>(command: &'a mut Command, prefix: &Path) -> &'a mut Command {
    command.env("WINEPREFIX", prefix).env("WINEDEBUG", "-all").env_remove("DISPLAY")
}

struct Scene {
    program: PathBuf,
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
        let program = || self.command(&hub);
        Stage { hub: &hub, model: &model, program: &program, home, said }.play()?;
        self.interrupted(&hub, &model)
    }

    fn home(&self) -> PathBuf {
        self.scratch.join("home")
    }

    fn command(&self, hub: &LocalHub) -> Command {
        let mut command = Command::new(WINE);
        command.arg(&self.program).env("MLC_LLM_HOME", on_windows(&self.home()));
        in_wine(command.env("HF_ENDPOINT", hub.endpoint()), &self.prefix);
        command
    }

    /// Ctrl-C, typed at a terminal: to the program Wine makes it a console.
    fn interrupted(&self, hub: &LocalHub, model: &PublishedModel) -> Result<()> {
        hub.fault(FaultTarget::data("params_shard_5.bin"), Fault::Stall { after: 1000 }, Times::Once);
        let faults = || hub.log().filter(|request| request.fault.is_some());
        let before = faults().count();
        let mut terminal = Command::new("script");
        terminal.args([
            "--quiet",
            "--return",
            "--command",
            r#"exec "$WINE" "$PROGRAM" download --force "$MODEL""#,
        ]);
        terminal.arg("/dev/null").env("WINE", WINE).env("PROGRAM", &self.program).env("MODEL", &model.url);
        terminal.env("MLC_LLM_HOME", on_windows(&self.home())).env("HF_ENDPOINT", hub.endpoint());
        in_wine(&mut terminal, &self.prefix).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = terminal.spawn().context("starting `script`")?;
        let has_stalled = hub.log().wait_until(PATIENCE, |_| faults().count() > before);
        let mut keyboard = child.stdin.take().context("no keyboard")?;
        keyboard.write_all(b"\x03")?;
        let status = child.wait()?;
        ensure!(has_stalled, "the download never came to the shard that stalls; it ended with {status}");
        ensure!(status.code() == Some(130), "Ctrl-C ended the download with {status}, not 130");
        Ok(())
    }
}

/// The Windows path of a file: Wine shows the whole file system as a drive.
pub(super) fn on_windows(path: &Path) -> String {
    format!("Z:{}", path.display().to_string().replace('/', "\\"))
}
