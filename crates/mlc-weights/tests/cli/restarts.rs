//! Programs that are killed and restarted, as by a supervisor, continue with the metadata that they already
//! have.

#![cfg(unix)]

use std::path::PathBuf;

use local_hub::{
    Fault, FaultTarget, LoggedRequest, ModelFixture, Outcome, PublishedModel, RequestLog, Route, Times,
};

use crate::world::{Cli, World, files_below, until};

/// No connection of the hub sends more than this, so no run gets more of a file.
const MAX_PER_REQUEST: u64 = 150_000;

const LARGE: &str = "tokenizer.model";

/// The size of another file.
const OTHER: usize = 100_000;

/// Incompressible bytes.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56).to_le_bytes()[0]
    };
    std::iter::repeat_with(&mut next).take(count).collect()
}

/// A model with 0.7 MB of metadata.
fn world() -> (World, PublishedModel) {
    let fixture = ModelFixture::new("mlc-ai/tiny").plain_file(LARGE, noise(600_000));
    World::with(&fixture.plain_file("added_tokens.json", noise(OTHER)))
}

fn is_stalled(request: &LoggedRequest) -> bool {
    request.outcome == Outcome::InFlight && request.body_sent >= MAX_PER_REQUEST
}

/// Starts a download and kills it when the hub stops sending. Returns whether the model was complete before
/// that.
fn run_and_kill(world: &World, model: &PublishedModel) -> bool {
    start_and_kill(world, model, world.cli(&["download", &model.url]))
}

fn start_and_kill(world: &World, model: &PublishedModel, download: Cli) -> bool {
    let log = world.hub.log().from_now();
    let running = download.start();
    let is_there = || world.entry(model).exists();
    until(|| is_there() || log.requests().iter().any(is_stalled));
    if is_there() {
        running.end().check_path(&world.entry(model));
        return true;
    }
    running.signal("KILL");
    assert_eq!(running.end().status, None);
    false
}

/// Kills it once, during the transfer of the pack.
fn kill_in_the_pack(world: &World, model: &PublishedModel) {
    world.hub.fault(FaultTarget::upload_pack(""), Fault::Stall { after: MAX_PER_REQUEST }, Times::Once);
    kill_when(world.cli(&["download", &model.url]), || has_noted(world));
    world.hub.clear_faults();
}

/// Whether the program has noted that it is receiving a pack.
fn has_noted(world: &World) -> bool {
    all_kept(world, "cut-off-").next().is_some()
}

fn kill_when(download: Cli, condition: impl FnMut() -> bool) {
    let running = download.start();
    until(condition);
    running.signal("KILL");
    assert_eq!(running.end().status, None);
}

fn packs(log: &RequestLog) -> usize {
    log.route(Route::UploadPack).count()
}

fn all_kept(world: &World, prefix: &str) -> impl Iterator<Item = PathBuf> {
    let prefix = format!("/metadata/{prefix}");
    files_below(&world.home()).into_iter().filter(move |path| path.to_str().unwrap().contains(&prefix))
}

fn kept(world: &World, prefix: &str) -> PathBuf {
    all_kept(world, prefix).next().unwrap()
}

fn flip_a_bit(path: &PathBuf) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_restart_loop_shorter_than_the_metadata_transfer_ends() {
    let (world, model) = world();
    world.hub.fault(FaultTarget::upload_pack(""), Fault::Stall { after: MAX_PER_REQUEST }, Times::Forever);
    world.hub.fault(FaultTarget::resolve_cache(""), Fault::Stall { after: MAX_PER_REQUEST }, Times::Forever);
    kill_when(world.cli(&["download", &model.url]), || has_noted(&world));
    let runs = (2..40).find(|_| run_and_kill(&world, &model)).expect("the loop ends");
    assert!(runs > 3, "{runs} runs were enough");
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    // The pack that was cut off, and the one without the large files.
    assert_eq!(packs(&world.hub.log()), 2);
    let is_staged = |path: &PathBuf| path.to_str().unwrap().contains("/metadata/");
    assert!(!files_below(&world.home()).iter().any(is_staged));
}

/// The pack for the store is made of what earlier runs have kept.
#[test]
fn a_restart_loop_that_fills_a_store_ends() {
    let (world, model) = world();
    world.hub.fault(FaultTarget::upload_pack(""), Fault::Stall { after: MAX_PER_REQUEST }, Times::Forever);
    world.hub.fault(FaultTarget::resolve_cache(""), Fault::Stall { after: MAX_PER_REQUEST }, Times::Forever);
    let folder = world.beside("store");
    std::fs::create_dir(&folder).unwrap();
    let store = format!("file://{}", folder.display());
    let fill = || world.cli(&["download", &model.url, "--store", &store, "--store-fill"]);
    kill_when(fill(), || has_noted(&world));
    let runs = (2..40).find(|_| start_and_kill(&world, &model, fill())).expect("the loop ends");
    assert!(runs > 3, "{runs} runs were enough");
    assert_eq!(packs(&world.hub.log()), 2);
    world.hub.clear_faults();
    let later = world.hub.log().from_now();
    let only = world.cli(&["download", &model.url, "--store", &store]).env("MLC_WEIGHTS_STORE_MODE", "only");
    let ran = only.env("MLC_LLM_HOME", world.beside("other")).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(later.count(), 0, "{later}");
}

