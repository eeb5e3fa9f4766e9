use std::time::Duration;

use std::fs;

use super::process::Process;
use super::*;
use crate::config::{CacheConfig, Locking};
use crate::content::ContentName;
use crate::run::Run;
use crate::testing;

/// As left by a killed process of another machine, last heard of this many seconds ago.
fn dead_run(layout: &CacheLayout, slot: &Slot, silent_for: i64) -> RunNames {
    let names = killed_here(slot, silent_for);
    assert!(layout.home().exists());
    testing::move_elsewhere(names.folder());
    names
}

/// The same for this machine.
fn killed_here(slot: &Slot, silent_for: i64) -> RunNames {
    let (folder, alive) = RunFolder::create(&Staging::of(slot)).unwrap();
    let ago = Duration::from_secs(silent_for.unsigned_abs());
    let now = SystemTime::now();
    alive.set_modified(if silent_for < 0 { now + ago } else { now - ago }).unwrap();
    let names = folder.names().clone();
    folder.leave();
    testing::fill(&names.tree(), "w");
    names
}

fn begin(layout: &CacheLayout, slot: &Slot) -> Run {
    layout.begin_run(slot, Purpose::Fresh).unwrap()
}

#[track_caller]
fn check(silent_for: i64, expected_to_stay: bool) {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let dead = dead_run(&layout, &slot, silent_for);
    let run = begin(&layout, &slot);
    assert_eq!(dead.folder().exists(), expected_to_stay, "{silent_for}");
    let expected = if expected_to_stay { 2 } else { 1 };
    assert_eq!(fs::read_dir(Staging::of(&slot).runs_folder()).unwrap().count(), expected);
    drop(run);
}

#[test]
fn a_dead_run_of_another_machine_is_removed_after_15_minutes() {
    check(0, true);
    check(14 * 60, true);
    check(16 * 60, false);
    check(7 * 24 * 3600, false);
}

/// Clocks of two machines differ slightly. A heartbeat of next week is ignored.
#[test]
fn a_time_far_in_the_future_is_no_heartbeat() {
    check(-60, true);
    check(-14 * 60, true);
    check(-16 * 60, false);
    check(-7 * 24 * 3600, false);
}

/// Checks whether a run survives, given the note about its process and whether locks are used.
#[track_caller]
fn check_here(silent_for: i64, note: Option<&str>, locking: Locking, expected_to_stay: bool) {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let layout = CacheLayout::new(CacheConfig { locking, ..CacheConfig::new(layout.home()) }).unwrap();
    let slot = layout.slot(slot.model());
    let dead = killed_here(&slot, silent_for);
    if let Some(note) = note {
        fs::write(dead.process(), note).unwrap();
    }
    drop(begin(&layout, &slot));
    assert_eq!(dead.folder().exists(), expected_to_stay, "{silent_for} {note:?} {locking:?}");
}

/// The note of this process, with another process in its place.
#[cfg(target_os = "linux")]
fn noted(began: u64, pid: u32, has_lock: bool) -> String {
    let mut process: serde_json::Value =
        serde_json::from_slice(&Process::this(has_lock).unwrap().to_json()).unwrap();
    process["pid"] = pid.into();
    process["began"] = began.into();
    process.to_string()
}

#[cfg(target_os = "linux")]
#[test]
fn a_dead_run_of_this_machine_is_removed_at_once_whatever_the_clock_says() {
    for silent_for in [0, 14 * 60, 16 * 60, -7 * 24 * 3600] {
        check_here(silent_for, None, Locking::System, false);
        // The process id has been reused.
        let other = noted(1, std::process::id(), false);
        check_here(silent_for, Some(&other), Locking::None, false);
        check_here(silent_for, Some(&other), Locking::System, false);
        // In another container of this machine, where its process id means nothing, the lock decides.
        let contained = noted(1, 1, true).replace("pid:[", "pid:[9");
        check_here(silent_for, Some(&contained), Locking::System, false);
    }
}

