//! Files of other entries with the same content, according to receipts.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use url_parse::RepoPath;

use crate::dir::open_plain;
use crate::error::Error;
use crate::files;
use crate::layout::{CacheLayout, Tier, private_in};
use crate::place::Place;
use crate::receipt::{self, Receipt};
use crate::run::Run;
use crate::slot::Slot;

/// Reading this many takes a moment, and no cache has more receipts.
const MOST_RECEIPTS: usize = 4096;
const LARGEST_RECEIPT: u64 = 16 << 20;
const MOST_BYTES: u64 = 256 << 20;

/// How much is copied between two checks whether to continue.
const PIECE: u64 = 16 << 20;

impl CacheLayout {
    /// Where files with these SHA-256 digests and sizes may be: in an entry of any tier, according to
    /// its receipt. A file may have changed since. Stops early when `go_on` returns false. Blocks while
    /// the receipts are read.
    pub fn donors(
        &self,
        wanted: &HashSet<([u8; 32], u64)>,
        go_on: &dyn Fn() -> bool,
    ) -> HashMap<[u8; 32], PathBuf> {
        let (mut donors, mut bytes) = (HashMap::new(), 0);
        let receipts = self.tiers().iter().flat_map(|tier| self.receipts_of(tier));
        for (tier, slot, file) in receipts.take(MOST_RECEIPTS) {
            if donors.len() == wanted.len() || bytes > MOST_BYTES || !go_on() {
                break;
            }
            bytes += file.look_if_any().map_or(0, |found| found.len.min(LARGEST_RECEIPT));
            let Some(receipt) = receipt::read_if_any(&file, LARGEST_RECEIPT) else { continue };
            let Some((_, entry)) = slot.candidates().find(|(candidate, _)| *candidate == tier) else {
                continue;
            };
            add(&mut donors, wanted, entry, &receipt);
        }
        donors
    }

    /// The slots that have a receipt in a tier, with the receipts.
    fn receipts_of<'a>(&'a self, tier: &'a Tier) -> impl Iterator<Item = (&'a Tier, Slot, Place)> {
        let private = match tier {
            Tier::Writable(_) => self.private().clone(),
            Tier::ReadOnly(path) => private_in(path),
        };
        let files = private.join("receipts").children_if_any().unwrap_or_default();
        files.into_iter().filter_map(move |file| {
            let slot = self.slot_of_file_name(file.name().to_str()?.strip_suffix(".json")?)?;
            Some((tier, slot, file))
        })
    }
}

fn add(
    donors: &mut HashMap<[u8; 32], PathBuf>,
    wanted: &HashSet<([u8; 32], u64)>,
    entry: &Path,
    receipt: &Receipt,
) {
    for file in &receipt.files {
        let Some(sha256) = file.sha256.filter(|sha256| wanted.contains(&(*sha256, file.size))) else {
            continue;
        };
        let path = file.path.under(entry);
        let is_there = || fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == file.size);
        if !donors.contains_key(&sha256) && is_there() {
            donors.insert(sha256, path);
        }
    }
}

impl Run {
    /// Copies a file into the tree: by a reflink if the file system supports it, which takes no space,
    /// and never by a hard link, since people and tools modify a model's files in place. `from` may be
    /// any plain file, or a link to one. The caller must verify the copy.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written, the tree already has it, or `go_on` returns false.
    /// Nothing is left behind.
    pub fn copy_in(&self, from: &Path, to: &RepoPath, go_on: &dyn Fn() -> bool) -> Result<(), Error> {
        let to = self.place_for(to)?;
        let copied = open_plain(from).and_then(|mut source| {
            files::write_copy(&to, |target| {
                if files::reflink(&source, target) {
                    return Ok(());
                }
                while io::copy(&mut io::Read::take(&mut source, PIECE), target)? > 0 {
                    if !go_on() {
                        return Err(io::ErrorKind::Interrupted.into());
                    }
                }
                Ok(())
            })
        });
        copied.map_err(|error| Error::linking(from, to.path(), error))
    }
}

#[cfg(test)]
mod tests;
