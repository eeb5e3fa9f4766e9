//! One process's work on one model, from the first byte to publishing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;
use url_parse::shown;

use crate::config::Durability;
use crate::content::ContentName;
use crate::dir::Found;
use crate::error::{Action, Attempt as _, Error};
use crate::files;
use crate::layout::CacheLayout;
use crate::lookup::Completeness;
use crate::ops::{FileOps, RealOps};
use crate::pinned::Pinned;
use crate::place::Place;
use crate::publish::{Publication, Published};
use crate::receipt::Receipt;
use crate::slot::Slot;
use crate::staging::{self, Purpose, RunFolder, Staging};

mod adopt;
mod tree;

/// A private folder in which one process assembles a model.
///
/// Dropping it discards the folder and the tree, but keeps the pool of verified files and any non-empty
/// unfinished files, which the next run can [take over](Self::take_over). Only
/// [`publish`](Self::publish) makes anything visible. It can be shared between threads.
#[derive(Debug)]
#[must_use = "a run that is dropped is discarded; publish it"]
pub struct Run {
    staging: Staging,
    purpose: Purpose,
    durability: Durability,
    tree: Pinned,
    scratch: Pinned,
    parts: Pinned,
    metadata: Pinned,
    /// The last one is current. Earlier ones were removed but stay open, so that their paths cannot
    /// come to mean something else.
    pools: Mutex<Vec<Pinned>>,
    // The field order matters: the lock is released before its folder is removed.
    alive: File,
    folder: RunFolder,
}

impl CacheLayout {
    /// Begins to assemble the model in a folder of this run's own. Removes abandoned runs of this model
    /// (their process was on this machine and is gone, or may be on another machine and was last heard
    /// of more than 15 minutes ago), but keeps their unfinished files.
    ///
    /// # Errors
    /// - [`Error::EntryIsLink`], [`Error::EntryIsNotADirectory`] if the result could not be published;
    /// - [`Error::CreateFolder`], [`Error::NotADirectory`], [`Error::DanglingLink`] if the private
    ///   folder cannot be created.
    pub fn begin_run(&self, slot: &Slot, purpose: Purpose) -> Result<Run, Error> {
        Run::begin(slot, purpose, self.durability(), SystemTime::now())
    }

    /// The slot's directory in the writable tier, if there is one that a run could replace, whole or
    /// not. Its intact files can be carried over with [`Run::adopt`].
    pub fn existing_entry(&self, slot: &Slot) -> Option<PathBuf> {
        let entry = slot.entry();
        files::is_plain_dir(entry).then(|| entry.to_path_buf())
    }
}

/// How often a run's folder may vanish while it is created before that is an error.
const ATTEMPTS: u32 = 32;

impl Run {
    fn begin(slot: &Slot, purpose: Purpose, durability: Durability, now: SystemTime) -> Result<Self, Error> {
        slot.refuse_unpublishable()?;
        let staging = Staging::of(slot);
        staging::tidy(&staging, now)?;
        for _ in 1..ATTEMPTS {
            match Self::create(&staging, purpose, durability) {
                // Without locks, another run that ends just now removes folders that it finds empty.
                Err(error) if error.is_absence() => {}
                result => return result,
            }
        }
        Self::create(&staging, purpose, durability)
    }

    fn create(staging: &Staging, purpose: Purpose, durability: Durability) -> Result<Self, Error> {
        let (folder, alive) = RunFolder::create(staging)?;
        let names = folder.names();
        let home = staging.slot().home();
        let create = |place: Place| {
            files::ensure_dir(&place, home)?;
            Pinned::open(place)
        };
        let (tree, parts) = (create(names.tree())?, create(names.parts())?);
        let scratch = names.scratch();
        // Private: no other user can continue this.
        scratch.create_dir_as(0o700).attempt(Action::Create, scratch.path())?;
        let scratch = Pinned::open(scratch)?;
        let metadata = create(staging.metadata(purpose))?;
        let pools = Mutex::new(vec![create(staging.pool(purpose))?]);
        let staging = staging.clone();
        Ok(Self { staging, purpose, durability, tree, scratch, parts, metadata, pools, alive, folder })
    }