/// Without locks, or with locks that exclude nobody.
#[cfg(target_os = "linux")]
#[test]
fn a_living_process_of_this_machine_keeps_its_runs_without_locks() {
    for silent_for in [0, 16 * 60, -7 * 24 * 3600] {
        check_here(silent_for, None, Locking::None, true);
        let lockless = String::from_utf8(Process::this(false).unwrap().to_json()).unwrap();
        check_here(silent_for, Some(&lockless), Locking::System, true);
    }
}

/// Then it may be on another machine.
#[test]
fn a_run_without_a_note_of_its_process_is_judged_by_its_heartbeat() {
    for note in ["", "{", "{}", r#"{"boot":1}"#] {
        for locking in [Locking::None, Locking::System] {
            check_here(0, Some(note), locking, true);
            check_here(16 * 60, Some(note), locking, false);
            check_here(-16 * 60, Some(note), locking, false);
        }
    }
}

/// A process that lives on, such as an application, has ended the run itself.
#[test]
fn a_dropped_run_is_over_even_without_locks() {
    let folder = testing::folder();
    let (layout, _) = testing::cache(&folder);
    let layout =
        CacheLayout::new(CacheConfig { locking: Locking::None, ..CacheConfig::new(layout.home()) }).unwrap();
    let slot = layout.slot(&"user/repo".parse().unwrap());
    let run = begin(&layout, &slot);
    fs::write(run.part(&ContentName::sha256([1; 32])), "half").unwrap();
    drop(run);
    let _next = begin(&layout, &slot);
    assert_eq!(Staging::of(&slot).runs().unwrap().len(), 1);
}

#[test]
fn a_live_run_is_never_removed() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let live = begin(&layout, &slot);
    testing::fill(live.tree(), "w");
    // Its heartbeat has stopped but its lock is held: a suspended process.
    let in_a_week = SystemTime::now() + Duration::from_secs(7 * 24 * 3600);
    tidy(&Staging::of(&slot), in_a_week).unwrap();
    assert!(live.tree().join("weights").exists());
}

#[test]
fn a_run_without_a_heartbeat_is_judged_by_its_folders_age() {
    let folder = testing::folder();
    let (_, slot) = testing::cache(&folder);
    let unborn = RunNames::new(Staging::of(&slot).runs_folder().join("1-unborn"), &slot);
    fs::create_dir_all(unborn.folder()).unwrap();
    tidy(&Staging::of(&slot), SystemTime::now()).unwrap();
    assert!(unborn.folder().exists());
    tidy(&Staging::of(&slot), SystemTime::now() + ABANDONED_AFTER + Duration::from_secs(60)).unwrap();
    assert!(!unborn.folder().exists());
}

#[test]
fn interrupted_removals_are_completed_and_unknown_files_stay() {
    let folder = testing::folder();
    let (_, slot) = testing::cache(&folder);
    testing::write(&Staging::of(&slot).runs_folder().join("1-x+gone/tree/weights"), "w");
    testing::write(&Staging::of(&slot).runs_folder().join(".DS_Store"), "");
    tidy(&Staging::of(&slot), SystemTime::now() + Duration::from_secs(3600)).unwrap();
    assert_eq!(
        testing::listing(&Staging::of(&slot).runs_folder()).into_keys().collect::<Vec<_>>(),
        [".DS_Store"]
    );
}

#[test]
fn other_models_are_not_changed() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let other = layout.slot(&"user/other".parse().unwrap());
    let dead = dead_run(&layout, &other, 3600);
    drop(begin(&layout, &slot));
    assert!(dead.folder().exists());
}

#[track_caller]
fn check_pool(prepare: impl FnOnce(&Slot, &RunNames), expected: &[(Purpose, bool)]) {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let dead = dead_run(&layout, &slot, 0);
    for purpose in [Purpose::Fresh, Purpose::Redo] {
        testing::write(&Staging::of(&slot).pool(purpose).join("verified"), "w");
    }
    prepare(&slot, &dead);
    tidy(&Staging::of(&slot), SystemTime::now()).unwrap();
    for (purpose, stays) in expected {
        assert_eq!(Staging::of(&slot).pool(*purpose).join("verified").exists(), *stays, "{purpose:?}");
    }
    let cleared = expected.iter().any(|(_, stays)| !stays);
    assert!(!(cleared && dead.note().exists()), "the note is used up with the pool");
}

