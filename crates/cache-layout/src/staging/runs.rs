//! The runs of a slot: what their folders hold, and whether their processes are alive.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Staging;
use crate::error::{Action, Attempt as _, Error, is_absence};
use crate::files;
use crate::layout::PRIVATE;
use crate::lock;
use crate::slot::Slot;

/// Ends the name of a folder that is detached from its run and only waits to be removed.
const DETACHED: &str = "+gone";

/// A run is abandoned when its last heartbeat is older than this and its lock can be taken. Where locks do
/// nothing the heartbeat alone decides, so the time is generous.
pub(crate) const ABANDONED_AFTER: Duration = Duration::from_secs(15 * 60);

impl Staging {
    /// All runs that have a folder, living and dead.
    pub(crate) fn runs(&self) -> Result<Vec<RunNames>, Error> {
        let folders = files::children_if_any(&self.runs_folder())?.into_iter().filter(|path| path.is_dir());
        Ok(folders.map(|folder| RunNames::new(folder, self.slot())).collect())
    }

    /// Whether a run is active here, as its own lock tells.
    pub(crate) fn is_alive(&self) -> Result<bool, Error> {
        let runs = self.runs()?;
        Ok(runs.iter().any(|run| !run.is_detached() && Owner::if_gone(run).is_none()))
    }

    /// A new folder that counts as detached from its run: the next process that finds it removes it with its
    /// contents.
    pub(crate) fn detached_folder(&self) -> Result<PathBuf, Error> {
        let runs = self.runs_folder();
        files::ensure_dir(&runs, self.slot().home())?;
        let folder = tempfile::Builder::new().prefix("removed-").suffix(DETACHED).tempdir_in(&runs);
        Ok(folder.attempt(Action::Create, &runs)?.keep())
    }
}

/// The paths in a run's folder, and those that it uses elsewhere for a moment.
#[derive(Clone, Debug)]
pub(crate) struct RunNames {
    path: PathBuf,
    slot: Slot,
}

impl RunNames {
    pub(crate) fn new(path: PathBuf, slot: &Slot) -> Self {
        Self { path, slot: slot.clone() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// What is unique about the run.
    fn id(&self) -> &OsStr {
        let name = self.path.file_name().unwrap_or_default();
        let attached = name.as_encoded_bytes().strip_suffix(DETACHED.as_bytes());
        attached.and_then(|id| std::str::from_utf8(id).ok()).map_or(name, OsStr::new)
    }

    /// Locked while the run lives; its time of modification is the heartbeat.
    pub(crate) fn alive(&self) -> PathBuf {
        self.path.join("alive")
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.path.join("tree")
    }

    pub(crate) fn parts(&self) -> PathBuf {
        self.path.join("parts")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }

    /// The receipt to be installed with the tree. It may be on another file system than the tree.
    pub(crate) fn receipt(&self) -> PathBuf {
        self.slot.receipt_draft(self.id())
    }

    /// The receipt that was installed before.
    pub(crate) fn previous_receipt(&self) -> PathBuf {
        self.path.join("previous-receipt.json")
    }

    /// Says that the tree is about to be put in place.
    pub(crate) fn note(&self) -> PathBuf {
        self.path.join("publishing")
    }

    /// The same about a copy of the tree.
    pub(crate) fn copy_note(&self) -> PathBuf {
        self.path.join("publishing-copy")
    }

    /// An old entry that was moved aside because it could not be exchanged.
    pub(crate) fn displaced(&self) -> PathBuf {
        self.path.join("displaced")
    }

    /// The paths beside the entry for the tree and for an old entry that was moved aside, used where nothing can
    /// be renamed out of the run's folder. No repository has such a name.
    pub(crate) fn neighbours(&self) -> [PathBuf; 2] {
        ["", "+old"].map(|end| {
            let mut name = OsString::from(format!("{PRIVATE}-"));
            name.push(self.id());
            name.push(end);
            self.slot.entry().with_file_name(name)
        })
    }

    pub(crate) fn remove_neighbours(&self) {
        for neighbour in self.neighbours() {
            files::remove_tree(&neighbour);
        }
    }

    /// Restores the receipt of the entry, which this run did not replace in the end.
    pub(crate) fn restore_receipt(&self) {
        let (previous, installed) = (self.previous_receipt(), self.slot.receipt_file());
        let restored =
            fs::read(&previous).map_or(Ok(()), |bytes| files::write_atomically(&installed, &bytes));
        if let Err(error) = restored {
            tracing::warn!(receipt = %url_parse::shown(&installed), %error, "cannot restore the previous receipt");
        }
        let _ = fs::remove_file(self.receipt());
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.path.as_os_str().to_string_lossy().ends_with(DETACHED)
    }

    pub(crate) fn detached(&self) -> Self {
        let mut name = self.path.clone().into_os_string();
        name.push(DETACHED);
        Self { path: name.into(), slot: self.slot.clone() }
    }

    /// Whether the last heartbeat is so old that the run is abandoned, unless its lock is held.
    pub(crate) fn is_silent(&self, now: SystemTime) -> bool {
        // A run that died at once has no heartbeat; then its folder's age counts.
        let heard = fs::metadata(self.alive()).or_else(|_| fs::metadata(&self.path));
        let last = heard.and_then(|found| found.modified());
        last.is_ok_and(|last| now.duration_since(last).is_ok_and(|age| age > ABANDONED_AFTER))
    }
}

/// The lock of a run whose process is gone. While it is held, no other process cleans up after that run.
pub(crate) struct Owner(#[expect(dead_code, reason = "held, never read")] Option<File>);

impl Owner {
    /// `None` while the run's process is alive.
    pub(crate) fn if_gone(run: &RunNames) -> Option<Self> {
        let path = run.alive();
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => {
                let taken = lock::try_lock_file(&file, &path, run.slot().locking());
                taken.is_ok_and(|taken| taken).then_some(Self(Some(file)))
            }
            Err(e) if is_absence(&e) => Some(Self(None)),
            Err(_) => None,
        }
    }
}