    /// The tree to be published; initially an empty folder. The path keeps leading to this folder,
    /// whatever happens above it; for messages, see [`shown`](Self::shown).
    pub fn tree(&self) -> &Path {
        self.tree.path()
    }

    /// An empty folder for other files needed meanwhile, accessible only to the current user. Like the
    /// tree's, its path may be the system's path of an open folder.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A folder like [`scratch`](Self::scratch), for a library that resolves paths and then trusts
    /// them. It is in `chosen`, which must exist; otherwise in the run's folder, if only root and the
    /// current user can rename the folders above it; otherwise in the system's temporary folder. On
    /// Windows it is always in that, since libgit2 refuses paths that are as long as a run's. It is
    /// removed with the run, or by the process that cleans up after a killed one.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn scratch_by_path(&self, chosen: Option<&Path>) -> Result<PathBuf, Error> {
        if chosen.is_none() && self.scratch.is_guarded() {
            return Ok(self.scratch().to_path_buf());
        }
        let elsewhere = self.folder.scratch_elsewhere(chosen)?;
        Ok(elsewhere.map_or(self.scratch(), Place::path).to_path_buf())
    }

    /// A folder for metadata of a commit that the next run can use. Runs of one purpose share it.
    /// Anyone with write access to the cache may have put files there. It is removed when a run is
    /// published.
    pub fn kept_metadata(&self) -> &Path {
        self.metadata.path()
    }

    /// Converts a path below [`tree`](Self::tree) and its siblings to the one that the user knows;
    /// `None` for other paths.
    pub fn shown(&self, path: &Path) -> Option<PathBuf> {
        let pools = self.pools.lock();
        let mut pinned =
            [&self.tree, &self.scratch, &self.parts, &self.metadata].into_iter().chain(pools.iter());
        pinned.find_map(|pinned| pinned.shown(path))
    }

    /// Call this before a step that works by paths: if the system has no paths to open folders, it
    /// checks that the folders at the paths are still those that this run began with.
    ///
    /// # Errors
    /// [`Error::Replaced`].
    pub fn check(&self) -> Result<(), Error> {
        [&self.tree, &self.scratch, &self.parts].into_iter().try_for_each(Pinned::check)
    }

    /// Where this run writes a file that is not verified yet. A file beside it with the same name plus
    /// `.journal` belongs to it.
    pub fn part(&self, content: &ContentName) -> PathBuf {
        self.parts.path().join(content.as_str())
    }

    /// Moves an unfinished file of an earlier run, with its journal, to [`part`](Self::part). If a run
    /// may be on another machine and was heard of within the last 15 minutes, its file is copied
    /// instead, since without locks the run may be alive. Of several, the one that uses the most space
    /// is taken. Another user's file is copied, since its owner may have it open.
    ///
    /// Returns whether there was one. Its content is untrusted until a digest confirms it. Failures are
    /// logged and count as no file. Blocks while copying.
    pub fn take_over(&self, content: &ContentName) -> bool {
        staging::take_over(&self.staging, self.folder.names(), content)
    }

    /// Approximately how many bytes [`take_over`](Self::take_over) would find.
    pub fn left_over(&self, content: &ContentName) -> u64 {
        staging::left_over(&self.staging, self.folder.names(), content)
    }

    /// Where a verified file is moved by rename; it is not written again. A file found there was
    /// verified by an earlier run, and may have been damaged since.
    pub fn pool_path(&self, content: &ContentName) -> PathBuf {
        let pools = self.pools.lock();
        pools.last().map(|pool| pool.path().join(content.as_str())).unwrap_or_default()
    }

    fn pool_place(&self, content: &ContentName) -> Place {
        self.staging.pool(self.purpose).join(content.as_str())
    }

    /// The length in bytes of a file in the pool; `None` if it does not exist.
    pub fn pooled(&self, content: &ContentName) -> Option<u64> {
        self.pool_place(content).look_if_any().filter(Found::is_file).map(|found| found.len)
    }

    /// Creates the pool's folder again if it is missing while the run's own exists; returns whether it
    /// did. Without locks, a run that ends while this one begins may remove the folder as unused.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn mend_pool(&self) -> Result<bool, Error> {
        let mut pools = self.pools.lock();
        let is_gone = pools.last().is_none_or(|pool| pool.check_place().is_err());
        if !is_gone || !self.folder.names().tree().is_dir() {
            return Ok(false);
        }
        let pool = self.staging.pool(self.purpose);
        files::ensure_dir(&pool, self.staging.slot().home())?;
        pools.push(Pinned::open(pool)?);
        Ok(true)
    }

    /// Sends a heartbeat. Call this at least every few minutes: without locks, only this keeps other
    /// processes from treating the run as abandoned.
    pub fn beat(&self) {
        if let Err(error) = self.alive.set_modified(SystemTime::now()) {
            tracing::debug!(%error, "cannot touch a run's heartbeat");
        }
    }

    /// Stores the receipt that the slot gets when this run is published. Call it before that; the last
    /// one counts.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_receipt(&self, receipt: &Receipt) -> Result<(), Error> {
        if let Some(receipts) = self.staging.slot().receipt_file().above() {
            files::ensure_dir(&receipts, self.staging.slot().home())?;
        }
        self.folder.names().receipt().write_atomically(&receipt.to_json())
    }

    /// Publishes the tree as the slot's entry: syncs it, puts it in place by one rename, syncs the
    /// folders above. An existing entry is exchanged for the tree, unless the run is [`Purpose::Fresh`]
    /// and `inspect` finds the entry whole; then the entry stays and the tree is dropped. Afterwards
    /// this purpose's pool, the run's folder and the files of abandoned runs are removed.
    ///
    /// Once the tree is in place, later failures are logged instead of returned.
    ///
    /// # Errors
    ///
    /// If a step fails. Nothing visible in the cache has changed, and the pool is kept.
    /// - [`Error::EntryIsLink`], [`Error::EntryIsNotADirectory`]: such an entry is never replaced;
    /// - [`Error::EntryIsFixed`]: the file system does not allow the entry to be moved.
    pub fn publish(self, inspect: &dyn Fn(&Path) -> Completeness) -> Result<Published, Error> {
        self.publish_with(&RealOps, inspect)
    }

    pub(crate) fn publish_with(
        self,
        ops: &dyn FileOps,
        inspect: &dyn Fn(&Path) -> Completeness,
    ) -> Result<Published, Error> {
        let (slot, purpose, durability) = (self.staging.slot(), self.purpose, self.durability);
        let span = tracing::info_span!("publish", entry = %shown(slot.entry()));
        let _inside = span.enter();
        // Otherwise another user could put a folder at this path, and that would be published.
        self.tree.check_place()?;
        let publication = Publication { ops, slot, names: self.folder.names(), purpose, durability };
        let published = publication.publish(inspect)?;
        tracing::info!(entry = %shown(published.path()), "published");
        let Self { staging, alive, folder, .. } = self;
        drop(alive);
        staging::clear_orphans(&staging);
        staging::clear_metadata(&staging, purpose);
        match staging::clear_pool(&staging, purpose) {
            Ok(()) => folder.remove(),
            // The folder holds the note that makes the next run clear the pool.
            Err(error) => {
                tracing::warn!(%error, "cannot clear the pool of a published model");
                folder.leave();
            }
        }
        staging::remove_empty(&staging, purpose);
        Ok(published)
    }
}

#[cfg(test)]
mod tests;
