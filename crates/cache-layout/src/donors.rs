//! Files of other entries with the same content, by what receipts say.

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

/// Reading so much takes a moment, and is more than any cache of models has in receipts.
const MOST_RECEIPTS: usize = 4096;
const LARGEST_RECEIPT: u64 = 16 << 20;
const MOST_BYTES: u64 = 256 << 20;

/// So much is copied before the next look at whether to go on.
const PIECE: u64 = 16 << 20;

impl CacheLayout {
    /// Where a file of each of these SHA-256 may be, with its size: in an entry of any tier, as its receipt says. The
    /// file may have become another one since. Ends early when `go_on` says so. Blocks for as long as it takes to read
    /// the receipts.
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

    /// The slots of which a tier has receipts, and these.
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
    /// Copies a file into the tree: by a reflink where the file system has such, which takes no room, and never by a hard
    /// link, since people and tools write to the files of a model in place. `from` may be anywhere, and is read if it is a
    /// plain file, or a link to one. Whether the copy is right is for a digest to say.
    ///
    /// # Errors
    /// When it cannot be read or written, the tree has a file of that name, or `go_on` says no. Then nothing is there.
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