#[test]
fn the_pool_of_a_published_tree_is_not_trusted() {
    use Purpose::{Fresh, Redo};
    let leave_note = |run: &RunNames, purpose| {
        fs::write(run.note(), Note::new(purpose, &run.tree()).to_json()).unwrap();
    };
    let publish = |slot: &Slot, run: &RunNames| {
        fs::create_dir_all(slot.entry().parent().unwrap()).unwrap();
        fs::rename(run.tree(), slot.entry()).unwrap();
    };
    check_pool(|_, _| (), &[(Fresh, true), (Redo, true)]);
    if cfg!(unix) {
        check_pool(|_, run| leave_note(run, Fresh), &[(Fresh, true), (Redo, true)]);
    }
    check_pool(
        |slot, run| {
            leave_note(run, Fresh);
            publish(slot, run);
        },
        &[(Fresh, false), (Redo, true)],
    );
    check_pool(
        |slot, run| {
            leave_note(run, Redo);
            publish(slot, run);
            // As an exchange leaves it.
            testing::fill(&run.tree(), "old");
        },
        &[(Fresh, true), (Redo, false)],
    );
    check_pool(
        |slot, run| {
            leave_note(run, Fresh);
            publish(slot, run);
            // They are still the same files, wherever they are edited now.
            fs::rename(slot.entry(), slot.home().join("elsewhere")).unwrap();
        },
        &[(Fresh, false), (Redo, true)],
    );
    check_pool(|_, run| fs::write(run.note(), "{\"red").unwrap(), &[(Fresh, false), (Redo, false)]);
}

#[test]
fn an_entry_that_was_moved_aside_is_moved_back() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    for silent_for in [0, 3600] {
        let dead = dead_run(&layout, &slot, silent_for);
        testing::fill(&dead.displaced(), "old");
        fs::create_dir_all(slot.entry().parent().unwrap()).unwrap();
        let run = begin(&layout, &slot);
        assert_eq!(fs::read_to_string(slot.entry().join("weights")).unwrap(), "old");
        drop(run);
        fs::remove_dir_all(slot.entry()).unwrap();
    }
}

#[test]
fn an_entry_moved_aside_is_deleted_once_there_is_a_new_one() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let dead = dead_run(&layout, &slot, 3600);
    testing::fill(&dead.displaced(), "old");
    testing::fill(slot.entry(), "new");
    drop(begin(&layout, &slot));
    assert!(!dead.folder().exists());
    assert_eq!(fs::read_to_string(slot.entry().join("weights")).unwrap(), "new");
}

#[test]
fn empty_folders_are_removed_unless_another_run_needs_them() {
    let folder = testing::folder();
    let (_, slot) = testing::cache(&folder);
    let [fresh, redo] = [Purpose::Fresh, Purpose::Redo].map(|purpose| Staging::of(&slot).pool(purpose));
    for dir in [&Staging::of(&slot).runs_folder(), &fresh, &redo] {
        fs::create_dir_all(dir).unwrap();
    }
    let other = Staging::of(&slot).runs_folder().join("1-x");
    fs::create_dir(&other).unwrap();
    remove_empty(&Staging::of(&slot), Purpose::Fresh);
    assert!(fresh.exists());
    fs::remove_dir(&other).unwrap();
    remove_empty(&Staging::of(&slot), Purpose::Fresh);
    assert!(!Staging::of(&slot).runs_folder().exists() && !fresh.exists() && redo.exists());
}

/// The same through the public interface, with the real clock.
#[test]
fn the_pool_survives_until_it_is_published() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let name = ContentName::sha256([1; 32]);
    let run = begin(&layout, &slot);
    fs::write(run.pool_path(&name), "w").unwrap();
    drop(run);
    let run = begin(&layout, &slot);
    run.place(&name, &"weights".parse().unwrap()).unwrap();
    testing::write(&run.tree().join("config"), "{}");
    run.publish(&testing::inspect).unwrap();
    assert!(!Staging::of(&slot).folder().exists());
}
