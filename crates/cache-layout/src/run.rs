//! One process's work on one model, from the first byte to the publication.

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

/// A private folder in which one process puts a model together.
///
/// Dropping it discards the folder with the tree. The pool of verified files is kept, and so are unfinished
/// files that hold something, for the next run to [take over](Self::take_over). Only
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
    /// The last one counts. Those before it are gone, and stay open: their paths must not come to mean something else.
    pools: Mutex<Vec<Pinned>>,
    // In this order: the lock ends before its folder is removed.
    alive: File,
    folder: RunFolder,
}

impl CacheLayout {
    /// Begins to put the model together, in a folder of this run's own. Removes what runs of this model
    /// have left that are abandoned (their process was on this machine and is gone, or may be on another and was
    /// last heard of over 15 minutes ago), all but unfinished files.
    ///
    /// # Errors
    /// - [`Error::EntryIsLink`], [`Error::EntryIsNotADirectory`] when the result could not be published;
    /// - [`Error::CreateFolder`], [`Error::NotADirectory`], [`Error::DanglingLink`] when there can be no
    ///   private folder.
    pub fn begin_run(&self, slot: &Slot, purpose: Purpose) -> Result<Run, Error> {
        Run::begin(slot, purpose, self.durability(), SystemTime::now())
    }

    /// The slot's directory in the writable tier, when there is one that a run could replace, whole or
    /// not. Its good files can be carried over with [`Run::adopt`].
    pub fn existing_entry(&self, slot: &Slot) -> Option<PathBuf> {
        let entry = slot.entry();
        files::is_plain_dir(entry).then(|| entry.to_path_buf())
    }
}

/// How often a run's folder may vanish while it is created, before that is an error.
const ATTEMPTS: u32 = 32;

