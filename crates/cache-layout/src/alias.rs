//! Adds a second name to a file of an entry.

use std::fs::File;
use std::io;

use url_parse::RepoPath;

use crate::error::Error;
use crate::files;
use crate::layout::CacheLayout;
use crate::ops::{FileOps as _, RealOps};
use crate::place::Place;
use crate::slot::Slot;
use crate::staging::Staging;

impl CacheLayout {
    /// Atomically gives a file of the slot's entry in the writable tier a second name, without ever
    /// replacing a file: `tensor-cache.json` beside an old model's `ndarray-cache.json`, which current
    /// runtimes do not open. Returns whether the name was added.
    ///
    /// # Errors
    ///
    /// [`Error::LinkOrCopy`], for instance if the entry is not writable.
    pub fn add_alias(&self, slot: &Slot, file: &RepoPath, alias: &RepoPath) -> Result<bool, Error> {
        // The entry may be a link to another disk.
        let entry = slot.entry_place().or_link();
        let (from, to) = (entry.join(file.as_str()), entry.join(alias.as_str()));
        if to.is_there() {
            return Ok(false);
        }
        match link_or_copy_in_one_step(&from, &to, slot) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(Error::linking(from.path(), to.path(), source)),
        }
    }
}

fn link_or_copy_in_one_step(from: &Place, to: &Place, slot: &Slot) -> io::Result<()> {
    let Some(mut file) = from.link_own(to)? else { return Ok(()) };
    let scratch = Staging::of(slot).folder().clone();
    files::ensure_dir(&scratch, slot.home()).map_err(Error::into_io)?;
    copy_in_one_step(&mut file, to, &scratch)
}

/// Copies by way of the private folder, so that no temporary file appears in a model's folder.
fn copy_in_one_step(from: &mut File, to: &Place, scratch: &Place) -> io::Result<()> {
    let (copy, mut file) = scratch.create_temporary()?;
    let copied = io::copy(from, &mut file).and_then(|_| RealOps.rename_new(&copy, to));
    copied.inspect_err(|_| drop(copy.remove_file()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing;

    #[test]
    fn without_hard_links_an_alias_is_a_copy() {
        let folder = testing::folder();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        testing::write(&from, "records");
        let copy = || {
            let scratch = Place::anchored(folder.path());
            copy_in_one_step(&mut File::open(&from).unwrap(), &testing::place(&to), &scratch)
        };
        copy().unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "records");
        #[cfg(unix)]
        assert_eq!(testing::mode(&to), testing::umask_modes(&folder).0);
        let error = copy().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn an_alias_is_added_once_and_replaces_nothing() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let (old, new) = ("ndarray-cache.json".parse().unwrap(), "tensor-cache.json".parse().unwrap());
        let error = layout.add_alias(&slot, &old, &new).unwrap_err();
        assert!(matches!(error, Error::LinkOrCopy { .. }), "{error}");

        testing::write(&slot.entry().join("ndarray-cache.json"), "records");
        assert!(layout.add_alias(&slot, &old, &new).unwrap());
        assert_eq!(fs::read_to_string(slot.entry().join("tensor-cache.json")).unwrap(), "records");

        fs::remove_file(slot.entry().join("tensor-cache.json")).unwrap();
        testing::write(&slot.entry().join("tensor-cache.json"), "mine");
        assert!(!layout.add_alias(&slot, &old, &new).unwrap());
        assert_eq!(fs::read_to_string(slot.entry().join("tensor-cache.json")).unwrap(), "mine");
    }
}
