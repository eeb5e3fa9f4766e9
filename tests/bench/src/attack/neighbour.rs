//! Another user of the machine, who owns the cache's home and may put anything into it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_hub::{Fault, FaultTarget, LocalHub, ModelFixture, Times};

use super::program::Running;
use super::scene::{Findings, MODEL, PATIENCE, Scene, Stage, children};

const LINKS: &str = "a link planted in the cache costs nothing";
const SMALL: &str = "what is read whole is a plain file, and small";

pub(super) const SCENES: &[Scene] = &[
    Scene::new(1, LINKS, "below the private folder", below_private).as_root(),
    Scene::new(1, LINKS, "at and below `hf`", below_hf).as_root(),
    Scene::new(3, "what another user owns is copied, never put in place", "a neighbour's pool", foreign_pool)
        .as_root(),
    Scene::new(9, SMALL, "as receipt", receipt).as_root(),
    Scene::new(9, SMALL, "as lock holder's note", holder).as_root(),
    Scene::new(9, SMALL, "as run's note", note).as_root(),
    Scene::new(9, SMALL, "as file under repair", repair).as_root(),
];

/// `nobody` on most systems.
const NEIGHBOUR: u32 = 65_534;
/// Only a program that hangs takes longer.
const SHORT: Duration = Duration::from_secs(8);

/// Makes the neighbour the owner of everything below a path.
fn give_away(path: &Path) -> Result<()> {
    lchown(path, Some(NEIGHBOUR), Some(NEIGHBOUR)).with_context(|| format!("chown {}", path.display()))?;
    if path.symlink_metadata()?.is_dir() {
        children(path)?.iter().try_for_each(|child| give_away(child))?;
    }
    Ok(())
}

/// A folder that the neighbour cannot access but wants deleted; the program's user can delete it.
fn victim(stage: &Stage) -> Result<PathBuf> {
    let victim = stage.path("victim");
    for folder in ["one", "123-abcdefghij/tree", "123-abcdefghij/parts", "pool"] {
        fs::create_dir_all(victim.join(folder))?;
        fs::write(victim.join(folder).join("precious"), "of great worth")?;
    }
    fs::write(victim.join("precious"), "of great worth")?;
    Ok(victim)
}

/// Lists everything below a path.
fn census(path: &Path) -> Vec<String> {
    let below = children(path).unwrap_or_default();
    let mut all: Vec<String> =
        below.iter().filter(|_| !path.is_symlink()).flat_map(|child| census(child)).collect();
    all.push(format!("{} {}", path.display(), fs::read_to_string(path).unwrap_or_default()));
    all.sort();
    all
}

/// A home that belongs to the neighbour, with a model in it.
fn home(stage: &Stage) -> Result<LocalHub> {
    let hub = stage.hub()?;
    hub.try_publish(&ModelFixture::new(MODEL))?;
    stage.have_model(&hub)?;
    give_away(&stage.home())?;
    Ok(hub)
}

fn slot(stage: &Stage) -> Result<String> {
    let receipt = stage.only_child("receipts")?;
    Ok(receipt.file_stem().context("a receipt's name")?.to_string_lossy().into_owned())
}

fn below_private(stage: &Stage) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut tried = 0;
    for command in ["download", "prune", "remove"] {
        for level in [
            "",
            "locks",
            "receipts",
            "staging",
            "staging/S",
            "staging/S/runs",
            "staging/S/pool",
            "staging/S/parts",
        ] {
            let stage = stage.another(&format!("{command}-{}", level.replace('/', "-")))?;
            let (hub, victim) = (home(&stage)?, victim(&stage)?);
            let link = stage.private().join(level.replace('S', &slot(&stage)?));
            let link = link.components().collect::<PathBuf>();
            if link.exists() {
                fs::remove_dir_all(&link)?;
            }
            fs::create_dir_all(link.parent().context("a link is in a folder")?)?;
            symlink(&victim, &link)?;
            give_away(&stage.home())?;
            if command == "download" {
                fs::remove_dir_all(stage.entry())?;
            }
            let before = census(&victim);
            let model: &[&str] = if command == "prune" { &[] } else { &["HF://o/m"] };
            let ran = stage.start(&hub, &[&[command], model].concat())?.wait(SHORT)?;
            tried += 1;
            let place = format!("`{command}` with `.mlc-weights/{level}`");
            findings = findings
                .expect(census(&victim) == before, format!("{place} changed the link's target"))
                .expect(!ran.was_killed, format!("{place} hangs"))
                .expect(
                    command != "download" || level.ends_with("parts") || ran.status == Some(7),
                    format!("{place} is no error"),
                );
        }
    }
    Ok(findings.saw(format!("{tried} planted links")))
}

