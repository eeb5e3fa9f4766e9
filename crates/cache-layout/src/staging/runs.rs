//! A slot's runs: the files in their folders, and whether their processes are alive.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::time::{Duration, SystemTime};

use super::Staging;
use super::process::Process;
use crate::dir::{Access, FoundKind};
use crate::error::{Action, Attempt as _, Error, is_absence};
use crate::files;
use crate::lock::{self, FileLock};
use crate::place::{PRIVATE, Place};
use crate::receipt::LARGEST as LARGEST_RECEIPT;
use crate::slot::Slot;

/// The suffix of a folder that was detached from its run and waits to be removed.
const DETACHED: &str = "+gone";

/// A run whose process may be on another machine is abandoned if its last heartbeat is older than this
/// and its lock can be acquired. Without locks the heartbeat alone decides, so the limit is generous. A
/// heartbeat this far in the future is ignored, since the clock that wrote it was wrong.
pub(crate) const ABANDONED_AFTER: Duration = Duration::from_secs(15 * 60);

impl Staging {
    /// All runs with a folder, alive or dead.
    ///
    /// # Errors
    ///
    /// [`Error::PrivateLink`] if there is a link among them or on the way to them.
    pub(crate) fn runs(&self) -> Result<Vec<RunNames>, Error> {
        let mut runs = Vec::new();
        for folder in self.runs_folder().children_if_any()? {
            match folder.look_if_any().map(|found| found.kind) {
                Some(FoundKind::Folder) => runs.push(RunNames::new(folder, self.slot())),
                Some(FoundKind::Link) => {
                    return Err(Error::PrivateLink { path: folder.path().to_path_buf() });
                }
                _ => {}
            }
        }
        Ok(runs)
    }

    /// Whether a run is active on this machine, according to its own lock.
    pub(crate) fn is_alive(&self) -> Result<bool, Error> {
        let runs = self.runs()?;
        Ok(runs.iter().any(|run| !run.is_detached() && Owner::if_gone(run).is_none()))
    }

    /// Creates a folder that counts as detached from its run: the next process that finds it removes it
    /// with its contents.
    pub(crate) fn detached_folder(&self) -> Result<Place, Error> {
        let runs = self.runs_folder();
        files::ensure_dir(&runs, self.slot().home())?;
        runs.create_unique_dir("removed-", DETACHED, run_folder_mode(&runs))
            .attempt(Action::Create, runs.path())
    }
}

/// The paths in a run's folder, and those that it temporarily uses elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct RunNames {
    folder: Place,
    slot: Slot,
}

impl RunNames {
    pub(crate) fn new(folder: Place, slot: &Slot) -> Self {
        Self { folder, slot: slot.clone() }
    }

    pub(crate) const fn folder(&self) -> &Place {
        &self.folder
    }

    pub(crate) const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The unique part of the run's name.
    pub(super) fn id(&self) -> &OsStr {
        let name = self.folder.name();
        let attached = name.as_encoded_bytes().strip_suffix(DETACHED.as_bytes());
        attached.and_then(|id| std::str::from_utf8(id).ok()).map_or(name, OsStr::new)
    }

    /// Locked while the run lives; its modification time is the heartbeat.
    pub(crate) fn alive(&self) -> Place {
        self.folder.join("alive")
    }

    /// Identifies the process, so that others on its machine can check whether it is running.
    pub(super) fn process(&self) -> Place {
        self.folder.join("process.json")
    }

    pub(crate) fn tree(&self) -> Place {
        self.folder.join("tree")
    }

    pub(crate) fn parts(&self) -> Place {
        self.folder.join("parts")
    }

    pub(crate) fn scratch(&self) -> Place {
        self.folder.join("scratch")
    }

    /// The receipt to be installed with the tree, possibly on another file system.
    pub(crate) fn receipt(&self) -> Place {
        self.slot.receipt_draft(self.id())
    }

    /// The receipt that was installed before.
    pub(crate) fn previous_receipt(&self) -> Place {
        self.folder.join("previous-receipt.json")
    }

    /// Records that the tree is about to be put in place.
    pub(crate) fn note(&self) -> Place {
        self.folder.join("publishing")
    }

    /// The same for a copy of the tree.
    pub(crate) fn copy_note(&self) -> Place {
        self.folder.join("publishing-copy")
    }

    /// An old entry that was moved aside because it could not be exchanged.
    pub(crate) fn displaced(&self) -> Place {
        self.folder.join("displaced")
    }

