//! Removes what interrupted downloads have left, unless a process still owns it.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use crate::error::{Action, Attempt as _, Error};
use crate::holder::Holder;
use crate::layout::CacheLayout;
use crate::lock::LockAttempt;
use crate::place::Place;
use crate::slot::Slot;
use crate::staging::{self, ABANDONED_AFTER, Owner, Purpose, RunNames, Staging};
use crate::usage::disk_usage;

/// Whether pruning removes files or only reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PruneMode {
    /// Removes.
    Remove,
    /// Changes nothing.
    DryRun,
}

/// What pruning removed or would remove.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct PruneReport {
    /// Every model with staged files, sorted by name.
    pub slots: Vec<PrunedSlot>,
    /// The space on disk, in bytes, of temporary files that belong to no model's download: small files
    /// left by a process killed while writing them.
    pub temporary_bytes: u64,
    /// Failures of the search itself; a model's own failure is in its [`PrunedSlot`].
    pub failures: Vec<Error>,
}

/// What pruning did to one model's staged files.
#[derive(Debug)]
#[non_exhaustive]
pub struct PrunedSlot {
    /// The model.
    pub slot: Slot,
    /// The bytes on disk that were removed, or would be.
    pub removed_bytes: u64,
    /// The bytes on disk that stay, because they are in use or too recent.
    pub kept_bytes: u64,
    /// Whether a download of the model is running, or may be running on another machine that sent a
    /// heartbeat within the last 15 minutes.
    pub in_use: bool,
    /// The process that downloads it, if known.
    pub holder: Option<Holder>,
    /// When the rest can be removed: it is too recent until then, or its process may be on another
    /// machine. `None` if nothing stays, or a process of this machine is using it.
    pub kept_until: Option<SystemTime>,
    /// When it was last written.
    pub written_at: Option<SystemTime>,
    /// Why not all of it could be removed.
    pub failure: Option<Error>,
}

impl PruneReport {
    /// The bytes on disk that were removed, or would be.
    pub fn removed_bytes(&self) -> u64 {
        self.slots.iter().map(|slot| slot.removed_bytes).sum::<u64>() + self.temporary_bytes
    }

    /// The bytes on disk that stay.
    pub fn kept_bytes(&self) -> u64 {
        self.slots.iter().map(|slot| slot.kept_bytes).sum()
    }
}

impl CacheLayout {
    /// Removes what interrupted downloads have left: abandoned runs, and a model's verified and
    /// unfinished files if no run is working on it and nothing was written for `older_than`. Unfinished
    /// receipts and notes are also removed, if they are at least 15 minutes old. The next download of
    /// such a model starts from scratch. Never touches a model, or a file that a running download
    /// needs. A download counts as running while its lock is held or, if it may be on another machine,
    /// while its heartbeat is less than 15 minutes old.
    ///
    /// Blocks while it removes files.
    ///
    /// A failure with one model is in its [`PrunedSlot::failure`]; the others are still pruned.
    pub fn prune(&self, older_than: Duration, mode: PruneMode) -> PruneReport {
        let now = SystemTime::now();
        let mut report = PruneReport::default();
        for staging in self.stagings(&mut report.failures) {
            report.slots.push(self.prune_staging(&staging, older_than, mode, now));
        }
        let temporaries = self.temporaries(&mut report.failures);
        report.temporary_bytes = prune_temporaries(&temporaries, older_than, mode, now);
        report
    }

