//! Unfinished files left by dead runs.

use std::io;

use super::{Owner, RunNames, Staging};
use crate::content::ContentName;
use crate::dir::Found;
use crate::files;
use crate::place::{Place, absence_is_fine};

/// The suffix of a part's journal.
const JOURNAL: &str = ".journal";

/// Whether a run has unfinished files that are not empty.
pub(super) fn are_in(run: &RunNames) -> bool {
    run.parts().children_if_any().is_ok_and(|parts| parts.iter().any(|part| room(part) > 0))
}

/// Moves an abandoned run's parts to the orphans, where others find them.
pub(super) fn save(staging: &Staging, run: &RunNames) {
    let orphans = staging.orphans();
    if !are_in(run) || files::ensure_dir(&orphans, staging.slot().home()).is_err() {
        return;
    }
    let parts = run.parts().children_if_any().unwrap_or_default();
    for part in parts.iter().filter(|part| !is_journal(part)) {
        let orphan = orphans.join(part.name());
        if room(part) > room(&orphan) {
            transferred(part, &orphan, Place::rename);
        }
    }
}

/// Removes the parts of abandoned runs.
pub(crate) fn clear_orphans(staging: &Staging) {
    staging.orphans().remove_tree();
}

/// Moves the largest part of this content that a dead run has left to the place of `heir`'s own.
/// Returns whether there was one.
pub(crate) fn take_over(staging: &Staging, heir: &RunNames, content: &ContentName) -> bool {
    let own = heir.parts().join(content.as_str());
    let orphan = staging.orphans().join(content.as_str());
    let others = staging.runs().unwrap_or_default().into_iter();
    let left = others.filter(|run| run.folder() != heir.folder() && !run.is_detached());
    // The newest of equally large ones.
    let most = left.max_by_key(|run| {
        let part = run.parts().join(content.as_str());
        (room(&part), part.look_if_any().and_then(|found| found.modified))
    });
    if let Some(run) = most {
        let part = run.parts().join(content.as_str());
        // Held during the copy.
        if room(&part) > room(&orphan)
            && let Some(_owner) = Owner::if_gone(&run)
            && transferred(&part, &own, files::copy_sparse)
        {
            return true;
        }
    }
    room(&orphan) > 0 && transferred(&orphan, &own, move_own)
}

/// Approximately how many bytes of this content dead runs have left for an heir.
pub(crate) fn left_over(staging: &Staging, heir: &RunNames, content: &ContentName) -> u64 {
    let others = staging.runs().unwrap_or_default().into_iter();
    let left = others.filter(|run| run.folder() != heir.folder() && !run.is_detached());
    let parts = left.map(|run| run.parts()).chain([staging.orphans()]);
    parts.map(|parts| room(&parts.join(content.as_str()))).max().unwrap_or_default()
}

/// Takes the journal first: the data that it describes was written before it, so the part that is taken
/// afterwards includes it.
fn transfer(from: &Place, to: &Place, take: impl Fn(&Place, &Place) -> io::Result<()>) -> io::Result<()> {
    for to in [&journal(to), to] {
        absence_is_fine(to.remove_file())?;
    }
    if journal(from).look_if_any().is_some_and(|found| found.is_file()) {
        take(&journal(from), &journal(to))?;
    }
    take(from, to)
}

/// Whether the transfer succeeded.
fn transferred(from: &Place, to: &Place, take: impl Fn(&Place, &Place) -> io::Result<()>) -> bool {
    let outcome = transfer(from, to, take);
    if let Err(error) = &outcome {
        tracing::debug!(part = %url_parse::shown(from.path()), %error, "cannot take over an unfinished file");
    }
    outcome.is_ok()
}

/// Moves the current user's file. Another user's is copied, since its owner may have it open.
fn move_own(from: &Place, to: &Place) -> io::Result<()> {
    if from.look()?.is_own() {
        return from.rename(to);
    }
    files::copy_sparse(from, to)?;
    from.remove_file()
}

fn journal(part: &Place) -> Place {
    let mut name = part.name().to_os_string();
    name.push(JOURNAL);
    part.beside(name)
}

fn is_journal(part: &Place) -> bool {
    part.name().as_encoded_bytes().ends_with(JOURNAL.as_bytes())
}

