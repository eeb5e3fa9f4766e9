use std::time::Duration;

use std::fs;

use url_parse::RepoPath;

use super::*;
use crate::testing;

fn content(n: u8) -> ContentName {
    ContentName::sha256([n; 32])
}

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// Retries, since a program that another test is just starting briefly inherits this process's locks.
#[expect(clippy::disallowed_methods, reason = "looks again after a moment")]
fn takes_over(run: &Run, content: &ContentName) -> bool {
    (0..100).any(|_| {
        let is_taken = run.take_over(content);
        if !is_taken {
            std::thread::sleep(Duration::from_millis(20));
        }
        is_taken
    })
}

#[test]
fn runs_share_only_the_pool() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let one = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    let other = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    let redo = layout.begin_run(&slot, Purpose::Redo).unwrap();
    assert_ne!(one.tree(), other.tree());
    assert_ne!(one.part(&content(1)), other.part(&content(1)));
    assert_ne!(one.part(&content(1)), one.part(&content(2)));
    assert_eq!(one.pool_path(&content(1)), other.pool_path(&content(1)));
    assert_ne!(one.pool_path(&content(1)), redo.pool_path(&content(1)));
    for dir in [one.tree(), one.scratch()] {
        assert_eq!(fs::read_dir(dir).unwrap().count(), 0);
    }
    for file in [one.part(&content(1)), one.pool_path(&content(1))] {
        fs::write(file, "").unwrap();
    }
}

#[test]
fn dropping_discards_the_run_and_keeps_the_pool() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    fs::write(run.part(&content(1)), "half").unwrap();
    fs::write(run.pool_path(&content(2)), "verified").unwrap();
    run.place(&content(2), &path("weights")).unwrap();
    drop(run);
    let left = testing::listing(&Staging::of(&slot).runs_folder());
    assert!(left.keys().all(|path| !path.contains("tree")), "{left:?}");
    assert!(!slot.entry().exists());

    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    assert_eq!(run.pooled(&content(1)), None);
    assert!(takes_over(&run, &content(1)));
    assert_eq!(run.pooled(&content(2)), Some(8));
    let redo = layout.begin_run(&slot, Purpose::Redo).unwrap();
    assert_eq!(redo.pooled(&content(2)), None);
}

#[test]
fn a_pool_file_is_placed_once_under_each_name() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    fs::write(run.pool_path(&content(1)), "verified").unwrap();
    for name in ["weights", "deep/er/weights"] {
        run.place(&content(1), &path(name)).unwrap();
        assert_eq!(fs::read_to_string(run.tree().join(name)).unwrap(), "verified");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(fs::metadata(run.pool_path(&content(1))).unwrap().nlink(), 3);
    }

    fs::write(run.pool_path(&content(2)), "other").unwrap();
    let error = run.place(&content(2), &path("weights")).unwrap_err();
    assert!(matches!(error, Error::LinkOrCopy { .. }), "{error}");
    assert_eq!(fs::read_to_string(run.tree().join("weights")).unwrap(), "verified");
    let error = run.place(&content(3), &path("absent")).unwrap_err();
    let (from, to) = (run.pool_path(&content(3)), run.tree().join("absent"));
    assert_eq!(error.to_string(), format!("cannot link or copy {} to {}", from.display(), to.display()));
}

#[test]
fn files_of_the_old_entry_are_carried_over() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    assert_eq!(layout.existing_entry(&slot), None);
    testing::write(&slot.entry().join("sub/mine"), "edited");
    assert_eq!(layout.existing_entry(&slot).as_deref(), Some(slot.entry()));

    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    run.adopt(&slot.entry().join("sub/mine"), &path("sub/mine")).unwrap();
    assert_eq!(fs::read_to_string(run.tree().join("sub/mine")).unwrap(), "edited");
    let error = run.adopt(&slot.entry().join("sub/mine"), &path("sub/mine")).unwrap_err();
    assert!(matches!(error, Error::LinkOrCopy { .. }), "{error}");
}

#[test]
fn only_plain_files_of_the_entry_are_carried_over() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let outside = folder.path().join("outside");
    testing::write(&outside.join("secret"), "secret");
    testing::write(&slot.entry().join("sub/file"), "text");
    let refused = [
        outside.join("secret"),
        slot.entry().join("sub"),
        slot.entry().join("absent"),
        slot.entry().join("sub/../sub/file"),
        slot.entry().to_path_buf(),
    ];
    #[cfg(unix)]
    let refused = {
        use std::os::unix::fs::symlink;
        symlink(outside.join("secret"), slot.entry().join("link")).unwrap();
        symlink(&outside, slot.entry().join("linked")).unwrap();
        let links = [slot.entry().join("link"), slot.entry().join("linked/secret")];
        refused.into_iter().chain(links)
    };
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    for from in refused {
        let error = run.adopt(&from, &path("taken")).unwrap_err();
        let (file, entry) = (from.display(), slot.entry().display());
        assert_eq!(error.to_string(), format!("{file} is not a plain file of the entry {entry}"));
        assert_eq!(testing::listing(run.tree()).len(), 0);
    }
}

