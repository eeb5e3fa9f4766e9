//! Small packs that expand enormously.

use anyhow::{Context as _, Result};
use local_hub::{
    Bomb, Fault, FaultTarget, PackBuilder, Route, Times, object_name, packet, reference_list, tree_entry,
};

use super::scene::{Findings, Scene, Stage};
use crate::hostile::{EMPTY_TREE, commit_of, long_list};

const PROMISE: &str = "memory stays under 128 MiB, whatever is sent, and a hostile shape is final";

pub(super) const SCENES: &[Scene] = &[
    Scene::new(7, PROMISE, "a chain of deltas", chain),
    Scene::new(7, PROMISE, "one delta to 512 MB", delta),
    Scene::new(7, PROMISE, "a tree of 300 MB", tree),
    Scene::new(7, PROMISE, "a commit of 900 MB", commit),
    Scene::new(7, PROMISE, "an object twice", twice),
    Scene::new(7, PROMISE, "a list of references of 60 MB", references),
];

const MEGABYTE: usize = 1 << 20;

/// Downloads from a hub that has only this pack, and a branch at `tip`.
fn fetched(stage: &Stage, pack: &[u8], tip: &str) -> Result<Findings> {
    let hub = stage.hub()?;
    // Without a side band, the pack is sent as it is.
    hub.fault(FaultTarget::info_refs(""), Fault::git_list(reference_list(tip, "ofs-delta")), Times::Forever);
    let answer = Fault::git_answer([packet(b"NAK\n").as_slice(), pack].concat());
    hub.fault(FaultTarget::upload_pack(""), answer, Times::Forever);
    let ran = stage.download(&hub)?;
    let attempts = hub.log().route(Route::InfoRefs).count();
    Ok(Findings::default()
        .saw(format!("{} kB", pack.len() / 1000))
        .and(&ran)
        .within_memory(&ran)
        .final_after(&ran, attempts)
        .expect(!ran.said.contains("tensor-cache.json"), "it was unfolded to the end"))
}

fn bomb(stage: &Stage, name: &str) -> Result<Findings> {
    let bomb = Bomb::all().into_iter().find(|bomb| bomb.name == name).context("no such bomb")?;
    fetched(stage, &bomb.pack, &bomb.tip)
}

fn chain(stage: &Stage) -> Result<Findings> {
    bomb(stage, "a chain of deltas")
}

fn delta(stage: &Stage) -> Result<Findings> {
    bomb(stage, "one delta to 512 MB")
}

fn twice(stage: &Stage) -> Result<Findings> {
    bomb(stage, "an object twice")
}

fn tree(stage: &Stage) -> Result<Findings> {
    let entry = tree_entry("100644", b"name", EMPTY_TREE);
    let (entries, mut pack) = (entry.repeat(300 * MEGABYTE / entry.len()), PackBuilder::default());
    pack.whole("tree", &entries);
    let commit = commit_of(&object_name("tree", &entries));
    pack.whole("commit", commit.as_bytes());
    fetched(stage, &pack.finish(), &object_name("commit", commit.as_bytes()))
}

fn commit(stage: &Stage) -> Result<Findings> {
    let (mut commit, mut pack) = (commit_of(EMPTY_TREE).into_bytes(), PackBuilder::default());
    commit.resize(900 * MEGABYTE, b'x');
    pack.whole("tree", b"");
    pack.whole("commit", &commit);
    fetched(stage, &pack.finish(), &object_name("commit", &commit))
}

fn references(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    let line = format!("{} refs/heads/x\n", "1".repeat(40));
    let lines = 60_000_000 / packet(line.as_bytes()).len();
    let list = long_list(&"1".repeat(40), std::iter::repeat_n(line, lines));
    hub.fault(FaultTarget::info_refs(""), Fault::git_list(list), Times::Forever);
    let ran = stage.download(&hub)?;
    let attempts = hub.log().route(Route::InfoRefs).count();
    Ok(Findings::of(&ran).within_memory(&ran).final_after(&ran, attempts))
}
