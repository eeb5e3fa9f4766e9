//! Small files that a process was writing when it was killed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{PruneMode, is_old, newest, remove_file, usage};
use crate::files;
use crate::layout::CacheLayout;
use crate::staging::{ABANDONED_AFTER, children};

impl CacheLayout {
    /// Removes those beside locks and receipts, or only counts them; says how many bytes of disk that is. To write
    /// one takes a moment, so one that is as old as an abandoned run belongs to nobody.
    pub(super) fn prune_temporaries(&self, older_than: Duration, mode: PruneMode, now: SystemTime) -> u64 {
        let age = older_than.max(ABANDONED_AFTER);
        let abandoned = self.temporaries().into_iter().filter(|path| is_old(newest(path), age, now));
        abandoned.map(|path| prune_one(&path, mode)).sum()
    }

    fn temporaries(&self) -> Vec<PathBuf> {
        let folders = ["locks", "receipts"].map(|name| self.private().join(name));
        let files = folders.iter().flat_map(|folder| children(folder).unwrap_or_default());
        files.filter(|path| files::is_temporary(path)).collect()
    }
}

/// The next prune tries again what cannot be removed.
fn prune_one(path: &Path, mode: PruneMode) -> u64 {
    let bytes = usage(path, &mut HashSet::new());
    match mode {
        PruneMode::DryRun => bytes,
        PruneMode::Remove => match remove_file(path) {
            Ok(()) => bytes,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot remove a temporary file");
                0
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing;

    /// What a process leaves that is killed while it writes beside `path`, so long ago.
    fn killed_beside(path: &Path, ago: Duration) -> PathBuf {
        let folder = path.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        let file = files::temporary_in(folder).unwrap();
        fs::write(file.path(), "half").unwrap();
        file.as_file().set_modified(SystemTime::now() - ago).unwrap();
        file.into_temp_path().keep().unwrap()
    }

    #[track_caller]
    fn check(minutes_ago: u64, older_than_minutes: u64, goes: bool) {
        let [ago, older_than] =
            [minutes_ago, older_than_minutes].map(|minutes| Duration::from_secs(60 * minutes));
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let temporaries = [slot.lock_file(), slot.receipt_file()].map(|path| killed_beside(&path, ago));
        let others = [slot.lock_file(), slot.holder_file(), slot.receipt_file()];
        for path in &others {
            testing::write(path, "mine");
            fs::File::open(path).unwrap().set_modified(SystemTime::now() - ago).unwrap();
        }
        let would = layout.prune(older_than, PruneMode::DryRun).removed_bytes();
        assert!(temporaries.iter().all(|path| path.exists()), "a dry run changes nothing");
        let did = layout.prune(older_than, PruneMode::Remove).removed_bytes();
        assert_eq!((would, did > 0), (did, goes));
        assert!(temporaries.iter().all(|path| path.exists() != goes));
        assert!(others.iter().all(|path| path.exists()));
    }

    #[test]
    fn they_go_by_their_age_and_nothing_else_does() {
        check(14, 0, false);
        check(16, 0, true);
        check(16, 60, false);
        check(61, 60, true);
    }
}
