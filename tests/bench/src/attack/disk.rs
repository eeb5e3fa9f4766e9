//! What a run leaves on the disk, and what it finds there.

use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use local_hub::{Fault, FaultTarget, LocalHub, ModelFixture, RawTarget, Times};

use super::program::Running;
use super::scene::{Findings, MODEL, PATIENCE, Scene, Stage, children};
use crate::hostile::forged_journal;

const EARLY: &str = "what is in the way is found before anything is fetched";

pub(super) const SCENES: &[Scene] = &[
    Scene::new(
        11,
        "what a killed run leaves is removed by a later one",
        "SIGKILL with `MLC_TEMP_DIR`",
        scratch,
    ),
    Scene::new(12, EARLY, "a folder as receipt", receipt),
    Scene::new(12, EARLY, "a folder as `tensor-cache.json`", manifest),
    Scene::new(14, "work on what is found is bounded", "a journal of 2.7 million spans", journal),
    Scene::new(15, "private files are at most group-writable", "umask 000, killed", umask),
];

fn scratch(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    hub.try_publish(&ModelFixture::new(MODEL))?;
    hub.fault(FaultTarget::upload_pack(""), Fault::Stall { after: 20 }, Times::Once);
    let place = stage.path("temp");
    fs::create_dir(&place)?;
    let run = |arguments: &[&str]| Running::start(stage.command(&hub, arguments).env("MLC_TEMP_DIR", &place));
    let mut first = run(&["download", "--progress", "none", "HF://o/m"])?;
    first.until(|| hub.faults_left() == 0 && children(&place).is_ok_and(|left| !left.is_empty()))?;
    first.kill()?;
    let left = children(&place)?.len();
    ensure!(left > 0, "nothing was left to remove");
    // A run with a recent heartbeat may be suspended, so it is made to look older.
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    walk(&stage.private(), &mut |path, found| {
        if found.is_file()
            && let Ok(file) = fs::File::open(path)
        {
            let _ = file.set_modified(an_hour_ago);
        }
    })?;
    let ran = run(&["download", "--progress", "plain", "HF://o/m"])?.wait(PATIENCE)?;
    let prune = run(&["prune"])?.wait(PATIENCE)?;
    let still = children(&place)?.len();
    Ok(Findings::of(&ran)
        .and(&prune)
        .saw(format!("{left} left, then {still}"))
        .expect(still == 0, "it stays for ever"))
}

fn receipt(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    hub.try_publish(&ModelFixture::new(MODEL))?;
    stage.have_model(&hub)?;
    let receipt = stage.only_child("receipts")?;
    fs::remove_file(&receipt)?;
    fs::create_dir(&receipt)?;
    fs::write(receipt.join("file"), "x")?;
    fs::remove_dir_all(stage.entry())?;
    let before = hub.log().data().count();
    let ran = stage.download(&hub)?;
    let fetched = hub.log().data().count() - before;
    Ok(Findings::of(&ran)
        .saw(format!("{fetched} files fetched"))
        .expect(ran.status == Some(7), "the status is not 7")
        .expect(fetched == 0, "everything was fetched for nothing"))
}

fn manifest(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    let folder = RawTarget::Folder(vec![("file".to_owned(), b"x".to_vec())]);
    let fixture = ModelFixture::new(MODEL).manifests(local_hub::Manifests::NdArrayCache);
    hub.try_publish(&fixture.raw_entry("40000", "tensor-cache.json", folder))?;
    let ran = stage.download(&hub)?;
    let fetched = hub.log().data().count();
    Ok(Findings::of(&ran)
        .saw(format!("{fetched} files fetched"))
        .expect(matches!(ran.status, Some(4 | 5)), "the repository's fault is not called so")
        .expect(fetched == 0, "everything was fetched for nothing"))
}

/// Kills a run during the transfer of a shard.
fn interrupted(stage: &Stage, hub: &LocalHub, command: &mut Command) -> Result<PathBuf> {
    hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Stall { after: 3 << 20 }, Times::Forever);
    let mut run = Running::start(command)?;
    let journal = || -> Option<PathBuf> {
        let runs = children(&stage.only_child("staging").ok()?.join("runs")).ok()?;
        let parts = runs.iter().filter_map(|run| children(&run.join("parts")).ok()).flatten();
        parts.into_iter().find(|part| part.to_string_lossy().ends_with(".journal"))
    };
    let mut found = None;
    run.until(|| {
        found = journal();
        found.is_some()
    })?;
    run.kill()?;
    hub.clear_faults();
    found.context("a journal")
}

fn large(stage: &Stage) -> Result<LocalHub> {
    let hub = stage.hub()?;
    hub.try_publish(&ModelFixture::new(MODEL).shards(1, 8 << 20))?;
    Ok(hub)
}

fn journal(stage: &Stage) -> Result<Findings> {
    let hub = large(stage)?;
    let mut command = stage.command(&hub, &["download", "--progress", "none", "HF://o/m"]);
    let journal = interrupted(stage, &hub, &mut command)?;
    let forged = forged_journal(&fs::read(&journal)?, 2_700_000)?;
    fs::write(&journal, forged)?;
    let ran = stage.download(&hub)?;
    Ok(Findings::of(&ran)
        .within_memory(&ran)
        .expect(ran.status == Some(0), "the download fails")
        .expect(ran.seconds < 10.0, "it took over 10 s"))
}

fn umask(stage: &Stage) -> Result<Findings> {
    let hub = large(stage)?;
    let program = stage.command(&hub, &["download", "--progress", "none", "HF://o/m"]);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    command.env_clear().current_dir(stage.path(""));
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/bin:/bin");
    interrupted(stage, &hub, &mut command)?;
    let (mut looked, mut open) = (0, Vec::new());
    walk(&stage.private(), &mut |path, found| {
        let mode = found.permissions().mode();
        looked += 1;
        if mode & 0o002 != 0 {
            open.push(format!("{} {:o}", path.display(), mode & 0o777));
        }
    })?;
    let first = open.first().and_then(|first| first.rsplit_once("/model_weights/"));
    let shown = first.map_or(String::new(), |(_, tail)| format!(", such as `{tail}`"));
    Ok(Findings::default()
        .saw(format!("{} of {looked} are writable for all{shown}", open.len()))
        .expect(open.is_empty(), "everyone may write"))
}

fn walk(path: &Path, seen: &mut dyn FnMut(&Path, &Metadata)) -> Result<()> {
    let found = fs::symlink_metadata(path)?;
    seen(path, &found);
    if found.is_dir() {
        children(path)?.iter().try_for_each(|child| walk(child, seen))?;
    }
    Ok(())
}