fn below_hf(stage: &Stage) -> Result<Findings> {
    let mut findings = Findings::default();
    for (owner, followed) in [(NEIGHBOUR, false), (0, true)] {
        for level in ["hf", "hf/o"] {
            let stage = stage.another(&format!("{owner}-{}", level.replace('/', "-")))?;
            let (hub, target) = (home(&stage)?, stage.path("other disk"));
            let link = stage.home().join("model_weights").join(level);
            fs::remove_dir_all(&link)?;
            fs::create_dir(&target)?;
            symlink(&target, &link)?;
            lchown(&link, Some(owner), Some(owner))?;
            let ran = stage.start(&hub, &["download", "--progress", "none", "HF://o/m"])?.wait(SHORT)?;
            let is_there = !children(&target)?.is_empty();
            let whose = if owner == 0 { "root's" } else { "a neighbour's" };
            findings = findings
                .saw(format!("{whose} `{level}` status {}", ran.status.unwrap_or(-1)))
                .expect(is_there == followed, format!("{whose} link `{level}` is followed: {is_there}"))
                .expect((ran.status == Some(0)) == followed, format!("{whose} link `{level}`: wrong status"));
        }
    }
    Ok(findings)
}

fn foreign_pool(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    hub.try_publish(&ModelFixture::new(MODEL))?;
    hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Stall { after: 10 }, Times::Once);
    let mut run = stage.start(&hub, &["download", "--progress", "none", "HF://o/m"])?;
    let pool =
        || stage.only_child("staging").and_then(|slot| children(&slot.join("pool"))).unwrap_or_default();
    run.until(|| pool().len() >= 3)?;
    run.kill()?;
    give_away(&stage.home())?;
    let ran = stage.download(&hub)?;
    let files = children(&stage.entry())?;
    let foreign =
        files.iter().filter(|file| file.metadata().is_ok_and(|file| file.uid() == NEIGHBOUR)).count();
    Ok(Findings::of(&ran)
        .saw(format!("{foreign} of {} files are the neighbour's", files.len()))
        .expect(ran.status == Some(0), "the download fails")
        .expect(foreign == 0, "files that another user may hold open were put in place"))
}

const ODD: [&str; 3] = ["a FIFO", "`/dev/zero`", "3 GB"];

fn plant(what: &str, path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    match what {
        "a FIFO" => ensure!(Command::new("mkfifo").arg(path).status()?.success(), "no FIFO could be made"),
        "3 GB" => fs::File::create(path)?.set_len(3_000_000_000)?,
        _ => symlink("/dev/zero", path)?,
    }
    lchown(path, Some(NEIGHBOUR), Some(NEIGHBOUR))?;
    Ok(())
}

/// Plants each odd file at `place`, and runs the program.
fn each(stage: &Stage, place: impl Fn(&Stage) -> Result<PathBuf>, commands: &[&[&str]]) -> Result<Findings> {
    let mut findings = Findings::default();
    for (number, what) in ODD.iter().enumerate() {
        for command in commands {
            let stage = stage.another(&format!("{number}-{}", command.concat().replace('/', "-")))?;
            let hub = home(&stage)?;
            plant(what, &place(&stage)?)?;
            let ran = stage.start(&hub, command)?.wait(PATIENCE)?;
            let shown = format!("{what} with `{}`", command.join(" "));
            findings = findings
                .saw(format!("{shown} {:.1} s, {} MB", ran.seconds, ran.peak / 1_000_000))
                .expect(!ran.was_killed, format!("{shown} hangs"))
                .within_memory(&ran);
        }
    }
    Ok(findings)
}

fn receipt(stage: &Stage) -> Result<Findings> {
    each(stage, |stage| stage.only_child("receipts"), &[&["list"], &["verify", "HF://o/m"]])
}

fn repair(stage: &Stage) -> Result<Findings> {
    let place = |stage: &Stage| {
        fs::remove_file(stage.entry().join("params_shard_0.bin"))?;
        Ok(stage.entry().join("README.md"))
    };
    each(stage, place, &[&["download", "--progress", "none", "HF://o/m"]])
}

fn note(stage: &Stage) -> Result<Findings> {
    let place = |stage: &Stage| {
        let run = stage.private().join("staging").join(slot(stage)?).join("runs/123-abcdefghij");
        fs::create_dir_all(&run)?;
        fs::write(run.join("alive"), "")?;
        give_away(&stage.home())?;
        Ok(run.join("publishing"))
    };
    each(stage, place, &[&["prune"], &["download", "--force", "--progress", "none", "HF://o/m"]])
}

/// A program that waits for a lock reads who holds it, and must still react to a signal.
fn holder(stage: &Stage) -> Result<Findings> {
    let mut findings = Findings::default();
    for (number, what) in ODD.iter().enumerate() {
        let stage = stage.another(&number.to_string())?;
        let hub = home(&stage)?;
        let download = ["download", "--force", "--progress", "plain", "HF://o/m"];
        hub.fault(FaultTarget::data(".bin"), Fault::Stall { after: 10 }, Times::Forever);
        let mut first = stage.start(&hub, &download)?;
        let note = stage.private().join("locks").join(format!("{}+holder", slot(&stage)?));
        first.until(|| note.exists())?;
        plant(what, &note)?;
        let mut second: Running = stage.start(&hub, &download)?;
        second.watch(Duration::from_secs(2))?;
        second.signal("INT")?;
        let ran = second.wait(Duration::from_secs(3))?;
        first.kill()?;
        findings = findings
            .saw(format!("{what} {:.1} s, {} MB", ran.seconds, ran.peak / 1_000_000))
            .expect(!ran.was_killed, format!("{what} hangs"))
            .within_memory(&ran);
    }
    Ok(findings)
}