/// The space used by a plain file. A part has holes, so its length says little.
fn room(part: &Place) -> u64 {
    let found = part.look_if_any().filter(Found::is_file);
    found.map_or(0, |found| match found.disk_bytes {
        // A file written just now may have no blocks yet, and on some systems very small files never
        // have.
        0 => found.len.min(1),
        bytes => bytes,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::layout::CacheLayout;
    use crate::run::Run;
    use crate::slot::Slot;
    use crate::staging::{Purpose, RunFolder};
    use crate::testing;

    fn content() -> ContentName {
        ContentName::sha256([1; 32])
    }

    fn begin(layout: &CacheLayout, slot: &Slot) -> Run {
        layout.begin_run(slot, Purpose::Fresh).unwrap()
    }

    fn fill(part: &Path, text: &str) {
        testing::write(part, text);
        testing::write(&journal(&testing::place(part)), "journal");
    }

    /// As left by a killed process of another machine, last heard of this many seconds ago.
    fn killed(slot: &Slot, silent_for: u64, text: &str) -> PathBuf {
        let (folder, alive) = RunFolder::create(&Staging::of(slot)).unwrap();
        fill(&folder.names().parts().join(content().as_str()), text);
        alive.set_modified(SystemTime::now() - Duration::from_secs(silent_for)).unwrap();
        let path = folder.names().folder().to_path_buf();
        folder.leave();
        testing::move_elsewhere(&path);
        path
    }

    #[track_caller]
    fn check_inherits(run: &Run, text: &str) {
        assert!(run.take_over(&content()));
        assert_eq!(fs::read_to_string(run.part(&content())).unwrap(), text);
        assert_eq!(fs::read_to_string(journal(&testing::place(&run.part(&content())))).unwrap(), "journal");
        assert!(!run.take_over(&ContentName::sha256([2; 32])));
    }

    #[test]
    fn parts_of_a_dropped_run_move_to_the_next() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let first = begin(&layout, &slot);
        fill(&first.part(&content()), "half");
        testing::write(&first.tree().join("tree"), "");
        drop(first);
        let left = testing::listing(&Staging::of(&slot).runs_folder());
        assert!(left.keys().all(|path| !path.contains("tree") && !path.contains("scratch")), "{left:?}");

        let second = begin(&layout, &slot);
        assert_eq!(Staging::of(&slot).runs_folder().children_if_any().unwrap().len(), 1, "the first is gone");
        check_inherits(&second, "half");
        assert!(!second.take_over(&content()), "it was moved");
        drop(second);
        check_inherits(&begin(&layout, &slot), "half");
    }

    #[test]
    fn a_killed_run_keeps_its_parts_for_a_while() {
        for (silent_for, stays) in [(0, true), (14 * 60, true), (16 * 60, false)] {
            let folder = testing::folder();
            let (layout, slot) = testing::cache(&folder);
            let dead = killed(&slot, silent_for, "half");
            let run = begin(&layout, &slot);
            check_inherits(&run, "half");
            assert_eq!(dead.exists(), stays, "{silent_for}");
        }
    }

    #[test]
    fn nothing_is_taken_from_live_runs() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let living = begin(&layout, &slot);
        fill(&living.part(&content()), "half");
        let run = begin(&layout, &slot);
        assert!(!run.take_over(&content()));
    }

    #[test]
    fn the_largest_of_several_parts_is_taken() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let long = "x".repeat(100_000);
        killed(&slot, 0, "short");
        killed(&slot, 3600, "short");
        killed(&slot, 0, &long);
        killed(&slot, 3600, "short");
        let run = begin(&layout, &slot);
        check_inherits(&run, &long);
        drop(run);
        killed(&slot, 3600, "short");
        check_inherits(&begin(&layout, &slot), &long);
    }

    #[test]
    fn after_publication_no_parts_remain() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        killed(&slot, 3600, "half");
        let run = begin(&layout, &slot);
        fill(&run.part(&ContentName::sha256([2; 32])), "not wanted any more");
        testing::fill(run.tree(), "w");
        run.publish(&testing::inspect).unwrap();
        assert!(!Staging::of(&slot).folder().exists());
    }
}
