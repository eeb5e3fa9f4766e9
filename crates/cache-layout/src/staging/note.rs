//! The note that a run writes before it puts its tree in place.

use std::io;

use serde::{Deserialize, Serialize};

use super::{Purpose, RunNames};
use crate::error::is_absence;
use crate::place::{Place, SMALL};

/// Which pool the tree was made from, and which folder the tree is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    redo: bool,
    /// Device and inode of the tree, if the system has them.
    tree: Option<(u64, u64)>,
}

impl Note {
    pub(crate) fn new(purpose: Purpose, tree: &Place) -> Self {
        Self { redo: purpose == Purpose::Redo, tree: identity(tree) }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Numbers always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn parse(note: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(note)?)
    }

    /// `None` if there is no note.
    pub(crate) fn read(place: &Place) -> io::Result<Option<Self>> {
        match place.read(SMALL) {
            Ok(bytes) => Self::parse(&bytes).map(Some),
            Err(e) if is_absence(&e) => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub(crate) const fn purpose(&self) -> Purpose {
        if self.redo { Purpose::Redo } else { Purpose::Fresh }
    }

    /// Whether the tree, or a copy of it, became the entry. True if unknown: at worst, verified files
    /// are then downloaded again.
    pub(crate) fn was_published(&self, run: &RunNames) -> bool {
        let [beside, _] = run.neighbours();
        let is_still = |place: &Place, tree: Option<_>| tree.is_some() && identity(place) == tree;
        let copy = Self::read(&run.copy_note()).ok().flatten().and_then(|note| note.tree);
        let copied = copy.is_some() && !is_still(&beside, copy);
        copied || !is_still(&run.tree(), self.tree) && !is_still(&beside, self.tree)
    }
}

fn identity(place: &Place) -> Option<(u64, u64)> {
    place.look_if_any()?.identity
}
