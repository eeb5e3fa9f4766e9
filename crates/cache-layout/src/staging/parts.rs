//! Unfinished files that dead runs have left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Owner, RunNames, Staging};
use crate::content::ContentName;
use crate::files;
use crate::usage::disk_bytes;

/// At the end of the name of what is written beside a part.
const JOURNAL: &str = ".journal";

/// Whether a run has unfinished files that hold something.
pub(super) fn are_in(run: &RunNames) -> bool {
    files::children_if_any(&run.parts()).is_ok_and(|parts| parts.iter().any(|part| room(part) > 0))
}

/// Moves an abandoned run's parts to where others find them.
pub(super) fn save(staging: &Staging, run: &RunNames) {
    let orphans = staging.orphans();
    if !are_in(run) || files::ensure_dir(&orphans, staging.slot().home()).is_err() {
        return;
    }
    let parts = files::children_if_any(&run.parts()).unwrap_or_default();
    for part in parts.iter().filter(|part| !is_journal(part)) {
        let Some(name) = part.file_name() else { continue };
        let orphan = orphans.join(name);
        if room(part) > room(&orphan) {
            transferred(part, &orphan, |from, to| fs::rename(from, to));
        }
    }
}

/// Removes the parts of abandoned runs.
pub(crate) fn clear_orphans(staging: &Staging) {
    files::remove_tree(&staging.orphans());
}

/// Brings the part of this content that a dead run has left, the largest one, to where `heir` has its own.
/// Whether there was one.
pub(crate) fn take_over(staging: &Staging, heir: &RunNames, content: &ContentName) -> bool {
    let own = heir.parts().join(content.as_str());
    let orphan = staging.orphans().join(content.as_str());
    let others = staging.runs().unwrap_or_default().into_iter();
    let left = others.filter(|run| run.path() != heir.path() && !run.is_detached());
    // Of equal ones the newest.
    let most = left.max_by_key(|run| {
        let part = run.parts().join(content.as_str());
        (room(&part), fs::symlink_metadata(&part).and_then(|found| found.modified()).ok())
    });
    if let Some(run) = most {
        let part = run.parts().join(content.as_str());
        // Held while it is copied.
        if room(&part) > room(&orphan)
            && let Some(_owner) = Owner::if_gone(&run)
            && transferred(&part, &own, files::copy_sparse)
        {
            return true;
        }
    }
    room(&orphan) > 0 && transferred(&orphan, &own, |from, to| fs::rename(from, to))
}

/// About how many bytes dead runs have left of this content, for an heir to take over.
pub(crate) fn left_over(staging: &Staging, heir: &RunNames, content: &ContentName) -> u64 {
    let others = staging.runs().unwrap_or_default().into_iter();
    let left = others.filter(|run| run.path() != heir.path() && !run.is_detached());
    let parts = left.map(|run| run.parts()).chain([staging.orphans()]);
    parts.map(|parts| room(&parts.join(content.as_str()))).max().unwrap_or_default()
}

/// Takes the journal first: what it says had been written before it was, and so is in what comes after it.
fn transfer(from: &Path, to: &Path, take: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    for to in [journal(to), to.to_path_buf()] {
        files::absence_is_fine(fs::remove_file(&to))?;
    }
    if files::is_plain_file(&journal(from)) {
        take(&journal(from), &journal(to))?;
    }
    take(from, to)
}

/// Whether it could be done.
fn transferred(from: &Path, to: &Path, take: impl Fn(&Path, &Path) -> io::Result<()>) -> bool {
    let outcome = transfer(from, to, take);
    if let Err(error) = &outcome {
        tracing::debug!(part = %url_parse::shown(from), %error, "an unfinished file cannot be taken over");
    }
    outcome.is_ok()
}

fn journal(part: &Path) -> PathBuf {
    let mut path = part.as_os_str().to_owned();
    path.push(JOURNAL);
    path.into()
}

fn is_journal(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with(JOURNAL)
}

/// How much room a plain file takes up; a part is written at many places, and its length says little.
fn room(path: &Path) -> u64 {
    let found = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file);
    found.map_or(0, |found| match disk_bytes(&found) {
        // What was just written may have no blocks yet, and very small files have none on some systems.
        0 => found.len().min(1),
        bytes => bytes,
    })
}

#[cfg(test)]
mod tests {
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
        testing::write(&journal(part), "journal");
    }

    /// What a killed process leaves that was last heard of so many seconds ago.
    fn killed(slot: &Slot, silent_for: u64, text: &str) -> PathBuf {
        let (folder, alive) = RunFolder::create(&Staging::of(slot)).unwrap();
        fill(&folder.names().parts().join(content().as_str()), text);
        alive.set_modified(SystemTime::now() - Duration::from_secs(silent_for)).unwrap();
        let path = folder.names().path().to_path_buf();
        folder.leave();
        path
    }

    #[track_caller]
    fn check_inherits(run: &Run, text: &str) {
        assert!(run.take_over(&content()));
        assert_eq!(fs::read_to_string(run.part(&content())).unwrap(), text);
        assert_eq!(fs::read_to_string(journal(&run.part(&content()))).unwrap(), "journal");
        assert!(!run.take_over(&ContentName::sha256([2; 32])));
    }

    #[test]
    fn what_a_dropped_run_has_left_is_moved_to_the_next() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let first = begin(&layout, &slot);
        fill(&first.part(&content()), "half");
        testing::write(&first.tree().join("tree"), "");
        drop(first);
        let left = testing::listing(&Staging::of(&slot).runs_folder());
        assert!(left.keys().all(|path| !path.contains("tree") && !path.contains("scratch")), "{left:?}");

        let second = begin(&layout, &slot);
        assert_eq!(
            files::children_if_any(&Staging::of(&slot).runs_folder()).unwrap().len(),
            1,
            "the first is gone"
        );
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
    fn nothing_is_taken_from_the_living() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let living = begin(&layout, &slot);
        fill(&living.part(&content()), "half");
        let run = begin(&layout, &slot);
        assert!(!run.take_over(&content()));
    }

    #[test]
    fn of_several_the_largest_is_taken() {
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
    fn after_publication_nothing_is_left() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        killed(&slot, 3600, "half");
        let run = begin(&layout, &slot);
        fill(&run.part(&ContentName::sha256([2; 32])), "not wanted any more");
        testing::fill(run.tree(), "w");
        run.publish(&testing::inspect).unwrap();
        assert!(!Staging::of(&slot).path().exists());
    }
}
