//! Lets one process at a time work on a model, so that nothing is downloaded twice.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use url_parse::Excerpt;

use crate::config::Locking;
use crate::dir::Access;
use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::holder::Holder;
use crate::layout::CacheLayout;
use crate::place::{Place, SMALL};
use crate::slot::Slot;

/// The result of an attempt to lock a slot.
#[derive(Debug)]
#[must_use = "a lock that is dropped is released"]
pub enum LockAttempt {
    /// The lock is held until this value is dropped.
    Acquired(SlotLock),
    /// Another caller holds it; its identity, if known.
    HeldBy(Option<Holder>),
}

/// A slot's lock, released when dropped. The operating system also releases it when the process ends,
/// however that happens.
#[derive(Debug)]
#[must_use = "a lock that is dropped is released"]
pub struct SlotLock {
    #[expect(dead_code, reason = "held, never read")]
    /// `None` if locks are not used.
    held: Option<HeldLock>,
}

#[derive(Debug)]
struct HeldLock {
    file: File,
    holder_file: Place,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // The note is only informative, since the next holder overwrites it; closing the file releases
        // the lock.
        let _ = self.holder_file.remove_file();
        let _ = self.file.unlock();
    }
}

impl CacheLayout {
    /// Tries to acquire the slot's lock without waiting. It excludes other processes and other callers
    /// in this process. Always succeeds with [`Locking::None`], or on a file system without locks.
    ///
    /// After waiting for the lock, a caller must look the model up again.
    ///
    /// # Errors
    ///
    /// If the lock file cannot be created or opened.
    pub fn try_lock(&self, slot: &Slot) -> Result<LockAttempt, Error> {
        if self.locking() == Locking::None {
            return Ok(LockAttempt::Acquired(SlotLock { held: None }));
        }
        let (place, holder_file) = (slot.lock_file(), slot.holder_file());
        if let Some(folder) = place.above() {
            files::ensure_dir(&folder, slot.home())?;
        }
        let (file, path) = (place.open(Access::Create), place.path());
        let file = file.attempt(Action::Create, path)?;
        if !try_lock_file(&file, path, Locking::System).attempt(Action::Lock, path)? {
            return Ok(LockAttempt::HeldBy(Holder::read(&holder_file)));
        }
        if let Err(error) = Holder::this_process().write(&holder_file) {
            tracing::debug!(%error, "cannot note who holds a lock");
        }
        Ok(LockAttempt::Acquired(SlotLock { held: Some(HeldLock { file, holder_file }) }))
    }

    /// Like [`try_lock`](Self::try_lock), but returns `None`, and creates nothing, if no lock file exists: then
    /// no process holds the lock.
    ///
    /// # Errors
    ///
    /// If the lock file cannot be opened.
    pub fn try_existing_lock(&self, slot: &Slot) -> Result<Option<LockAttempt>, Error> {
        if slot.lock_file().is_there() { self.try_lock(slot).map(Some) } else { Ok(None) }
    }
}

/// The file beside a lock that describes its holder.
#[derive(Serialize, Deserialize)]
struct HolderNote {
    pid: u32,
    host: Option<String>,
    /// Seconds since 1970.
    since: u64,
}

impl Holder {
    /// `None` if the note is missing or unreadable.
    fn read(place: &Place) -> Option<Self> {
        Self::parse(&place.read(SMALL).ok()?)
    }

    pub(crate) fn parse(note: &[u8]) -> Option<Self> {
        let note: HolderNote = serde_json::from_slice(note).ok()?;
        let since = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(note.since))?;
        Some(Self { pid: note.pid, host: note.host.as_deref().map(Excerpt::of), since })
    }

    fn write(&self, place: &Place) -> Result<(), Error> {
        let since = self.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let note = HolderNote { pid: self.pid, host: self.host.as_ref().map(ToString::to_string), since };
        let bytes = serde_json::to_vec(&note).unwrap_or_default();
        place.write_atomically(&bytes)
    }
}

/// The result of an attempt to lock a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileLock {
    /// This handle now holds the lock.
    Taken,
    /// Another handle holds it.
    Held,
    /// There are no locks here, or they are not used.
    Unknown,
}

/// Whether this handle now holds the lock, or locks are not available.
pub(crate) fn try_lock_file(file: &File, path: &Path, locking: Locking) -> io::Result<bool> {
    Ok(lock_file(file, path, locking)? != FileLock::Held)
}

/// Like [`try_lock_file`], but reports that there are no locks.
pub(crate) fn lock_file(file: &File, path: &Path, locking: Locking) -> io::Result<FileLock> {
    if locking == Locking::None {
        return Ok(FileLock::Unknown);
    }
    match file.try_lock() {
        Ok(()) => Ok(FileLock::Taken),
        Err(TryLockError::WouldBlock) => Ok(FileLock::Held),
        Err(TryLockError::Error(error)) if has_no_locks(&error) => {
            tracing::warn!(path = %url_parse::shown(path), %error, "this file system has no locks");
            Ok(FileLock::Unknown)
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    let known = {
        use rustix::io::Errno;
        // NOLCK: a network file system whose lock service is not running.
        let known = [Errno::NOLCK, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];
        error.raw_os_error().is_some_and(|code| known.iter().any(|errno| errno.raw_os_error() == code))
    };
    #[cfg(not(unix))]
    let known = error.raw_os_error() == Some(1); // ERROR_INVALID_FUNCTION
    known || error.kind() == io::ErrorKind::Unsupported
}

#[cfg(test)]
mod tests;
