//! Small packs that unfold to a lot.

use std::iter::{once, repeat_n};

use anyhow::Result;
use local_hub::{Fault, FaultTarget, Route, Times};

use super::packing::{Kind, Pack, advertised, copies, hex, name_of, packet};
use super::scene::{Findings, Scene, Stage};

const PROMISE: &str = "memory stays under 128 MiB, whatever is sent, and a hostile shape is final";

pub(super) const SCENES: &[Scene] = &[
    Scene { row: 7, promise: PROMISE, name: "a chain of deltas", as_root: false, play: chain },
    Scene { row: 7, promise: PROMISE, name: "one delta to 512 MB", as_root: false, play: delta },
    Scene { row: 7, promise: PROMISE, name: "a tree of 900 MB", as_root: false, play: tree },
    Scene { row: 7, promise: PROMISE, name: "a commit of 900 MB", as_root: false, play: commit },
    Scene {
        row: 7,
        promise: PROMISE,
        name: "a list of references of 60 MB",
        as_root: false,
        play: references,
    },
];

const MEGABYTE: usize = 1 << 20;
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// A commit of this tree.
fn commit_text(tree: &str) -> Vec<u8> {
    format!("tree {tree}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n").into_bytes()
}

/// A pack that has an honest commit of an empty tree, and its name.
fn begun() -> Result<(Pack, String)> {
    let mut pack = Pack::default();
    pack.object(Kind::Tree, 0, [])?;
    let name = add_commit(&mut pack, EMPTY_TREE)?;
    Ok((pack, name))
}

fn add_commit(pack: &mut Pack, tree: &str) -> Result<String> {
    let commit = commit_text(tree);
    pack.object(Kind::Commit, commit.len(), [commit.as_slice()])?;
    Ok(hex(&name_of("commit", commit.len(), [commit.as_slice()])))
}

/// Downloads from a hub that has nothing but this pack.
fn fetched(stage: &Stage, (pack, commit): (Pack, String)) -> Result<Findings> {
    let hub = stage.hub()?;
    let list = Fault::body("application/x-git-upload-pack-advertisement", advertised(&commit, "ofs-delta"));
    hub.fault(FaultTarget::info_refs(""), list, Times::Forever);
    let pack = [b"0008NAK\n".as_slice(), &pack.finish()].concat();
    let sent = pack.len() / 1000;
    let pack = Fault::body("application/x-git-upload-pack-result", pack);
    hub.fault(FaultTarget::upload_pack(""), pack, Times::Forever);
    let ran = stage.download(&hub)?;
    let attempts = hub.log().route(Route::InfoRefs).count();
    Ok(Findings::default()
        .saw(format!("{sent} kB"))
        .and(&ran)
        .within_memory(&ran)
        .final_after(&ran, attempts)
        .expect(!ran.said.contains("tensor-cache.json"), "it was unfolded to the end"))
}

fn chain(stage: &Stage) -> Result<Findings> {
    let (mut pack, commit) = begun()?;
    let (piece, length) = (vec![0; MEGABYTE], 12 * MEGABYTE);
    pack.object(Kind::Blob, length, repeat_n(piece.as_slice(), 12))?;
    for _ in 0..300 {
        pack.delta(&copies(length, length, 1))?;
    }
    fetched(stage, (pack, commit))
}

fn delta(stage: &Stage) -> Result<Findings> {
    let (mut pack, commit) = begun()?;
    let (piece, length) = (vec![0; MEGABYTE], 8 * MEGABYTE);
    pack.object(Kind::Blob, length, repeat_n(piece.as_slice(), 8))?;
    pack.delta(&copies(length, length, 64))?;
    fetched(stage, (pack, commit))
}

fn tree(stage: &Stage) -> Result<Findings> {
    let entry = [b"100644 name\0".as_slice(), &[7; 20]].concat();
    let piece = entry.repeat(MEGABYTE / entry.len());
    let pieces = || repeat_n(piece.as_slice(), 900);
    let size = 900 * piece.len();
    let mut pack = Pack::default();
    pack.object(Kind::Tree, size, pieces())?;
    let commit = add_commit(&mut pack, &hex(&name_of("tree", size, pieces())))?;
    fetched(stage, (pack, commit))
}

fn commit(stage: &Stage) -> Result<Findings> {
    let (head, piece) = (commit_text(EMPTY_TREE), vec![b'x'; MEGABYTE]);
    let pieces = || once(head.as_slice()).chain(repeat_n(piece.as_slice(), 900));
    let size = head.len() + 900 * MEGABYTE;
    let mut pack = Pack::default();
    pack.object(Kind::Tree, 0, [])?;
    pack.object(Kind::Commit, size, pieces())?;
    fetched(stage, (pack, hex(&name_of("commit", size, pieces()))))
}

fn references(stage: &Stage) -> Result<Findings> {
    let hub = stage.hub()?;
    let mut list = advertised(&"1".repeat(40), "ofs-delta");
    list.truncate(list.len() - 4);
    let line = packet(format!("{} refs/heads/x\n", "1".repeat(40)).as_bytes());
    list.extend(line.repeat(60_000_000 / line.len()));
    list.extend(b"0000");
    let list = Fault::body("application/x-git-upload-pack-advertisement", list);
    hub.fault(FaultTarget::info_refs(""), list, Times::Forever);
    let ran = stage.download(&hub)?;
    let attempts = hub.log().route(Route::InfoRefs).count();
    Ok(Findings::of(&ran).within_memory(&ran).final_after(&ran, attempts))
}