    fn prune_staging(
        &self,
        staging: &Staging,
        older_than: Duration,
        mode: PruneMode,
        now: SystemTime,
    ) -> PrunedSlot {
        let (before, written_at) =
            (disk_usage(staging.folder(), &mut HashSet::new()), newest(staging.folder()));
        let outcome = match mode {
            PruneMode::Remove => self.remove_leftovers(staging, older_than, now),
            PruneMode::DryRun => self.count_leftovers(staging, older_than, now),
        };
        let (leftovers, failure) = match outcome {
            Ok(leftovers) => (leftovers, None),
            Err(error) => {
                let after = disk_usage(staging.folder(), &mut HashSet::new());
                let bytes = before.saturating_sub(after);
                (Leftovers { bytes, ..Leftovers::default() }, Some(error))
            }
        };
        let Leftovers { bytes: removed_bytes, in_use, holder, until: kept_until } = leftovers;
        let kept_bytes = before.saturating_sub(removed_bytes);
        let slot = staging.slot().clone();
        PrunedSlot { slot, removed_bytes, kept_bytes, in_use, holder, kept_until, written_at, failure }
    }

    fn count_leftovers(
        &self,
        staging: &Staging,
        older_than: Duration,
        now: SystemTime,
    ) -> Result<Leftovers, Error> {
        let lock = self.try_existing_lock(staging.slot())?;
        if let Some(LockAttempt::HeldBy(holder)) = lock {
            return Ok(Leftovers::held_by(holder));
        }
        let found = Removable::in_staging(staging, older_than, now)?;
        let mut seen = HashSet::new();
        let bytes = found.removable().map(|path| disk_usage(path, &mut seen)).sum();
        Ok(Leftovers { bytes, in_use: found.in_use, holder: None, until: found.until })
    }

    fn remove_leftovers(
        &self,
        staging: &Staging,
        older_than: Duration,
        now: SystemTime,
    ) -> Result<Leftovers, Error> {
        let _lock = match self.try_lock(staging.slot())? {
            LockAttempt::Acquired(lock) => lock,
            LockAttempt::HeldBy(holder) => return Ok(Leftovers::held_by(holder)),
        };
        for run in staging.runs()?.iter().filter(|run| !run.is_detached()) {
            staging::forget_published_pool(staging, run)?;
            if Owner::if_gone(run).is_some() {
                staging::restore(run);
            }
        }
        let found = Removable::in_staging(staging, older_than, now)?;
        let (mut seen, mut bytes) = (HashSet::new(), 0);
        for path in &found.files {
            let size = disk_usage(path, &mut seen);
            path.remove_if_any()?;
            bytes += size;
        }
        for run in &found.runs {
            let size = disk_usage(run.folder(), &mut seen);
            remove_run(run)?;
            bytes += size;
        }
        for purpose in [Purpose::Fresh, Purpose::Redo] {
            staging::remove_empty(staging, purpose);
        }
        Ok(Leftovers { bytes, in_use: found.in_use, holder: None, until: found.until })
    }

    fn temporaries(&self, failures: &mut Vec<Error>) -> Vec<Place> {
        let mut found = Vec::new();
        for folder in ["locks", "receipts"].map(|name| self.private().join(name)) {
            match folder.children_if_any() {
                Ok(files) => found.extend(files.into_iter().filter(Place::is_temporary)),
                Err(error) => failures.push(error),
            }
        }
        found
    }
}

/// Removes, or only counts, files beside locks and receipts that were being written when a process was
/// killed. Returns their bytes on disk. Writing one takes a moment, so a file as old as an abandoned
/// run has no owner.
fn prune_temporaries(files: &[Place], older_than: Duration, mode: PruneMode, now: SystemTime) -> u64 {
    let age = older_than.max(ABANDONED_AFTER);
    let abandoned = files.iter().filter(|file| is_old(newest(file), age, now));
    abandoned.map(|file| prune_one(file, mode)).sum()
}

/// What can be removed from a slot, and why the rest stays.
#[derive(Default)]
struct Leftovers {
    bytes: u64,
    in_use: bool,
    holder: Option<Holder>,
    until: Option<SystemTime>,
}

impl Leftovers {
    fn held_by(holder: Option<Holder>) -> Self {
        Self { in_use: true, holder, ..Self::default() }
    }
}

