//! What taking a model out of the cache needs of its staging.

use std::collections::HashSet;
use std::path::PathBuf;

use super::run_folder::DETACHED;
use super::{Owner, Staging, prune, runs_in};
use crate::error::{Action, Attempt as _, Error};
use crate::files;

impl Staging {
    /// Whether a run is at work here, as its own lock tells.
    pub(crate) fn is_alive(&self) -> Result<bool, Error> {
        let runs = runs_in(self)?;
        Ok(runs.iter().any(|run| !run.is_detached() && Owner::if_gone(run).is_none()))
    }

    /// A new folder that counts as cut off from its run: whoever meets it removes it with all that is in it.
    pub(crate) fn detached_folder(&self) -> Result<PathBuf, Error> {
        let runs = self.runs();
        files::ensure_dir(&runs, self.slot().home())?;
        let folder = tempfile::Builder::new().prefix("removed-").suffix(DETACHED).tempdir_in(&runs);
        Ok(folder.attempt(Action::Create, &runs)?.keep())
    }

    /// Removes all of it, runs included, and says how many bytes of disk that was.
    pub(crate) fn remove(&self) -> (u64, Result<(), Error>) {
        let bytes = prune::usage(self.path(), &mut HashSet::new());
        let removed = runs_in(self).and_then(|runs| {
            for run in &runs {
                run.remove_neighbours();
            }
            files::remove_all(self.path())
        });
        (bytes, removed)
    }
}
