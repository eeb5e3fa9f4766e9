//! Small files in a repository that are expensive to read or to compare.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use local_hub::{ModelFixture, Route};

use super::scene::{Findings, MODEL, PATIENCE, Scene, Stage};
use crate::hostile::crowded;

const MEMORY: &str = "memory stays under 128 MiB, whatever is sent, and a hostile shape is final";
const SIGNAL: &str = "work is linear, and the first signal ends it";

pub(super) const SCENES: &[Scene] = &[
    Scene::new(6, SIGNAL, "1.5 million names, 20,000 files", names),
    Scene::new(6, SIGNAL, "repair of 20,000 files", repair),
    Scene::new(7, MEMORY, "a manifest of 32 million numbers", manifest),
    Scene::new(7, MEMORY, "a configuration of 15 million names", config),
];

/// Normally takes seconds, and up to this long on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn names(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    let mut config = "{\"tokenizer_files\": [\"tokenizer.json\"".to_owned();
    (0..1_500_000).try_for_each(|number| write!(config, ",\"a{number}\""))?;
    hub.try_publish(&crowded(MODEL, 20_000).config_bytes(config + "]}"))?;
    let mut run = stage.start(&hub, &["download", "--progress", "plain", "HF://o/m"])?;
    // Until the program knows what it needs, and for a while longer. It may also refuse and end.
    let mut rounds = 0..600;
    while !run.watch(Duration::from_millis(100))? && hub.log().data().is_empty() && rounds.next().is_some() {}
    let ended = run.watch(Duration::from_secs(4))?;
    let mut findings = Findings::default();
    if !ended {
        run.signal("INT")?;
        let began = std::time::Instant::now();
        run.watch(PATIENCE)?;
        let seconds = began.elapsed().as_secs_f64();
        findings = findings.saw(format!("ended {seconds:.1} s after SIGINT"));
        findings = findings.expect(seconds < 2.0, "the first signal does not end it");
    }
    let ran = run.wait(Duration::ZERO)?;
    Ok(findings.and(&ran).within_memory(&ran))
}

fn repair(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    hub.try_publish(&crowded(MODEL, 20_000))?;
    // Syncing every file would measure the disk.
    let download = ["download", "--no-fsync", "--progress", "plain", "HF://o/m"];
    let first = stage.start(&hub, &download)?.wait(LONG)?;
    ensure!(first.status == Some(0), "the scene's own download failed: {first}");
    std::fs::remove_file(stage.entry().join("params_shard_0.bin"))?;
    let repair = stage.start(&hub, &download)?.wait(LONG)?;
    Ok(Findings::of(&first)
        .and(&repair)
        .expect(repair.status == Some(0), "it is not repaired")
        .expect(repair.seconds < 2.5 * first.seconds + 1.0, "the repair takes far longer than the download"))
}

/// Downloads a model that must be refused because of one file.
fn refused(stage: &Stage, fixture: &ModelFixture) -> Result<Findings> {
    let hub = stage.hub()?;
    hub.try_publish(fixture)?;
    let ran = stage.download(&hub)?;
    let attempts = hub.log().route(Route::InfoRefs).count();
    Ok(Findings::of(&ran).within_memory(&ran).final_after(&ran, attempts))
}

fn manifest(stage: &Stage) -> Result<Findings> {
    let numbers = "0,".repeat(16_000_000) + "0";
    let manifest = format!("{{\"metadata\":{{\"a\":[{numbers}]}},\"records\":[{numbers}]}}");
    refused(stage, &ModelFixture::new(MODEL).manifest_bytes(manifest))
}

fn config(stage: &Stage) -> Result<Findings> {
    let config = format!("{{\"tokenizer_files\":[{}\"a\"]}}", "\"a\",".repeat(15_000_000));
    refused(stage, &ModelFixture::new(MODEL).config_bytes(config))
}
