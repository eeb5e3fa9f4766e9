//! Which commit a directory belongs to, and whether its bytes were verified.

use std::fs;

use anyhow::Result;
use local_hub::{Fault, FaultTarget, ModelFixture, Times};

use super::scene::{Findings, MODEL, Scene, Stage, children};

const ONE: &str = "a directory is of one commit, and `verify` agrees";
const HASHED: &str = "what is published was hashed by who publishes";

pub(super) const SCENES: &[Scene] = &[
    Scene::new(2, "a pinned commit is proven where git is served", "only the API knows it", unproven),
    Scene::new(3, HASHED, "a bit flips in the pool", flipped),
    Scene::new(3, HASHED, "zeros in the pool", zeroed),
    Scene::new(4, ONE, "repair with a receipt, hub moved on", with_receipt),
    Scene::new(4, ONE, "repair without, hub moved on", without_receipt),
];

fn unproven(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    let pinned = hub.try_publish(&ModelFixture::new(MODEL))?.commit;
    hub.replace(&ModelFixture::new(MODEL).seed(1));
    hub.forget(MODEL, &pinned, true)?;
    let url = format!("HF://{MODEL}@{pinned}");
    let ran = stage.run(&hub, &["download", "--progress", "plain", &url])?;
    let published = fs::read_dir(stage.home().join("model_weights/hf/o")).map_or(0, Iterator::count);
    Ok(Findings::of(&ran)
        .expect(ran.status == Some(5) || ran.status == Some(4), "an unproven commit is no error")
        .expect(published == 0, "it was published"))
}

fn flipped(stage: &Stage) -> Result<Findings> {
    spoiled(stage, |bytes| {
        let middle = bytes.len() / 2;
        bytes.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
    })
}

fn zeroed(stage: &Stage) -> Result<Findings> {
    spoiled(stage, |bytes| bytes.fill(0))
}

/// A run is killed before its last shard, the files it verified are damaged, and the next run resumes.
fn spoiled(stage: &Stage, spoil: impl Fn(&mut Vec<u8>)) -> Result<Findings> {
    let hub = stage.hub()?;
    let model = hub.try_publish(&ModelFixture::new(MODEL).shards(4, 100_000))?;
    hub.fault(FaultTarget::data("params_shard_3.bin"), Fault::Stall { after: 10 }, Times::Forever);
    let mut run = stage.start(&hub, &["download", "--progress", "none", "HF://o/m"])?;
    // The three shards and the tokenizer.
    let pool =
        || stage.only_child("staging").and_then(|slot| children(&slot.join("pool"))).unwrap_or_default();
    run.until(|| pool().len() >= 4)?;
    run.kill()?;
    let victims = pool();
    for victim in &victims {
        let mut bytes = fs::read(victim)?;
        spoil(&mut bytes);
        fs::remove_file(victim)?;
        fs::write(victim, bytes)?;
    }
    hub.clear_faults();
    let ran = stage.download(&hub)?;
    let wrong = model.differences(&stage.entry());
    Ok(Findings::of(&ran)
        .saw(format!("{} files of {} wrong", wrong.len(), victims.len()))
        .expect(ran.status == Some(0), "the next run fails")
        .expect(wrong.is_empty(), "wrong bytes were published as verified"))
}

fn with_receipt(stage: &Stage) -> Result<Findings> {
    moved_on(stage, true)
}

fn without_receipt(stage: &Stage) -> Result<Findings> {
    moved_on(stage, false)
}

/// A directory of one commit has lost a shard, and the hub has only another commit.
fn moved_on(stage: &Stage, has_receipt: bool) -> Result<Findings> {
    let hub = stage.hub()?;
    let (config, mark) = (ModelFixture::new(MODEL), |n: u64| format!("{{\"model_max_length\": {n}}}\n"));
    let fixture = |n: u64| config.clone().seed(n).plain_file("tokenizer_config.json", mark(n));
    let old = hub.try_publish(&fixture(1))?.commit;
    stage.have_model(&hub)?;
    let new = hub.replace(&fixture(2));
    hub.forget(MODEL, &old, false)?;
    fs::remove_file(stage.entry().join("params_shard_1.bin"))?;
    if !has_receipt {
        fs::remove_file(stage.only_child("receipts")?)?;
    }
    let repair = stage.download(&hub)?;
    let verify = stage.run(&hub, &["verify", "HF://o/m"])?;
    let wrong: Vec<String> = new.differences(&stage.entry());
    let is_own = |line: &&String| !line.contains(".own");
    let wrong: Vec<_> = wrong.iter().filter(is_own).cloned().collect();
    let repaired = repair.status == Some(0);
    Ok(Findings::of(&repair)
        .and(&verify)
        .expect(!repaired || verify.status == Some(0), "`verify` disagrees with the repair")
        .expect(!repaired || wrong.is_empty(), format!("two commits were joined ({})", wrong.join(", "))))
}