/// What may be removed from a slot's staging folder.
#[derive(Default)]
struct Removable {
    runs: Vec<RunNames>,
    files: Vec<Place>,
    in_use: bool,
    /// When the rest may be removed, if a time decides it.
    until: Option<SystemTime>,
}

impl Removable {
    fn in_staging(staging: &Staging, older_than: Duration, now: SystemTime) -> Result<Self, Error> {
        let mut found = Self::default();
        for run in staging.runs()? {
            if !run.is_detached() && !is_abandoned(&run, now) {
                found.in_use = true;
                found.until = found.until.max(silent_from(&run));
            } else if found.is_old(run.folder(), older_than, now) {
                found.runs.push(run);
            }
        }
        if found.in_use {
            return Ok(found);
        }
        let purposes = [Purpose::Fresh, Purpose::Redo];
        let kept = purposes.iter().flat_map(|purpose| [staging.pool(*purpose), staging.metadata(*purpose)]);
        for folder in kept.chain([staging.orphans()]) {
            for file in folder.children_if_any()? {
                if found.is_old(&file, older_than, now) {
                    found.files.push(file);
                }
            }
        }
        Ok(found)
    }

    /// Whether something is old enough; records when it will be.
    fn is_old(&mut self, place: &Place, older_than: Duration, now: SystemTime) -> bool {
        let written = newest(place);
        let is_old = is_old(written, older_than, now);
        if !is_old {
            self.until = self.until.max(written.and_then(|written| written.checked_add(older_than)));
        }
        is_old
    }

    fn removable(&self) -> impl Iterator<Item = &Place> {
        self.runs.iter().map(RunNames::folder).chain(&self.files)
    }
}

/// When a run that may be on another machine counts as abandoned. `None` for a run on this machine.
fn silent_from(run: &RunNames) -> Option<SystemTime> {
    Owner::if_gone(run)?;
    run.heard()?.checked_add(ABANDONED_AFTER)
}

/// A run that holds a displaced entry which could not be moved back is not abandoned.
fn is_abandoned(run: &RunNames, now: SystemTime) -> bool {
    let holds_the_model = staging::held_by(run).is_some() && !run.slot().entry_place().is_there();
    !holds_the_model && Owner::if_abandoned(run, now).is_some()
}

/// A missing time, or one far in the future, says nothing about the age.
fn is_old(written: Option<SystemTime>, older_than: Duration, now: SystemTime) -> bool {
    let Some(written) = written else { return true };
    match now.duration_since(written) {
        Ok(age) => age >= older_than,
        Err(in_the_future) => in_the_future.duration() > ABANDONED_AFTER || older_than.is_zero(),
    }
}

/// When anything at or below a place was last written.
fn newest(place: &Place) -> Option<SystemTime> {
    let found = place.look_if_any()?;
    if !found.is_folder() {
        return found.modified;
    }
    let children = place.children_if_any().unwrap_or_default();
    children.iter().map(newest).fold(found.modified, Ord::max)
}

/// Detaches the run first, so that a suspended process that resumes finds nothing at its path.
fn remove_run(run: &RunNames) -> Result<(), Error> {
    run.restore_receipt();
    staging::elsewhere::remove_all(run);
    if run.is_detached() {
        return run.folder().remove_all();
    }
    let detached = run.detached();
    run.folder().rename(detached.folder()).attempt(Action::Remove, run.folder().path())?;
    detached.folder().remove_all()
}

/// A file that cannot be removed is left to the next prune.
fn prune_one(file: &Place, mode: PruneMode) -> u64 {
    let bytes = disk_usage(file, &mut HashSet::new());
    match mode {
        PruneMode::DryRun => bytes,
        PruneMode::Remove => match file.remove_if_any() {
            Ok(()) => bytes,
            Err(error) => {
                tracing::warn!(path = %url_parse::shown(file.path()), %error, "cannot remove a temporary file");
                0
            }
        },
    }
}

#[cfg(test)]
mod tests;