    /// The paths beside the entry for the tree and for a displaced old entry, used if nothing can be
    /// renamed out of the run's folder. No repository has such a name.
    pub(crate) fn neighbours(&self) -> [Place; 2] {
        ["", "+old"].map(|end| {
            let mut name = OsString::from(format!("{PRIVATE}-"));
            name.push(self.id());
            name.push(end);
            self.slot.entry_place().beside(name)
        })
    }

    /// Records a scratch folder outside the run's own.
    pub(super) fn scratch_elsewhere(&self) -> Place {
        self.folder.join("scratch-elsewhere.json")
    }

    /// Restores the entry's receipt, if this run did not replace the entry in the end.
    pub(crate) fn restore_receipt(&self) {
        let (previous, installed) = (self.previous_receipt(), self.slot.receipt_file());
        let restored = match previous.read(LARGEST_RECEIPT) {
            Ok(bytes) => installed.write_atomically(&bytes),
            Err(error) if is_absence(&error) => Ok(()),
            Err(error) => Err(error).attempt(Action::Read, previous.path()),
        };
        if let Err(error) = restored {
            tracing::warn!(receipt = %url_parse::shown(installed.path()), %error, "cannot restore the previous receipt");
        }
        let _ = self.receipt().remove_file();
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.folder.name().as_encoded_bytes().ends_with(DETACHED.as_bytes())
    }

    pub(crate) fn detached(&self) -> Self {
        let mut name = self.folder.name().to_os_string();
        name.push(DETACHED);
        Self { folder: self.folder.beside(name), slot: self.slot.clone() }
    }

    /// The last heartbeat. For a run that died at once, it is the folder's time.
    pub(crate) fn heard(&self) -> Option<SystemTime> {
        let heard = self.alive().look().or_else(|_| self.folder.look());
        heard.ok().and_then(|found| found.modified)
    }

    /// Whether the last heartbeat is so old that the run is abandoned, unless its process is known to
    /// be alive.
    fn is_silent(&self, now: SystemTime) -> bool {
        self.heard().is_some_and(|last| {
            let apart = now.duration_since(last).unwrap_or_else(|in_the_future| in_the_future.duration());
            apart > ABANDONED_AFTER
        })
    }
}

/// The lock of a run whose process is gone. Holding it keeps other processes from cleaning up after
/// that run.
pub(crate) struct Owner {
    #[expect(dead_code, reason = "held, never read")]
    lock: Option<File>,
    /// Whether the process was on this machine and is known to be gone.
    is_certain: bool,
}

impl Owner {
    /// `None` while the run's process is alive, or may be.
    pub(crate) fn if_gone(run: &RunNames) -> Option<Self> {
        let alive = run.alive();
        match alive.open(Access::Write) {
            Ok(file) => {
                let lock = lock::lock_file(&file, alive.path(), run.slot().locking()).ok()?;
                let process = Process::read(&run.process());
                let is_certain = match (lock, process) {
                    (FileLock::Held, _) => return None,
                    // One kernel manages the lock for all its containers, so its answer is certain.
                    (FileLock::Taken, Some(process)) if process.is_of_this_boot() && process.has_lock => true,
                    (_, Some(process)) => match process.is_running() {
                        Some(true) => return None,
                        Some(false) => true,
                        None => false,
                    },
                    (_, None) => false,
                };
                Some(Self { lock: Some(file), is_certain })
            }
            Err(e) if is_absence(&e) => Some(Self { lock: None, is_certain: false }),
            // No run has locked it.
            Err(_) if alive.look_if_any().is_some_and(|found| !found.is_file()) => {
                Some(Self { lock: None, is_certain: false })
            }
            Err(_) => None,
        }
    }

    /// `None` unless the run is abandoned: its process was on this machine and is gone, whatever any
    /// clock says; or it may be on another machine and was not heard of for a long time.
    pub(crate) fn if_abandoned(run: &RunNames, now: SystemTime) -> Option<Self> {
        Self::if_gone(run).filter(|owner| owner.is_certain || run.is_silent(now))
    }
}

/// If the cache is shared with a group, as the mode of its folders shows, so are the leftovers of dead
/// runs, and any member can continue from them. Otherwise a run's folder is private.
pub(super) fn run_folder_mode(runs: &Place) -> u32 {
    let is_shared = runs.look_if_any().is_some_and(|found| found.is_groups);
    if is_shared { 0o770 } else { 0o700 }
}
