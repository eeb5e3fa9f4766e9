//! One process's work on one model, from the first byte to the publication.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use url_parse::{RepoPath, shown};

use crate::config::Durability;
use crate::content::ContentName;
use crate::error::{Action, Error};
use crate::files;
use crate::layout::CacheLayout;
use crate::lookup::Completeness;
use crate::ops::{FileOps, RealOps};
use crate::publish::{Publication, Published};
use crate::receipt::Receipt;
use crate::slot::Slot;
use crate::staging::{self, Purpose, RunFolder, Staging};

mod adopt;

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
    tree: PathBuf,
    scratch: PathBuf,
    parts: PathBuf,
    pool: PathBuf,
    // In this order: the lock ends before its folder is removed.
    alive: File,
    folder: RunFolder,
}

impl CacheLayout {
    /// Begins to put the model together, in a folder of this run's own. Removes what runs of this model
    /// have left that are abandoned (their process is gone, and was last heard of over 15 minutes ago), all
    /// but unfinished files.
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
        let (tree, scratch, parts) = (names.tree(), names.scratch(), names.parts());
        let pool = staging.pool(purpose);
        for dir in [&tree, &scratch, &parts, &pool] {
            files::ensure_dir(dir, staging.slot().home())?;
        }
        Ok(Self { staging: staging.clone(), purpose, durability, tree, scratch, parts, pool, alive, folder })
    }

    /// The tree that will be published; an empty folder at first.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// An empty folder for whatever else is needed meanwhile.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Where this run writes a file that is not verified yet. What is written beside it under the same name
    /// with `.journal` at its end belongs to it.
    pub fn part(&self, content: &ContentName) -> PathBuf {
        self.parts.join(content.as_str())
    }

    /// Brings what an earlier run has left of an unfinished file, and its journal, to [`part`](Self::part).
    /// What an abandoned run has left is moved. A run whose process is gone, but was heard of within the last
    /// 15 minutes, keeps its own, of which a copy is made: where locks do nothing, it may be alive. Of
    /// several, the one that takes up the most room is taken. Another user's, who may hold it open, is copied.
    ///
    /// Returns whether there was something. It may be anything: only a digest can tell. Failures are logged,
    /// and count as nothing. Copying blocks for as long as that takes.
    pub fn take_over(&self, content: &ContentName) -> bool {
        staging::take_over(&self.staging, self.folder.names(), content)
            && files::make_own(&self.part(content), &self.tree).is_ok()
    }

    /// About how many bytes earlier runs have left of an unfinished file, for [`take_over`](Self::take_over).
    pub fn left_over(&self, content: &ContentName) -> u64 {
        staging::left_over(&self.staging, self.folder.names(), content)
    }

    /// Where a verified file goes, by rename; it is never written again. What is there was verified by an earlier
    /// run, and may have been damaged since.
    pub fn pool_path(&self, content: &ContentName) -> PathBuf {
        self.pool.join(content.as_str())
    }

    /// The length in bytes of a file in the pool; nothing when it is not there.
    pub fn pooled(&self, content: &ContentName) -> Option<u64> {
        fs::symlink_metadata(self.pool_path(content))
            .ok()
            .filter(fs::Metadata::is_file)
            .map(|found| found.len())
    }

    /// Creates the pool's folder again, if it is gone and the run's own is there; answers whether it was so.
    /// Where locks do nothing, a run that ends while this one begins may take the folder for one that nobody
    /// needs.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn mend_pool(&self) -> Result<bool, Error> {
        let is_gone = self.tree.is_dir() && !self.pool.is_dir();
        if !is_gone {
            return Ok(false);
        }
        files::ensure_dir(&self.pool, self.staging.slot().home())?;
        Ok(true)
    }

    /// Puts a file of the pool into the tree: by hard link, else by a copy. Answers whether the file is the user's
    /// own. Another user's is always copied, since its owner may hold it open and write to it, and is worth a second
    /// look.
    ///
    /// # Errors
    /// [`Error::LinkOrCopy`], also when the pool has no such file or the tree has one of that name.
    pub fn place(&self, content: &ContentName, path: &RepoPath) -> Result<bool, Error> {
        self.bring(&self.pool_path(content), path).map(|(_, is_own)| is_own)
    }

    /// Removes a file from the tree, and from the pool if it is named, that turned out not to be what it should be.
    ///
    /// # Errors
    /// When it cannot be removed. That it is not there is fine.
    pub fn discard(&self, path: &RepoPath, pooled: Option<&ContentName>) -> Result<(), Error> {
        let pooled = pooled.map(|content| self.pool_path(content));
        [path.under(&self.tree)].iter().chain(&pooled).try_for_each(|file| files::remove_if_any(file))
    }

    fn bring(&self, from: &Path, path: &RepoPath) -> Result<(PathBuf, bool), Error> {
        let to = path.under(&self.tree);
        self.create_folder_of(&to)?;
        let is_own =
            files::link_own_or_copy(from, &to, &self.tree).map_err(|e| Error::linking(from, &to, e))?;
        Ok((to, is_own))
    }

    fn create_folder_of(&self, to: &Path) -> Result<(), Error> {
        if let Some(folder) = to.parent() {
            files::create_dirs(folder, &|dir| self.create_in_tree(dir), &mut Vec::new())
                .map_err(|(path, source)| Error::Io { action: Action::Create, path, source })?;
        }
        Ok(())
    }

    /// The tree itself is not created again: where it is gone, this run was taken for abandoned, and what
    /// it puts together now would not be whole.
    fn create_in_tree(&self, dir: &Path) -> io::Result<()> {
        match dir.strip_prefix(&self.tree) {
            Ok(below) if !below.as_os_str().is_empty() => fs::create_dir(dir),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
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
        if let Some(receipts) = self.staging.slot().receipt_file().parent() {
            files::ensure_dir(receipts, self.staging.slot().home())?;
        }
        let path = self.folder.names().receipt();
        files::write_atomically(&path, &receipt.to_json())
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
        let publication = Publication { ops, slot, names: self.folder.names(), purpose, durability };
        let published = publication.publish(inspect)?;
        tracing::info!(entry = %shown(published.path()), "published");
        let Self { staging, alive, folder, .. } = self;
        drop(alive);
        staging::clear_orphans(&staging);
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
