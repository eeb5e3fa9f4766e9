//! Makes names in folders durable.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Syncs folders after renames. Renames that wait for a running sync share the next one.
#[derive(Default)]
pub(super) struct Folders(Mutex<HashMap<PathBuf, Arc<Folder>>>);

#[derive(Default)]
struct Folder {
    /// The number of renames.
    renamed: AtomicU64,
    /// The number of durable ones.
    synced: Mutex<u64>,
}

impl Folders {
    /// Makes the new name of `file`, which was just renamed, durable.
    pub(super) fn sync(&self, file: &Path) -> io::Result<()> {
        let Some(path) = folder_of(file) else { return Ok(()) };
        let folder = {
            let mut folders = self.0.lock();
            match folders.get(path) {
                Some(folder) => Arc::clone(folder),
                None => Arc::clone(folders.entry(path.to_owned()).or_default()),
            }
        };
        folder.sync(|| sync_folder(path))
    }
}

/// The folder that contains a file; for a bare name, the current one.
pub(super) fn folder_of(file: &Path) -> Option<&Path> {
    file.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

impl Folder {
    fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mine = self.renamed.fetch_add(1, Ordering::SeqCst) + 1;
        let mut synced = self.synced.lock();
        if *synced < mine {
            let all = self.renamed.load(Ordering::SeqCst);
            sync()?;
            *synced = all;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// This system has no such call.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rename_is_covered_by_a_sync_that_begins_after_it() {
        let (folder, syncs) = (Folder::default(), AtomicU64::new(0));
        let sync = || {
            syncs.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        folder.sync(sync).unwrap();
        folder.sync(sync).unwrap();
        assert_eq!(syncs.load(Ordering::SeqCst), 2);
        // Two more were renamed during another sync: the first to arrive syncs for both.
        folder.renamed.fetch_add(1, Ordering::SeqCst);
        folder.sync(sync).unwrap();
        assert_eq!((*folder.synced.lock(), syncs.load(Ordering::SeqCst)), (4, 3));
    }

    #[test]
    fn a_sync_that_failed_is_tried_again_by_the_next() {
        let folder = Folder::default();
        folder.sync(|| Err(io::ErrorKind::Other.into())).unwrap_err();
        assert_eq!(*folder.synced.lock(), 0);
        folder.sync(|| Ok(())).unwrap();
        assert_eq!(*folder.synced.lock(), 2);
    }
}
