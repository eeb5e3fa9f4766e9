use std::time::Duration;

use std::fs;

use super::*;
use crate::content::ContentName;
use crate::run::Run;
use crate::testing;

/// What a killed process leaves of a run that was last heard of so many seconds ago.
fn dead_run(layout: &CacheLayout, slot: &Slot, silent_for: u64) -> RunNames {
    let (folder, alive) = RunFolder::create(&Staging::of(slot)).unwrap();
    alive.set_modified(SystemTime::now() - Duration::from_secs(silent_for)).unwrap();
    let names = folder.names().clone();
    folder.leave();
    testing::fill(&names.tree(), "w");
    assert!(layout.home().exists());
    names
}

fn begin(layout: &CacheLayout, slot: &Slot) -> Run {
    layout.begin_run(slot, Purpose::Fresh).unwrap()
}

#[track_caller]
fn check(silent_for: u64, expected_to_stay: bool) {
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
fn a_dead_run_is_removed_after_a_quarter_of_an_hour() {
    check(0, true);
    check(14 * 60, true);
    check(16 * 60, false);
    check(7 * 24 * 3600, false);
}

#[test]
fn a_live_run_is_never_removed() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let live = begin(&layout, &slot);
    testing::fill(live.tree(), "w");
    // Its heart has stopped, but its lock is held: a process that was suspended.
    let in_a_week = SystemTime::now() + Duration::from_secs(7 * 24 * 3600);
    tidy(&Staging::of(&slot), in_a_week).unwrap();
    assert!(live.tree().join("weights").exists());
}

#[test]
fn a_run_with_a_future_heartbeat_is_alive() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let dead = dead_run(&layout, &slot, 0);
    tidy(&Staging::of(&slot), SystemTime::now() - Duration::from_secs(7 * 24 * 3600)).unwrap();
    assert!(dead.folder().exists());
}

#[test]
fn a_run_that_died_before_its_first_heartbeat_goes_by_its_folders_age() {
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
fn what_was_cut_off_is_removed_at_once_and_strangers_stay() {
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
fn other_models_are_left_alone() {
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
            // Still the same files, wherever they are edited now.
            fs::rename(slot.entry(), slot.home().join("elsewhere")).unwrap();
        },
        &[(Fresh, false), (Redo, true)],
    );
    check_pool(|_, run| fs::write(run.note(), "{\"red").unwrap(), &[(Fresh, false), (Redo, false)]);
}

#[test]
fn an_entry_that_was_moved_aside_comes_back() {
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
fn what_was_moved_aside_is_dropped_once_there_is_an_entry() {
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
fn empty_folders_go_unless_another_run_needs_them() {
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

/// The same from the outside, with the real clock.
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
