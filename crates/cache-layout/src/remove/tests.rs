use std::fs;
use std::path::Path;

use super::*;
use crate::content::ContentName;
use crate::prune::PruneMode;
use crate::staging::{Purpose, RunFolder};
use crate::testing;
use crate::{CacheConfig, Receipt};

/// A cache with a published model of ten thousand bytes, and its receipt.
fn published(folder: &tempfile::TempDir) -> (CacheLayout, Slot) {
    let (layout, slot) = testing::cache(folder);
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    testing::fill(run.tree(), &"w".repeat(10_000));
    run.write_receipt(&Receipt::new("ab".repeat(20).parse().unwrap(), [7; 32])).unwrap();
    run.publish(&testing::inspect).unwrap();
    (layout, slot)
}

/// What is left of the model, except for the lock file and empty folders.
fn left(folder: &tempfile::TempDir) -> Vec<String> {
    let found = testing::listing(folder.path()).into_iter().filter(|(_, kind)| kind != "dir");
    found.map(|(name, _)| name).filter(|name| !name.contains("/locks/")).collect()
}

/// Removes a model that nobody uses. Retries, since a program that another test is just starting briefly
/// inherits this process's locks.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "looks again after a moment")]
fn remove(layout: &CacheLayout, slot: &Slot) -> Removed {
    for _ in 0..100 {
        match layout.remove(slot) {
            Err(Error::InUse { .. }) => std::thread::sleep(std::time::Duration::from_millis(20)),
            outcome => return outcome.unwrap(),
        }
    }
    panic!("it is in use")
}

#[test]
fn a_model_is_removed_with_all_its_private_files() {
    let folder = testing::folder();
    let (layout, slot) = published(&folder);
    let run = layout.begin_run(&slot, Purpose::Redo).unwrap();
    testing::write(&run.part(&ContentName::sha256([1; 32])), &"p".repeat(20_000));
    drop(run);
    let removed = remove(&layout, &slot);
    assert_eq!(removed.entry, RemovedEntry::Directory);
    assert!(removed.bytes >= 30_000 && removed.leftover.is_none(), "{removed:?}");
    assert_eq!(left(&folder), [""; 0]);
    assert!(!slot.entry().parent().unwrap().exists() && !Staging::of(&slot).folder().exists());
    assert!(remove(&layout, &slot).is_nothing());
}

#[test]
fn unfinished_downloads_and_receipts_without_a_model_are_removed() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    testing::write(&run.part(&ContentName::sha256([1; 32])), "half");
    drop(run);
    let removed = remove(&layout, &slot);
    assert!(removed.entry == RemovedEntry::Nothing && !removed.is_nothing(), "{removed:?}");
    assert_eq!(left(&folder), [""; 0]);
    testing::write(&slot.receipt_file(), "{}");
    _ = remove(&layout, &slot);
    assert_eq!(left(&folder), [""; 0]);
}

/// As left by a process that died with the model moved aside and a tree beside its place.
#[test]
fn a_model_that_was_moved_aside_is_removed() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let (run, alive) = RunFolder::create(&Staging::of(&slot)).unwrap();
    testing::fill(&run.names().displaced(), "old");
    testing::fill(&run.names().neighbours()[0], "new");
    run.leave();
    drop(alive);
    assert_eq!(remove(&layout, &slot).entry, RemovedEntry::Directory);
    assert_eq!(left(&folder), [""; 0]);
}

#[test]
fn files_that_cannot_be_deleted_are_reported() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    testing::fill(slot.entry(), "w");
    fs::create_dir_all(slot.receipt_file()).unwrap();
    let removed = remove(&layout, &slot);
    assert!(removed.entry == RemovedEntry::Directory && removed.leftover.is_some(), "{removed:?}");
    assert_eq!(left(&folder), [""; 0]);
}

#[test]
fn removing_an_absent_model_creates_nothing() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    assert!(remove(&layout, &slot).is_nothing());
    assert!(testing::listing(folder.path()).is_empty());
}

#[test]
fn other_models_and_read_only_tiers_stay() {
    let folder = testing::folder();
    let (layout, slot) = published(&folder);
    let other = layout.slot(&"user/other".parse().unwrap());
    testing::fill(other.entry(), "");
    let run = layout.begin_run(&other, Purpose::Redo).unwrap();
    testing::write(&run.part(&ContentName::sha256([1; 32])), "half");
    drop(run);
    let shared = folder.path().join("shared/hf/user/repo");
    testing::fill(&shared, "");
    let mut config = CacheConfig::new(layout.home());
    config.read_only = vec![folder.path().join("shared")];
    let layout = CacheLayout::new(config).unwrap();
    _ = remove(&layout, &layout.slot(slot.model()));
    assert!(Staging::of(&other).folder().exists());
    assert!(
        !slot.entry().exists() && other.entry().join("weights").exists() && shared.join("weights").exists()
    );
}

