use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::content::ContentName;
use crate::run::Run;
use crate::testing;

const HOUR: Duration = Duration::from_secs(3600);
const NOW: Duration = Duration::ZERO;

fn content(n: u8) -> ContentName {
    ContentName::sha256([n; 32])
}

/// A run with an unfinished file and a verified one.
fn begin(layout: &CacheLayout, slot: &Slot, purpose: Purpose) -> Run {
    let run = layout.begin_run(slot, purpose).unwrap();
    testing::write(&run.part(&content(1)), &"x".repeat(10_000));
    testing::write(&run.pool_path(&content(2)), &"y".repeat(20_000));
    run.place(&content(2), &"weights".parse().unwrap()).unwrap();
    run
}

/// Makes everything below a folder look as if it had last been written this long ago.
fn age(folder: &Path, by: Duration) {
    date_all(folder, SystemTime::now() - by);
}

fn date_all(folder: &Path, then: SystemTime) {
    for child in Place::anchored(folder).children().unwrap() {
        if child.is_dir() {
            date_all(&child, then);
        }
        testing::date(child.path(), then);
    }
}

fn prune(layout: &CacheLayout, older_than: Duration, mode: PruneMode) -> PrunedSlot {
    let mut report = layout.prune(older_than, mode);
    assert_eq!(report.slots.len(), 1, "{report:?}");
    let sums = (report.removed_bytes() - report.temporary_bytes, report.kept_bytes());
    let slot = report.slots.remove(0);
    assert_eq!(sums, (slot.removed_bytes, slot.kept_bytes));
    assert!(slot.failure.is_none(), "{slot:?}");
    slot
}

/// Prunes what a finished download left; whether it is removed depends on its age.
#[track_caller]
fn check(older_than: Duration, goes: bool) {
    for purpose in [Purpose::Fresh, Purpose::Redo] {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        testing::fill(slot.entry(), "published");
        drop(begin(&layout, &slot, purpose));
        testing::write(&Staging::of(&slot).orphans().join(content(3).as_str()), "z");
        age(Staging::of(&slot).folder(), 2 * HOUR);
        let before = testing::listing(folder.path());

        let would = prune(&layout, older_than, PruneMode::DryRun);
        assert_eq!(testing::listing(folder.path()), before, "a dry run changes nothing");
        let did = prune(&layout, older_than, PruneMode::Remove);

        assert_eq!((would.removed_bytes, would.kept_bytes), (did.removed_bytes, did.kept_bytes));
        assert!(!would.in_use && !did.in_use && would.written_at.is_some());
        assert_eq!([would.kept_until.is_some(), did.kept_until.is_some()], [!goes; 2]);
        assert_eq!(did.removed_bytes >= 30_000, goes, "{did:?}");
        assert_eq!(did.kept_bytes >= 30_000, !goes, "{did:?}");
        assert_eq!(Staging::of(&slot).folder().exists(), !goes);
        assert_eq!(fs::read_to_string(slot.entry().join("weights")).unwrap(), "published");
    }
}

#[test]
fn leftovers_are_removed_by_age() {
    check(NOW, true);
    check(HOUR, true);
    check(3 * HOUR, false);
}

/// Each model's failure is its own, and what was removed before it counts.
#[test]
fn what_cannot_be_removed_is_reported() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let other = layout.slot(&"zzz/other".parse().unwrap());
    for slot in [&slot, &other] {
        let pool = Staging::of(slot).pool(Purpose::Fresh);
        testing::write(&pool.join(content(1).as_str()), &"x".repeat(10_000));
    }
    // A folder where a file should be.
    let odd = Staging::of(&slot).pool(Purpose::Redo).join(content(2).as_str());
    testing::write(&odd.join("file"), &"y".repeat(20_000));
    let report = layout.prune(NOW, PruneMode::Remove);
    let [failed, pruned] = report.slots.as_slice() else { panic!("{report:?}") };
    assert_eq!((&failed.slot, failed.failure.is_some()), (&slot, true), "{report:?}");
    assert!((10_000..20_000).contains(&failed.removed_bytes), "{report:?}");
    assert!((20_000..40_000).contains(&failed.kept_bytes), "{report:?}");
    assert!(odd.join("file").exists());
    assert!(pruned.failure.is_none() && pruned.removed_bytes >= 10_000, "{report:?}");
    assert!(!Staging::of(&other).folder().exists());
}