/// Kills it during the transfer of a shard.
fn kill_after_the_metadata(world: &World, model: &PublishedModel, url: &str) {
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Stall { after: 10 }, Times::Once);
    let log = world.hub.log().from_now();
    let running = world.cli(&["download", url]).start();
    until(|| log.data().file("params_shard_0.bin").bytes_sent() >= 10);
    running.signal("KILL");
    assert_eq!(running.end().status, None);
    assert!(!world.entry(model).exists());
}

#[test]
fn the_metadata_of_a_commit_is_fetched_once() {
    let (world, model) = world();
    kill_after_the_metadata(&world, &model, &model.url);
    let later = world.hub.log().from_now();
    world.download(&model);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert_eq!((later.route(Route::InfoRefs).count(), packs(&later)), (1, 0));
}

/// If a pinned commit's metadata is kept, the hub need not be asked.
#[test]
fn the_metadata_of_a_pinned_commit_is_not_requested_again() {
    let (world, model) = world();
    let url = format!("{}@{}", model.url, model.commit);
    kill_after_the_metadata(&world, &model, &url);
    let later = world.hub.log().from_now();
    let ran = world.cli(&["download", &url]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(model.differences(std::path::Path::new(ran.text().trim_end())), [""; 0]);
    assert!(later.git().is_empty(), "{later}");
}

/// `--force` fetches again what is already there.
#[test]
fn a_redo_asks_for_the_metadata_again() {
    let (world, model) = world();
    kill_after_the_metadata(&world, &model, &model.url);
    let later = world.hub.log().from_now();
    world.cli(&["download", &model.url, "--force"]).run().check_path(&world.entry(&model));
    assert_eq!(packs(&later), 1);
}

/// Kept metadata is hashed by the run that uses it.
#[test]
fn damaged_metadata_is_fetched_again() {
    let (world, model) = world();
    kill_after_the_metadata(&world, &model, &model.url);
    flip_a_bit(&kept(&world, "pack-"));
    let later = world.hub.log().from_now();
    world.download(&model);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert_eq!(packs(&later), 1);

    let (world, model) = self::world();
    kill_in_the_pack(&world, &model);
    world.hub.fault(FaultTarget::resolve_cache(LARGE), Fault::Stall { after: MAX_PER_REQUEST }, Times::Once);
    // The other file that is fetched by itself is smaller.
    let is_larger = |path: &PathBuf| path.metadata().is_ok_and(|found| found.len() > OTHER as u64);
    let large = || all_kept(&world, "blob-").find(is_larger);
    kill_when(world.cli(&["download", &model.url]), || large().is_some());
    flip_a_bit(&large().unwrap());
    let later = world.hub.log().from_now();
    world.download(&model);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert_eq!(
        later.route(Route::ResolveCache).file(LARGE).count(),
        2,
        "gone on with, and once more from its start"
    );
}

/// Links in place of kept metadata are not followed.
#[test]
fn kept_metadata_is_read_from_plain_files_only() {
    let (world, model) = world();
    kill_after_the_metadata(&world, &model, &model.url);
    let pack = kept(&world, "pack-");
    let aside = world.beside("pack");
    std::fs::rename(&pack, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &pack).unwrap();
    let later = world.hub.log().from_now();
    world.download(&model);
    assert_eq!((packs(&later), aside.exists()), (1, true));
}

/// If single files cannot be fetched, the whole pack is requested again.
#[test]
fn without_single_files_the_pack_is_fetched_again() {
    for fault in [
        (FaultTarget::resolve(LARGE), Fault::status(404)),
        (FaultTarget::resolve_cache(LARGE), Fault::Corrupt { at: 5 }),
        (FaultTarget::info_refs(""), Fault::WithoutCapability("filter".to_owned())),
    ] {
        let (world, model) = world();
        kill_in_the_pack(&world, &model);
        world.hub.fault(fault.0, fault.1.clone(), Times::Forever);
        world.download(&model);
        assert_eq!(model.differences(&world.entry(&model)), [""; 0], "{:?}", fault.1);
    }
}

/// If the host does not resume a file, or resumes it at the wrong offset, the file is fetched from the
/// start.
#[test]
fn a_hub_that_ignores_ranges() {
    for fault in [Fault::IgnoreRange, Fault::WrongContentRange] {
        let (world, model) = world();
        kill_in_the_pack(&world, &model);
        world.hub.fault(
            FaultTarget::resolve_cache(LARGE),
            Fault::Stall { after: MAX_PER_REQUEST },
            Times::Once,
        );
        assert!(!run_and_kill(&world, &model));
        world.hub.fault(FaultTarget::resolve_cache(LARGE).resumed(), fault, Times::Once);
        world.download(&model);
        assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    }
}