impl Run {
    fn begin(slot: &Slot, purpose: Purpose, durability: Durability, now: SystemTime) -> Result<Self, Error> {
        slot.refuse_unpublishable()?;
        let staging = Staging::of(slot);
        staging::tidy(&staging, now)?;
        for _ in 1..ATTEMPTS {
            match Self::create(&staging, purpose, durability) {
                // Where locks do nothing, another run ends just now and removes what it finds empty.
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
        // Nobody else goes on with this.
        scratch.create_dir_as(0o700).attempt(Action::Create, scratch.path())?;
        let scratch = Pinned::open(scratch)?;
        let metadata = create(staging.metadata(purpose))?;
        let pools = Mutex::new(vec![create(staging.pool(purpose))?]);
        let staging = staging.clone();
        Ok(Self { staging, purpose, durability, tree, scratch, parts, metadata, pools, alive, folder })
    }

    /// The tree that will be published; an empty folder at first. The path stays that of this folder, whatever
    /// others do above it; for messages, see [`shown`](Self::shown).
    pub fn tree(&self) -> &Path {
        self.tree.path()
    }

    /// An empty folder for whatever else is needed meanwhile, which only this user may look into. Its path may
    /// be the system's for an open folder, like that of the tree.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A folder like [`scratch`](Self::scratch) for a library that resolves paths, and then trusts them: in
    /// `chosen`, which must be there; else in the run's folder, if only root and this user can rename
    /// the folders above it; else in the system's temporary folder. It is removed with the run, or by the process that
    /// removes what a killed process has left.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn scratch_by_path(&self, chosen: Option<&Path>) -> Result<PathBuf, Error> {
        if chosen.is_none() && self.scratch.is_guarded() {
            return Ok(self.scratch().to_path_buf());
        }
        let elsewhere = self.folder.scratch_elsewhere(chosen)?;
        Ok(elsewhere.map_or(self.scratch(), Place::path).to_path_buf())
    }

    /// A folder for what is learned of a commit, which the next run finds. Runs of one purpose share it. Anybody who may write
    /// to the cache may have put something into it. It is removed when a run is published.
    pub fn kept_metadata(&self) -> &Path {
        self.metadata.path()
    }

    /// A path that [`tree`](Self::tree) and its siblings have led to, as the user knows it; nothing for others.
    pub fn shown(&self, path: &Path) -> Option<PathBuf> {
        let pools = self.pools.lock();
        let mut pinned =
            [&self.tree, &self.scratch, &self.parts, &self.metadata].into_iter().chain(pools.iter());
        pinned.find_map(|pinned| pinned.shown(path))
    }

    /// To be called before a step that works by paths: where the system has no paths to open folders, it compares
    /// the folders at the paths with those that this run began with.
    ///
    /// # Errors
    /// [`Error::Replaced`].
    pub fn check(&self) -> Result<(), Error> {
        [&self.tree, &self.scratch, &self.parts].into_iter().try_for_each(Pinned::check)
    }

    /// Where this run writes a file that is not verified yet. What is written beside it under the same name
    /// with `.journal` at its end belongs to it.
    pub fn part(&self, content: &ContentName) -> PathBuf {
        self.parts.path().join(content.as_str())
    }

    /// Brings what an earlier run has left of an unfinished file, and its journal, to [`part`](Self::part).
    /// What an abandoned run has left is moved. A run that may be on another machine, and was heard of within the last
    /// 15 minutes, keeps its own, of which a copy is made: where locks do nothing, it may be alive. Of
    /// several, the one that takes up the most room is taken. Another user's, who may hold it open, is copied.
    ///
    /// Returns whether there was something. It may be anything: only a digest can tell. Failures are logged,
    /// and count as nothing. Copying blocks for as long as that takes.
    pub fn take_over(&self, content: &ContentName) -> bool {
        staging::take_over(&self.staging, self.folder.names(), content)
    }

    /// About how many bytes earlier runs have left of an unfinished file, for [`take_over`](Self::take_over).
    pub fn left_over(&self, content: &ContentName) -> u64 {
        staging::left_over(&self.staging, self.folder.names(), content)
    }

    /// Where a verified file goes, by rename; it is never written again. What is there was verified by an earlier
    /// run, and may have been damaged since.
    pub fn pool_path(&self, content: &ContentName) -> PathBuf {
        let pools = self.pools.lock();
        pools.last().map(|pool| pool.path().join(content.as_str())).unwrap_or_default()
    }

    fn pool_place(&self, content: &ContentName) -> Place {
        self.staging.pool(self.purpose).join(content.as_str())
    }

    /// The length in bytes of a file in the pool; nothing when it is not there.
    pub fn pooled(&self, content: &ContentName) -> Option<u64> {
        self.pool_place(content).look_if_any().filter(Found::is_file).map(|found| found.len)
    }

    /// Creates the pool's folder again, if it is gone and the run's own is there; answers whether it was so.
    /// Where locks do nothing, a run that ends while this one begins may take the folder for one that nobody
    /// needs.
    ///
    /// # Errors
    /// When it cannot be created.
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

    /// Says that this run is alive. To be called every few minutes at least: where locks do nothing, it is
    /// what keeps other processes from taking the run for abandoned.
    pub fn beat(&self) {
        if let Err(error) = self.alive.set_modified(SystemTime::now()) {
            tracing::debug!(%error, "cannot touch a run's heartbeat");
        }
    }

    /// Leaves the receipt that the slot gets when this run is published. To be called before that; the
    /// last one counts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_receipt(&self, receipt: &Receipt) -> Result<(), Error> {
        if let Some(receipts) = self.staging.slot().receipt_file().above() {
            files::ensure_dir(&receipts, self.staging.slot().home())?;
        }
        self.folder.names().receipt().write_atomically(&receipt.to_json())
    }

    /// Makes the tree the slot's entry: syncs it, puts it in place by one rename, syncs the folders above.
    /// An entry that already exists is exchanged for the tree, unless the run is [`Purpose::Fresh`] and
    /// `inspect` finds that entry whole; then it stays and the tree is dropped. Afterwards the pool of this
    /// purpose, the run's folder and what abandoned runs have left are removed.
    ///
    /// Once the tree is in place, nothing is an error any more: what fails then is logged.
    ///
    /// # Errors
    /// When any step fails. What is visible in the cache is as it was; the pool is kept.
    /// - [`Error::EntryIsLink`], [`Error::EntryIsNotADirectory`]: these are never replaced;
    /// - [`Error::EntryIsFixed`]: the file system does not let the entry be moved.
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