#[test]
fn nothing_of_a_running_download_is_removed() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    // Neither with the slot's lock nor, if such locks have no effect, with the run's own.
    for lock in [true, false] {
        let LockAttempt::Acquired(held) = layout.try_lock(&slot).unwrap() else { panic!("held") };
        let held = lock.then_some(held);
        let run = begin(&layout, &slot, Purpose::Fresh);
        // As after a long suspension.
        age(Staging::of(&slot).folder(), 2 * HOUR);
        let before = testing::listing(Staging::of(&slot).folder());
        for mode in [PruneMode::DryRun, PruneMode::Remove] {
            let pruned = prune(&layout, NOW, mode);
            assert!(pruned.in_use && pruned.kept_until.is_none());
            assert_eq!((pruned.removed_bytes, pruned.holder.is_some()), (0, lock));
            assert_eq!(testing::listing(Staging::of(&slot).folder()), before);
        }
        drop((run, held));
    }
}

/// As left by a killed process of another machine, last heard of this long ago.
fn killed(layout: &CacheLayout, slot: &Slot, silent_for: Duration) -> PathBuf {
    let path = begin(layout, slot, Purpose::Fresh).abandon();
    testing::move_elsewhere(&path);
    age(Staging::of(slot).folder(), silent_for);
    path
}

/// Independent of the clock, even if all times are in the future.
#[cfg(target_os = "linux")]
#[test]
fn leftovers_of_a_killed_process_on_this_machine_are_removed_at_once() {
    for in_the_future in [false, true] {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let run = begin(&layout, &slot, Purpose::Fresh).abandon();
        if in_the_future {
            date_all(Staging::of(&slot).folder(), SystemTime::now() + 24 * HOUR);
        }
        let would = prune(&layout, NOW, PruneMode::DryRun);
        let pruned = prune(&layout, NOW, PruneMode::Remove);
        assert!(!would.in_use && !pruned.in_use);
        assert_eq!(would.removed_bytes, pruned.removed_bytes);
        assert!(!run.exists() && !Staging::of(&slot).folder().exists());
    }
}

/// A time in the future says nothing about the age, and keeps nothing alive until then.
#[test]
fn dates_in_the_future_count_as_old() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = killed(&layout, &slot, NOW);
    let temporary = killed_beside(&slot.receipt_file(), NOW);
    for dated in [Staging::of(&slot).folder(), &slot.receipt_file().above().unwrap()] {
        date_all(dated, SystemTime::now() + 24 * HOUR);
    }
    let pruned = prune(&layout, HOUR, PruneMode::Remove);
    assert!(!pruned.in_use && !run.exists() && !temporary.exists(), "{pruned:?}");
    assert!(!Staging::of(&slot).folder().exists());
}

#[test]
fn the_age_is_the_time_since_the_newest_file_was_written() {
    let (now, minute) = (SystemTime::UNIX_EPOCH + 24 * HOUR, Duration::from_secs(60));
    for (written, older_than, expected) in [
        (None, HOUR, true),
        (Some(now - HOUR), HOUR, true),
        (Some(now + minute), HOUR, false),
        (Some(now + ABANDONED_AFTER), HOUR, false),
        (Some(now + ABANDONED_AFTER + minute), HOUR, true),
        (Some(now + minute), NOW, true),
    ] {
        assert_eq!(is_old(written, older_than, now), expected, "{written:?}");
    }
    let folder = testing::folder();
    let place = Place::anchored(folder.path());
    for name in ["a/old", "b/new", "c/old"] {
        testing::write(&place.join(name), "");
    }
    date_all(&place, now - HOUR);
    testing::date(&place, now - HOUR);
    testing::date(&place.join("b/new"), now - minute);
    assert_eq!(newest(&place), Some(now - minute));
}

