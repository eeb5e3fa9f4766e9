//! The note that a run leaves before it puts its tree in place.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Purpose, RunNames};
use crate::error::is_absence;
use crate::files;

/// Which pool the tree was made from, and which folder the tree is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    redo: bool,
    /// Device and number of the tree, where the system numbers folders.
    tree: Option<(u64, u64)>,
}

impl Note {
    pub(crate) fn new(purpose: Purpose, tree: &Path) -> Self {
        Self { redo: purpose == Purpose::Redo, tree: files::identity(tree) }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Numbers only, which serialization cannot refuse.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None` when there is no note.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(e) if is_absence(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub(crate) const fn purpose(&self) -> Purpose {
        if self.redo { Purpose::Redo } else { Purpose::Fresh }
    }

    /// Whether the tree, or a copy of it, became the entry. The answer is yes when that is unknown: then verified
    /// files are downloaded again, which is the lesser harm.
    pub(crate) fn was_published(&self, run: &RunNames) -> bool {
        let [beside, _] = run.neighbours();
        let is_still = |path: &Path, tree: Option<_>| tree.is_some() && files::identity(path) == tree;
        let copy = Self::read(&run.copy_note()).ok().flatten().and_then(|note| note.tree);
        let copied = copy.is_some() && !is_still(&beside, copy);
        copied || !is_still(&run.tree(), self.tree) && !is_still(&beside, self.tree)
    }
}
