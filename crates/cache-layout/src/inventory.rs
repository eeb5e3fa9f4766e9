//! Lists everything in the places for models.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use url_parse::ModelId;

use crate::error::{Error, is_absence};
use crate::files;
use crate::layout::{CacheLayout, Tier};
use crate::obstacles::refuse_blocked;
use crate::place::Place;
use crate::slot::Slot;

/// What was found in the `hf` folders of all tiers. Entries are not checked for completeness.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Inventory {
    /// The directories in models' places, by tier in search order, then by name. A model in several
    /// tiers appears several times.
    pub entries: Vec<Entry>,
    /// Everything else, including what could not be read, in the same order. Hidden names are left out.
    pub skipped: Vec<Skipped>,
}

/// A directory in a model's place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The model's names.
    pub slot: Slot,
    /// The tier that the directory is in.
    pub tier: Tier,
    /// The directory, or a link to it.
    pub path: PathBuf,
    /// The target, if it is a link.
    pub link_target: Option<PathBuf>,
}

/// Something below `hf` that is not a model's directory.
#[derive(Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is not a model.
    pub reason: SkipReason,
}

/// Why something below `hf` was skipped.
#[derive(Debug)]
#[non_exhaustive]
pub enum SkipReason {
    /// The name is not that of a user, or of a repository at a revision.
    NotAName,
    /// It is not a directory.
    NotADirectory,
    /// It is a dangling symbolic link.
    DanglingLink,
    /// The system does not allow access.
    Unreadable(io::Error),
}

/// A short phrase to follow the path.
impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAName => f.write_str("not the name of a model"),
            Self::NotADirectory => f.write_str("not a directory"),
            Self::DanglingLink => f.write_str("a symbolic link to nothing"),
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl CacheLayout {
    /// Walks through the `hf` folders of all tiers, two levels deep. Creates and writes nothing, except
    /// that it moves back an entry that a dead process had moved aside. A tier that does not exist has
    /// no entries. An unreadable folder is reported and does not end the walk. Blocks for a few system
    /// calls per model.
    ///
    /// # Errors
    ///
    /// [`Error::NotADirectory`], [`Error::DanglingLink`] if the home, or `hf` in it, is not a
    /// directory.
    pub fn inventory(&self) -> Result<Inventory, Error> {
        self.bring_back_displaced();
        let mut inventory = Inventory::default();
        for tier in self.tiers() {
            let hf = tier.path().join("hf");
            if !tier.is_read_only() {
                refuse_blocked(&hf, self.home())?;
            }
            let mut walk = Walk { layout: self, tier, found: &mut inventory };
            walk.users(&hf);
        }
        Ok(inventory)
    }
}

/// A walk through one tier.
struct Walk<'a> {
    layout: &'a CacheLayout,
    tier: &'a Tier,
    found: &'a mut Inventory,
}

impl Walk<'_> {
    fn users(&mut self, hf: &Path) {
        for name in self.names_in(hf) {
            let folder = hf.join(&name);
            let user = name.to_str().filter(|user| ModelId::new(user, "any").is_ok());
            match (look_at(&folder), user) {
                (AtName::Nothing, _) => {}
                (AtName::Folder, Some(user)) => self.repos(user, &folder),
                (AtName::Folder, None) => self.skip(folder, SkipReason::NotAName),
                (AtName::Other(reason), _) => self.skip(folder, reason),
            }
        }
    }

    fn repos(&mut self, user: &str, folder: &Path) {
        for name in self.names_in(folder) {
            let path = folder.join(&name);
            let slot = name.to_str().and_then(|name| self.layout.slot_of_entry(user, name));
            match (look_at(&path), slot) {
                (AtName::Nothing, _) => {}
                (AtName::Folder, Some(slot)) => self.entry(slot, path),
                (AtName::Folder, None) => self.skip(path, SkipReason::NotAName),
                (AtName::Other(reason), _) => self.skip(path, reason),
            }
        }
    }

    fn entry(&mut self, slot: Slot, path: PathBuf) {
        let tier = self.tier.clone();
        let link_target = fs::read_link(&path).ok();
        self.found.entries.push(Entry { slot, tier, path, link_target });
    }

    /// The visible names in a folder, sorted; empty if there is no such folder.
    fn names_in(&mut self, folder: &Path) -> Vec<OsString> {
        let names = Place::anchored(folder).children().unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                self.skip(folder.to_path_buf(), SkipReason::Unreadable(error));
            }
            Vec::new()
        });
        let names = names.iter().map(Place::name);
        names.filter(|name| !name.as_encoded_bytes().starts_with(b".")).map(Into::into).collect()
    }

    fn skip(&mut self, path: PathBuf, reason: SkipReason) {
        self.found.skipped.push(Skipped { path, reason });
    }
}

enum AtName {
    Folder,
    /// It was removed since its name was read.
    Nothing,
    Other(SkipReason),
}

fn look_at(path: &Path) -> AtName {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => AtName::Folder,
        Ok(_) => AtName::Other(SkipReason::NotADirectory),
        Err(error) if !is_absence(&error) => AtName::Other(SkipReason::Unreadable(error)),
        Err(_) if files::is_dangling_link(path) => AtName::Other(SkipReason::DanglingLink),
        Err(_) => AtName::Nothing,
    }
}

#[cfg(test)]
mod tests;