#[test]
fn a_killed_run_and_its_pool_are_removed_after_15_minutes() {
    for (silent_for, goes) in [(14 * 60, false), (16 * 60, true)] {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let run = killed(&layout, &slot, Duration::from_secs(silent_for));
        let names = RunNames::new(testing::place(&run), &slot);
        let [beside, _] = names.neighbours();
        testing::fill(&beside, "new");
        testing::write(&names.previous_receipt(), "previous");
        testing::write(&slot.receipt_file(), "new");
        let pruned = prune(&layout, NOW, PruneMode::Remove);
        assert_eq!((pruned.in_use, pruned.kept_until.is_some()), (!goes, !goes));
        assert_eq!([run.exists(), beside.exists()], [!goes; 2]);
        assert_eq!(fs::read_to_string(slot.receipt_file()).unwrap() == "previous", goes);
        assert_eq!(
            Staging::of(&slot).folder().exists(),
            !goes,
            "{:?}",
            testing::listing(Staging::of(&slot).folder())
        );
    }
}

#[test]
fn an_abandoned_run_is_removed_beside_a_live_one_which_keeps_the_pool() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let dead = killed(&layout, &slot, HOUR);
    let (living, alive) = staging::RunFolder::create(&Staging::of(&slot)).unwrap();
    testing::fill(&living.names().displaced(), "old");
    let pruned = prune(&layout, NOW, PruneMode::Remove);
    assert!(pruned.in_use && pruned.removed_bytes >= 10_000, "{pruned:?}");
    assert!(!dead.exists() && living.names().displaced().exists());
    assert_eq!(
        fs::metadata(Staging::of(&slot).pool(Purpose::Fresh).join(content(2).to_string())).unwrap().len(),
        20_000
    );
    drop((alive, living));
}

#[test]
fn an_old_model_that_was_moved_aside_is_moved_back() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = killed(&layout, &slot, HOUR);
    fs::create_dir_all(slot.entry().parent().unwrap()).unwrap();
    testing::fill(&RunNames::new(testing::place(&run), &slot).displaced(), "old");
    prune(&layout, NOW, PruneMode::Remove);
    assert_eq!(fs::read_to_string(slot.entry().join("weights")).unwrap(), "old");
    assert!(!Staging::of(&slot).folder().exists());
}

#[test]
fn an_old_model_that_cannot_be_moved_back_stays() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = killed(&layout, &slot, HOUR);
    let displaced = RunNames::new(testing::place(&run), &slot).displaced();
    testing::fill(&displaced, "old");
    testing::write(slot.entry().parent().unwrap(), "in the way");
    prune(&layout, NOW, PruneMode::Remove);
    assert!(displaced.join("weights").exists());
}

#[test]
fn unknown_files_stay_and_an_empty_cache_has_no_leftovers() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    assert_eq!(layout.prune(NOW, PruneMode::Remove).slots.len(), 0);
    assert!(!layout.home().exists());
    let stranger = layout.private().join("staging/not a model/file");
    testing::write(&stranger, "");
    testing::fill(slot.entry(), "published");
    assert_eq!(layout.prune(NOW, PruneMode::Remove).slots.len(), 0);
    assert!(stranger.exists());
}

/// As left by a process that was killed this long ago while writing beside `path`.
fn killed_beside(path: &Path, ago: Duration) -> PathBuf {
    let folder = path.parent().unwrap();
    fs::create_dir_all(folder).unwrap();
    let (place, file) = Place::anchored(folder).create_temporary().unwrap();
    fs::write(&place, "half").unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
    place.path().to_path_buf()
}

#[track_caller]
fn check_temporaries(minutes_ago: u64, older_than_minutes: u64, goes: bool) {
    let [ago, older_than] =
        [minutes_ago, older_than_minutes].map(|minutes| Duration::from_secs(60 * minutes));
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let temporaries = [slot.lock_file(), slot.receipt_file()].map(|path| killed_beside(&path, ago));
    let others = [slot.lock_file(), slot.holder_file(), slot.receipt_file()];
    for path in &others {
        testing::write(path, "mine");
        testing::date(path, SystemTime::now() - ago);
    }
    let would = layout.prune(older_than, PruneMode::DryRun).removed_bytes();
    assert!(temporaries.iter().all(|path| path.exists()), "a dry run changes nothing");
    let did = layout.prune(older_than, PruneMode::Remove).removed_bytes();
    assert_eq!((would, did > 0), (did, goes));
    assert!(temporaries.iter().all(|path| path.exists() != goes));
    assert!(others.iter().all(|path| path.exists()));
}

#[test]
fn only_temporary_files_are_removed_by_age() {
    check_temporaries(14, 0, false);
    check_temporaries(16, 0, true);
    check_temporaries(16, 60, false);
    check_temporaries(61, 60, true);
}
