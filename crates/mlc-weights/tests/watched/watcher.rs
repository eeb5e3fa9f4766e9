//! Keeps reading a directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::{Result, bail};

use crate::tree::{Seen, Tree, difference, look};

/// The states in which a directory may be.
pub(super) type Allowed = Vec<Seen>;

pub(super) struct Watcher {
    stop: Arc<AtomicBool>,
    looks: Arc<AtomicU64>,
    thread: JoinHandle<Result<()>>,
}

impl Watcher {
    pub(super) fn start(dir: &Path, allowed: Allowed) -> Self {
        let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counter, dir) = (Arc::clone(&stop), Arc::clone(&looks), dir.to_path_buf());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                check(&dir, &allowed)?;
                counter.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        Self { stop, looks, thread }
    }

    /// Returns how often the directory was read, or an error if it was ever in a forbidden state.
    pub(super) fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(outcome) => outcome.map(|()| self.looks.load(Ordering::Relaxed)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Fails if a directory is in a forbidden state, or if there is an unexpected file beside it.
pub(super) fn check(dir: &Path, allowed: &Allowed) -> Result<()> {
    let beside = neighbours(dir);
    if !beside.is_empty() {
        bail!("beside the model there is {beside:?}");
    }
    let seen = look(dir);
    if allowed.contains(&seen) {
        return Ok(());
    }
    let differences = |seen: &Tree| {
        let trees = allowed.iter().filter_map(|allowed| match allowed {
            Seen::Directory(tree) => Some(difference(seen, tree)),
            _ => None,
        });
        trees.collect::<Vec<_>>().join("; or ")
    };
    match seen {
        Seen::Change => Ok(()),
        Seen::Nothing => bail!("the model is gone"),
        Seen::Directory(seen) => {
            bail!("the directory is in no state that it may be in: {}", differences(&seen))
        }
    }
}

fn neighbours(dir: &Path) -> Vec<PathBuf> {
    let entries = dir.parent().and_then(|parent| std::fs::read_dir(parent).ok());
    entries.into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path != dir).collect()
}
