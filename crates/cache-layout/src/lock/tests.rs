use std::fs;

use super::*;
use crate::testing;
use url_parse::ErrorKind;

fn acquire(layout: &CacheLayout, slot: &Slot) -> SlotLock {
    match layout.try_lock(slot).unwrap() {
        LockAttempt::Acquired(lock) => lock,
        LockAttempt::HeldBy(holder) => panic!("held by {holder:?}"),
    }
}

fn holder(layout: &CacheLayout, slot: &Slot) -> Option<Holder> {
    match layout.try_lock(slot).unwrap() {
        LockAttempt::Acquired(_) => panic!("the lock is free"),
        LockAttempt::HeldBy(holder) => holder,
    }
}

#[test]
fn exactly_one_of_eight_gets_the_lock() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let attempts = std::thread::scope(|scope| {
        let threads = [(); 8].map(|()| scope.spawn(|| layout.try_lock(&slot).unwrap()));
        threads.map(|thread| thread.join().unwrap())
    });
    let acquired = attempts.iter().filter(|attempt| matches!(attempt, LockAttempt::Acquired(_))).count();
    assert_eq!(acquired, 1);
}

#[test]
fn a_waiting_process_learns_who_has_the_lock() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let before = SystemTime::now() - Duration::from_secs(1);
    let lock = acquire(&layout, &slot);
    let other = holder(&layout, &slot).unwrap();
    assert_eq!(other.pid, std::process::id());
    assert_eq!(other.host.is_some(), cfg!(unix));
    assert!(other.since >= before);

    fs::remove_file(slot.holder_file()).unwrap();
    assert_eq!(holder(&layout, &slot), None, "a lock without a note is a lock");
    drop(lock);
}

#[test]
fn a_note_is_read_as_it_was_written() {
    let folder = testing::folder();
    let path = testing::place(&folder.path().join("note"));
    assert_eq!(Holder::read(&path), None);
    for junk in ["", "{}", "{\"pid\":-1,\"host\":null,\"since\":0}"] {
        fs::write(&path, junk).unwrap();
        assert_eq!(Holder::read(&path), None, "{junk}");
    }
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let holder = Holder { pid: 1, host: Some(Excerpt::of("h")), since };
    holder.write(&path).unwrap();
    assert_eq!(Holder::read(&path), Some(holder));
}

#[test]
fn a_released_lock_can_be_taken_again() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    drop(acquire(&layout, &slot));
    assert!(slot.lock_file().exists(), "lock files are never unlinked");
    assert!(!slot.holder_file().exists());

    // As left by a killed process.
    testing::write(&slot.holder_file(), "{\"pid\":1,\"host\":null,\"since\":0}");
    let lock = acquire(&layout, &slot);
    assert_eq!(holder(&layout, &slot).unwrap().pid, std::process::id());
    drop(lock);
}

#[test]
fn without_locks_nothing_waits_and_nothing_is_created() {
    let folder = testing::folder();
    let mut config = crate::CacheConfig::new(folder.path().join("home"));
    config.locking = Locking::None;
    let layout = CacheLayout::new(config).unwrap();
    let slot = layout.slot(&"user/repo".parse().unwrap());
    let _locks = [acquire(&layout, &slot), acquire(&layout, &slot)];
    assert!(!layout.home().exists());
}

#[test]
fn models_do_not_wait_for_each_other() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let lock = acquire(&layout, &slot);
    drop(acquire(&layout, &layout.slot(&"user/repo.holder".parse().unwrap())));
    drop(lock);
}

#[cfg(unix)]
#[test]
fn the_files_have_the_umasks_modes() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let _lock = acquire(&layout, &slot);
    let (file, dir) = testing::umask_modes(&folder);
    assert_eq!(testing::mode(&slot.lock_file()), file);
    assert_eq!(testing::mode(&slot.holder_file()), file);
    assert_eq!(testing::mode(slot.lock_file().parent().unwrap()), dir);
}

#[test]
fn a_home_that_is_a_file_has_no_locks() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    fs::write(layout.home(), "").unwrap();
    let error = layout.try_lock(&slot).unwrap_err();
    assert!(matches!(error, Error::NotADirectory { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Disk);
}

#[cfg(unix)]
#[test]
fn a_file_system_without_locks_is_distinguished_from_a_failing_one() {
    use rustix::io::Errno;
    for errno in [Errno::NOLCK, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP] {
        assert!(has_no_locks(&errno.into()), "{errno}");
    }
    for errno in [Errno::IO, Errno::BADF, Errno::INTR] {
        assert!(!has_no_locks(&errno.into()), "{errno}");
    }
    assert!(has_no_locks(&io::ErrorKind::Unsupported.into()));
}