/// The user's folder is removed with the last model, and a publication that needs it must not fail.
#[test]
fn models_of_one_user_may_be_added_and_removed_at_the_same_time() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let layout = testing::fast(&layout);
    let come_and_go = |model: &str| {
        let slot = layout.slot(&model.parse().unwrap());
        for _ in 0..30 {
            let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
            testing::fill(run.tree(), "w");
            run.publish(&testing::inspect).unwrap();
            assert_eq!(remove(&layout, &slot).entry, RemovedEntry::Directory);
        }
    };
    std::thread::scope(|scope| {
        for model in ["user/one", "user/two", "user/three"] {
            scope.spawn(|| come_and_go(model));
        }
    });
    assert!(!slot.entry().parent().unwrap().exists());
}

#[test]
fn a_model_that_is_being_downloaded_stays() {
    let folder = testing::folder();
    let (layout, slot) = published(&folder);
    let LockAttempt::Acquired(lock) = layout.try_lock(&slot).unwrap() else { panic!("held") };
    let error = layout.remove(&slot).unwrap_err();
    let Error::InUse { holder: Some(holder), .. } = &error else { panic!("{error:?}") };
    assert_eq!(holder.pid, std::process::id());
    drop(lock);
    // If the slot's lock has no effect, the run's own lock still shows it.
    let run = layout.begin_run(&slot, Purpose::Redo).unwrap();
    let error = layout.remove(&slot).unwrap_err();
    assert!(matches!(error, Error::InUse { holder: None, .. }), "{error}");
    assert!(slot.entry().join("weights").exists());
    drop(run);
    _ = remove(&layout, &slot);
    assert_eq!(left(&folder), [""; 0]);
}

#[test]
fn files_that_are_no_model_stay() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    testing::write(slot.entry(), "somebody's own");
    let error = layout.remove(&slot).unwrap_err();
    assert!(matches!(error, Error::EntryIsNotADirectory { .. }), "{error}");
    assert_eq!(fs::read_to_string(slot.entry()).unwrap(), "somebody's own");
}

#[cfg(unix)]
#[test]
fn a_link_is_removed_but_not_its_target() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let own = folder.path().join("own");
    testing::fill(&own, "mine");
    for target in [own.as_path(), Path::new("nowhere")] {
        fs::create_dir_all(slot.entry().parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, slot.entry()).unwrap();
        let removed = remove(&layout, &slot);
        assert_eq!(removed.entry, RemovedEntry::Link { target: target.to_path_buf() });
        assert!(!removed.is_nothing());
        assert!(fs::symlink_metadata(slot.entry()).is_err());
    }
    assert_eq!(fs::read_to_string(own.join("weights")).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn a_removal_that_is_not_allowed_changes_nothing() {
    let folder = testing::folder();
    let (layout, slot) = published(&folder);
    let before = left(&folder);
    let Some(_forbidden) = testing::unwritable(slot.entry().parent().unwrap()) else { return };
    let error = layout.remove(&slot).unwrap_err();
    assert!(matches!(error, Error::Move { .. }), "{error}");
    assert_eq!(left(&folder), before);
}

/// As left by a process killed after it moved the model out of sight.
#[test]
fn an_interrupted_removal_is_completed_by_the_next_call() {
    let next: [fn(&CacheLayout, &Slot); 3] = [
        |layout, slot| drop(remove(layout, slot)),
        |layout, _| drop(layout.prune(std::time::Duration::ZERO, PruneMode::Remove)),
        |layout, slot| drop(layout.begin_run(slot, Purpose::Fresh).unwrap()),
    ];
    for finish in next {
        let folder = testing::folder();
        let (layout, slot) = published(&folder);
        assert_eq!(take_away(&Staging::of(&slot)).unwrap(), RemovedEntry::Directory);
        assert!(!slot.entry().exists());
        assert!(layout.inventory().unwrap().entries.is_empty());
        finish(&layout, &slot);
        assert!(
            left(&folder).iter().all(|name| name.ends_with("receipts/user+repo.json")),
            "{:?}",
            left(&folder)
        );
        assert!(!slot.entry().exists());
    }
}
