//! A second name for a file of an entry.

use std::fs;
use std::io;
use std::path::Path;

use url_parse::RepoPath;

use crate::error::Error;
use crate::files;
use crate::layout::CacheLayout;
use crate::slot::Slot;
use crate::staging::Staging;

impl CacheLayout {
    /// Gives a file of the slot's entry in the writable tier a second name there, in one step and without
    /// ever replacing anything: `tensor-cache.json` beside an old model's `ndarray-cache.json`, which
    /// today's runtimes do not open. Answers whether there was anything to do.
    ///
    /// # Errors
    /// [`Error::LinkOrCopy`], for instance where the entry is not writable.
    pub fn add_alias(&self, slot: &Slot, file: &RepoPath, alias: &RepoPath) -> Result<bool, Error> {
        let (from, to) = (file.under(slot.entry()), alias.under(slot.entry()));
        if fs::symlink_metadata(&to).is_ok() {
            return Ok(false);
        }
        let linked = fs::hard_link(&from, &to).or_else(|e| match e.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => Err(e),
            _ => {
                let scratch = Staging::of(slot);
                fs::create_dir_all(scratch.path())?;
                copy_in_one_step(&from, &to, scratch.path())
            }
        });
        match linked {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(Error::LinkOrCopy { from, to, source }),
        }
    }
}

/// A copy by way of the private folder: in a model's folder a temporary file has no place.
fn copy_in_one_step(from: &Path, to: &Path, scratch: &Path) -> io::Result<()> {
    let mut copy = files::temporary_in(scratch)?;
    io::copy(&mut fs::File::open(from)?, copy.as_file_mut())?;
    copy.persist_noclobber(to).map(drop).map_err(|e| e.error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn without_hard_links_an_alias_is_a_copy() {
        let folder = testing::folder();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        testing::write(&from, "records");
        copy_in_one_step(&from, &to, folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "records");
        #[cfg(unix)]
        assert_eq!(testing::mode(&to), testing::umask_modes(&folder).0);
        let error = copy_in_one_step(&from, &to, folder.path()).unwrap_err();
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
