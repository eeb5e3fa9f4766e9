//! An old entry that was moved aside because the system cannot exchange folders, if the process died
//! before the new one was in place.

use super::{Owner, RunNames, Staging};
use crate::error::Error;
use crate::files;
use crate::layout::CacheLayout;
use crate::ops::{FileOps as _, RealOps};
use crate::place::Place;
use crate::slot::Slot;

/// The old entry that a run has moved aside, if any.
pub(crate) fn held_by(run: &RunNames) -> Option<Place> {
    let [_, neighbour] = run.neighbours();
    [run.displaced(), neighbour].into_iter().find(Place::is_there)
}

/// Puts the old entry back if the slot has no entry now. Returns whether the run can be removed.
pub(crate) fn restore(run: &RunNames) -> bool {
    let entry = run.slot().entry_place();
    let Some(displaced) = held_by(run) else { return true };
    if entry.is_there() {
        return true;
    }
    let brought_back = ensure_users_folder(run.slot()).and_then(|()| {
        RealOps
            .rename_new(&displaced, entry)
            .map_err(|error| Error::moving(displaced.path(), entry.path(), error))
    });
    // Another run has published meanwhile.
    if entry.is_there() {
        return true;
    }
    if let Err(error) = &brought_back {
        let (displaced, entry) = (url_parse::shown(displaced.path()), url_parse::shown(entry.path()));
        tracing::warn!(%displaced, %entry, %error, "cannot move the previous model back");
    }
    brought_back.is_ok()
}

/// Creates the user's folder, which another process may have removed with the last other model in it.
fn ensure_users_folder(slot: &Slot) -> Result<(), Error> {
    slot.entry_place().above().map_or(Ok(()), |folder| files::ensure_dir(&folder, slot.home()))
}

/// Whether a process is moving the entry aside just now, so that it will be back in a moment.
pub(crate) fn is_missing(staging: &Staging) -> bool {
    let is_gone = !staging.slot().entry_place().is_there();
    is_gone && staging.runs().unwrap_or_default().iter().any(|run| held_by(run).is_some())
}

/// Cleans up after a process that died with the entry moved aside. Returns whether the entry is back.
pub(crate) fn bring_back(staging: &Staging) -> bool {
    let runs = staging.runs().unwrap_or_default();
    let mut holders = runs.iter().filter(|run| !run.is_detached() && held_by(run).is_some());
    holders.any(|run| {
        let owner = Owner::if_gone(run);
        owner.is_some() && restore(run) && run.slot().entry_place().is_there()
    })
}

impl CacheLayout {
    /// Cleans up after all processes that died with an entry moved aside.
    pub(crate) fn bring_back_displaced(&self) {
        // Failures are reported by the operation that uses the folder.
        for staging in self.stagings(&mut Vec::new()) {
            bring_back(&staging);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing;

    /// As left by a process that died with the entry moved aside; optionally without the folder above
    /// the entry, if another process has removed it since.
    fn died(slot: &Slot, has_folder: bool) {
        let (folder, _alive) = super::super::RunFolder::create(&Staging::of(slot)).unwrap();
        if has_folder {
            fs::create_dir_all(slot.entry().parent().unwrap()).unwrap();
        }
        testing::fill(&folder.names().displaced(), "old");
        folder.leave();
    }

    /// After any call, the entry is there.
    #[track_caller]
    fn check(call: impl Fn(&CacheLayout, &Slot)) {
        for has_folder in [true, false] {
            let folder = testing::folder();
            let (layout, slot) = testing::cache(&folder);
            died(&slot, has_folder);
            call(&layout, &slot);
            assert_eq!(fs::read_to_string(slot.entry().join("weights")).unwrap(), "old");
        }
    }

    #[test]
    fn any_call_brings_an_entry_back() {
        check(|layout, slot| assert!(layout.look_up(slot, &testing::inspect).unwrap().hit.is_some()));
        check(|layout, _| assert_eq!(layout.inventory().unwrap().entries.len(), 1));
        check(|layout, slot| drop(layout.begin_run(slot, crate::Purpose::Fresh).unwrap()));
        check(|layout, _| drop(layout.prune(std::time::Duration::ZERO, crate::PruneMode::Remove)));
    }

    /// A live process has moved it aside, and puts the new one there a moment later.
    #[test]
    fn a_lookup_waits_for_an_entry_that_is_being_exchanged() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let (run, alive) = super::super::RunFolder::create(&Staging::of(&slot)).unwrap();
        fs::create_dir_all(slot.entry().parent().unwrap()).unwrap();
        testing::fill(&run.names().displaced(), "old");
        testing::fill(&run.names().tree(), "new");
        let finder = std::thread::spawn({
            let (layout, slot) = (layout.clone(), slot.clone());
            move || layout.look_up(&slot, &testing::inspect).unwrap().hit
        });
        fs::rename(run.names().tree(), slot.entry()).unwrap();
        assert!(finder.join().unwrap().is_some());
        drop((alive, run));
        assert_eq!(fs::read_to_string(slot.entry().join("weights")).unwrap(), "new");
    }
}
