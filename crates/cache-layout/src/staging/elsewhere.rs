//! What a run has outside its folder: trees beside the entry, and scratch space in a user's or the
//! system's temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunNames;
use crate::dir::{Access, Dir, Found, look_at_file};
use crate::error::{Action, Attempt as _, Error};
use crate::place::{Place, SMALL, read_at_most};

/// The prefix of a scratch folder's name; the run's own name follows.
const SCRATCH: &str = ".mlc-weights-scratch-";

/// Temporary folders in which nobody can remove another user's files. The first one is on disk.
#[cfg(unix)]
fn of_system() -> [PathBuf; 2] {
    ["/var/tmp", "/tmp"].map(PathBuf::from)
}

/// The user's own temporary folder.
#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "Windows has none with a fixed name")]
fn of_system() -> [PathBuf; 1] {
    [std::env::temp_dir()]
}

/// Where a run has scratch space, so that it can be found after the run was killed.
#[derive(Serialize, Deserialize)]
struct Record {
    folder: PathBuf,
}

/// Creates the run's scratch folder in `parent`, accessible only to the current user.
pub(super) fn create(run: &RunNames, parent: &Path) -> Result<Place, Error> {
    // Libraries may not know the form in which Windows resolves a path.
    let resolved = if cfg!(windows) { std::path::absolute(parent) } else { fs::canonicalize(parent) };
    let parent = resolved.attempt(Action::LookAt, parent)?;
    let folder = Place::anchored(parent).join(name_for(run));
    let record = Record { folder: folder.path().to_path_buf() };
    // Recorded before the folder exists, so that it is never lost.
    run.scratch_elsewhere().write_atomically(&serde_json::to_vec(&record).unwrap_or_default())?;
    folder.create_dir_as(0o700).attempt(Action::Create, folder.path())?;
    Ok(folder)
}

/// Creates it in a temporary folder of the system, if there is one that is safe to use by path.
pub(super) fn create_in_system(run: &RunNames) -> Option<Place> {
    let safe = of_system().into_iter().filter(|folder| Dir::is_guarded(&folder.join("any")));
    safe.map(|folder| create(run, &folder)).find_map(Result::ok)
}

/// Removes everything that the run has outside its folder.
pub(crate) fn remove_all(run: &RunNames) {
    for neighbour in run.neighbours() {
        neighbour.remove_tree();
    }
    // Anyone who can write the record could choose what is deleted. It counts only if the current user
    // wrote it, and only a folder of the current user with the run's name is removed.
    if let Some(folder) = recorded(run)
        && folder.look_if_any().is_some_and(|found| found.is_folder() && found.is_own())
    {
        folder.remove_tree();
    }
}

fn recorded(run: &RunNames) -> Option<Place> {
    let record = run.scratch_elsewhere().open(Access::Read).ok()?;
    // Checks the file that is open, not whatever had that name a moment ago.
    look_at_file(&record).ok().filter(Found::is_own)?;
    named_scratch(&read_at_most(&record, SMALL).ok()?, &name_for(run))
}

/// The folder in a record, if it has this name.
pub(crate) fn named_scratch(record: &[u8], name: &str) -> Option<Place> {
    let Record { folder } = serde_json::from_slice(record).ok()?;
    let parent = folder.parent().filter(|_| folder.file_name() == Some(name.as_ref()))?;
    Some(Place::anchored(parent).join(name))
}

fn name_for(run: &RunNames) -> String {
    format!("{SCRATCH}{}", run.id().to_string_lossy())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::staging::{RunFolder, Staging};
    use crate::testing;

    /// Nothing is deleted because of another user's record or a damaged one.
    #[test]
    fn only_the_runs_own_scratch_folder_is_removed() {
        let folder = testing::folder();
        let (_, slot) = testing::cache(&folder);
        let (run, alive) = RunFolder::create(&Staging::of(&slot)).unwrap();
        let names = run.names();
        let precious = folder.path().join("precious");
        let others = [precious.clone(), precious.join(".mlc-weights-scratch-1-b")];
        testing::write(&others[1].join("file"), "kept");
        let link = folder.path().join(name_for(names));
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        for chosen in others.iter().chain([&link]) {
            let record = serde_json::to_vec(&Record { folder: chosen.clone() }).unwrap();
            names.scratch_elsewhere().write_atomically(&record).unwrap();
            remove_all(names);
            assert!(others[1].join("file").exists(), "{chosen:?}");
        }
        fs::remove_file(&link).unwrap();
        let own = create(names, folder.path()).unwrap();
        assert_eq!(testing::mode(own.path()), 0o700);
        testing::write(&own.path().join("sub/file"), "");
        remove_all(names);
        assert!(!own.is_there());
        drop(alive);
    }
}