/// Windows does not remove a folder in which a file is open.
#[cfg(not(windows))]
#[test]
fn a_run_that_counted_as_abandoned_cannot_continue() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    fs::write(run.pool_path(&content(1)), "verified").unwrap();
    let path_of_run = run.folder.names().folder().to_path_buf();
    fs::remove_dir_all(&path_of_run).unwrap();
    for name in ["weights", "sub/weights"] {
        run.place(&content(1), &path(name)).unwrap_err();
    }
    run.write_receipt(&Receipt::new(url_parse::CommitId::from_bytes([1; 20]), [1; 32])).unwrap();
    run.publish(&testing::inspect).unwrap_err();
    assert!(!path_of_run.exists() && !slot.entry().exists());
    assert_eq!(testing::listing(slot.receipt_file().parent().unwrap()).len(), 0);
}

#[test]
fn a_beat_is_the_time_of_the_heartbeat_file() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    run.alive.set_modified(long_ago).unwrap();
    run.beat();
    let last = fs::metadata(run.folder.names().alive()).unwrap().modified().unwrap();
    assert!(last > long_ago + Duration::from_secs(1800));
}

#[test]
fn a_run_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Run>();
    shared::<crate::SlotLock>();
}

#[test]
fn runs_may_begin_at_the_same_time() {
    for _ in 0..200 {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        // Each of them creates the home.
        let runs = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| layout.begin_run(&slot, Purpose::Redo)));
            threads.map(|thread| thread.join().unwrap())
        });
        for run in runs {
            drop(run.unwrap());
        }
    }
}

/// Without locks, a run may begin while another one ends and removes empty folders.
#[test]
fn runs_may_begin_while_others_end() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let layout = testing::fast(&layout);
    let work = || {
        for _ in 0..50 {
            let run = layout.begin_run(&slot, Purpose::Redo).unwrap();
            testing::fill(run.tree(), "w");
            run.publish(&testing::inspect).unwrap();
        }
    };
    std::thread::scope(|scope| {
        for thread in [(); 4].map(|()| scope.spawn(work)) {
            thread.join().unwrap();
        }
    });
    assert_eq!(testing::inspect(slot.entry()), Completeness::Whole);
    assert!(!Staging::of(&slot).folder().exists());
}

impl Run {
    /// Leaves everything as a killed process would; returns the run's folder.
    pub(crate) fn abandon(self) -> PathBuf {
        let path = self.folder.names().folder().to_path_buf();
        self.folder.leave();
        path
    }
}

/// Its owner may have it open and write to it after it was hashed. Only root can set this up.
#[cfg(unix)]
#[test]
fn files_of_another_user_are_copied() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    if fs::metadata(run.tree()).unwrap().uid() != 0 {
        return;
    }
    let identity = |path: &Path| fs::symlink_metadata(path).map(|found| (found.dev(), found.ino())).unwrap();
    let (content, path) = (content(1), path("file"));
    let pooled = run.pool_path(&content);
    testing::write(&pooled, "pooled");
    assert!(run.place(&content, &path).unwrap());
    assert_eq!(identity(&pooled), identity(&run.tree().join("file")), "a link");
    run.discard(&path, None).unwrap();

    std::os::unix::fs::chown(&pooled, Some(12345), None).unwrap();
    assert!(!run.place(&content, &path).unwrap());
    let placed = run.tree().join("file");
    assert_eq!(fs::read_to_string(&placed).unwrap(), "pooled");
    assert_ne!(identity(&pooled), identity(&placed), "a copy");
    assert_ne!(fs::metadata(&placed).unwrap().uid(), 12345);

    run.discard(&path, Some(&content)).unwrap();
    assert!(!placed.exists() && !pooled.exists());

    // The same applies to unfinished files of earlier runs, in the run's folder or, once another run
    // has begun, among the orphans.
    let first = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    testing::write(&first.part(&content), "half");
    std::os::unix::fs::chown(first.part(&content), Some(12345), None).unwrap();
    drop(first);
    check_is_copied(&run, &content);
    let next = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    let orphan = Staging::of(&slot).orphans().join(content.as_str());
    assert_eq!(fs::metadata(&orphan).unwrap().uid(), 12345, "it was moved here");
    check_is_copied(&next, &content);
    assert!(!orphan.exists());
}

/// Takes over an unfinished file that another user owns.
#[cfg(unix)]
#[track_caller]
fn check_is_copied(heir: &Run, content: &ContentName) {
    use std::os::unix::fs::MetadataExt as _;
    assert!(takes_over(heir, content));
    let part = heir.part(content);
    assert_eq!(fs::read_to_string(&part).unwrap(), "half");
    assert_ne!(fs::metadata(&part).unwrap().uid(), 12345);
    let left = fs::read_dir(part.parent().unwrap()).unwrap();
    assert!(left.into_iter().all(|left| left.unwrap().path() == part));
}

/// libgit2 refuses long paths there, and those in the form in which Windows resolves them.
#[cfg(windows)]
#[test]
fn scratch_space_for_libraries_has_a_short_path() {
    use crate::{CacheConfig, CacheLayout};

    let folder = testing::folder();
    let home = folder.path().join("long".repeat(30)).join("home");
    let layout = CacheLayout::new(CacheConfig::new(home)).unwrap();
    let slot = layout.slot(&"user/repo".parse().unwrap());
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    let scratch = run.scratch_by_path(None).unwrap();
    assert!(scratch.is_dir() && scratch.as_os_str().len() < 150, "{}", scratch.display());
    assert!(scratch.components().all(|part| !part.as_os_str().to_string_lossy().starts_with(r"\\?\")));
    drop(run);
    assert!(!scratch.exists());
}
