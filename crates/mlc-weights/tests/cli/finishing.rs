//! Publishing and syncing are not interrupted at once, and the program says so.

use std::path::PathBuf;

use local_hub::{FixtureFile, PublishedModel};

use crate::traced;
use crate::world::{Ran, World, files_below, until};

/// Runs a download in which calls of this kind are slow, and interrupts it when `is_time` says so. Returns
/// `None` if `strace` does not work here.
fn interrupt_during(
    world: &World,
    model: &PublishedModel,
    call: &str,
    milliseconds: u32,
    is_time: impl Fn(&str) -> bool,
) -> Option<Ran> {
    if !traced::is_possible() {
        return None;
    }
    let (told, delay) = (world.beside("told"), format!("{call}:delay_enter={milliseconds}000"));
    let cli = world.cli(&["download", &model.url]);
    let running = traced::with_failing(&cli, call, &delay, &world.beside("calls")).start_with_stderr(&told);
    let words = || std::fs::read_to_string(&told).unwrap_or_default();
    until(|| is_time(&words()));
    running.signal_child("INT");
    let mut ran = running.end();
    ran.stderr = words();
    Some(ran)
}

#[test]
fn a_publication_in_progress_is_announced_and_completes() {
    let (world, model) = World::with_tiny();
    let has_begun = |told: &str| told.contains("putting the model in place");
    let Some(ran) = interrupt_during(&world, &model, "fsync", 300, has_begun) else { return };
    assert_eq!(ran.status, Some(130), "{}", ran.stderr);
    let announced = "finishing: putting the model in place; press Ctrl-C again to stop at once";
    assert!(ran.stderr.contains(announced), "{}", ran.stderr);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

#[test]
fn a_sync_in_progress_is_announced() {
    let (world, model) = World::with_tiny();
    // Data is synced as soon as it is written.
    let is_written = |file: &FixtureFile| {
        let is_part = |path: &PathBuf| path.to_str().unwrap().ends_with(&file.sha256);
        let parts = files_below(&world.home()).into_iter().filter(is_part);
        parts.filter_map(|part| part.metadata().ok()).any(|part| part.len() == file.size)
    };
    let all_received = |_: &str| model.lfs_files().all(is_written);
    let Some(ran) = interrupt_during(&world, &model, "fdatasync", 1500, all_received) else { return };
    assert_eq!(ran.status, Some(130), "{}", ran.stderr);
    let announced = "finishing: waiting for the disk to write what was downloaded";
    assert!(ran.lines().contains(&announced), "{}", ran.stderr);
    assert!(!world.entry(&model).exists());
}
