//! Verifies a model's files.

mod demand;
mod look;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use cache_layout::{CacheLayout, Receipt, Slot, Tier};
use shard_fetch::Expected;
use url_parse::{ModelRef, RepoPath};

use self::demand::{Demand, Demands};
use self::look::{look, others, state_of};
use super::removal::not_in_cache;
use super::report::{FileReport, FileState, VerifyReport};
use crate::Error;
use crate::receipts::receipt_about;

/// An event of a verification or an export.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyEvent<'a> {
    /// A copy of the model is about to be hashed.
    #[non_exhaustive]
    Began {
        /// The model.
        model: &'a ModelRef,
        /// The copy's directory.
        path: &'a Path,
        /// The number of files to hash.
        files: usize,
        /// Their total size.
        bytes: u64,
    },
    /// More bytes were copied. Files are hashed after all were copied.
    #[non_exhaustive]
    Copied {
        /// The model.
        model: &'a ModelRef,
        /// The bytes copied so far.
        bytes: u64,
        /// The total.
        of: u64,
    },
    /// A file was hashed.
    #[non_exhaustive]
    Checked {
        /// The file.
        file: &'a RepoPath,
        /// Its size in bytes.
        size: u64,
        /// The result.
        state: &'a FileState,
    },
}

/// Is told about the steps, and may stop the work.
pub(super) type Observe<'a> = dyn FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + 'a;

/// Verifies every copy of a model, in search order.
pub(super) fn verify(
    layout: &CacheLayout,
    slot: &Slot,
    observe: &mut Observe<'_>,
) -> Result<Vec<VerifyReport>, Error> {
    let copies = slot.candidates().filter(|(_, dir)| dir.is_dir());
    let reports: Vec<_> =
        copies.map(|(tier, dir)| copy(layout, slot, tier, dir, observe)).collect::<Result<_, _>>()?;
    if reports.is_empty() { Err(not_in_cache(slot)) } else { Ok(reports) }
}

fn copy(
    layout: &CacheLayout,
    slot: &Slot,
    tier: &Tier,
    dir: &Path,
    observe: &mut Observe<'_>,
) -> Result<VerifyReport, Error> {
    let receipt = receipt_about(layout, slot, dir);
    compare(slot.model(), tier, dir, receipt.as_ref(), observe)
}

/// The files that a directory must contain.
pub(super) fn demanded(dir: &Path, receipt: Option<&Receipt>) -> Result<Vec<RepoPath>, Error> {
    Ok(Demands::of(dir, receipt)?.files.into_keys().collect())
}

/// Compares a directory with a receipt or its own manifest.
pub(super) fn compare(
    model: &ModelRef,
    tier: &Tier,
    dir: &Path,
    receipt: Option<&Receipt>,
    observe: &mut Observe<'_>,
) -> Result<VerifyReport, Error> {
    let demands = Demands::of(dir, receipt)?;
    let mut states = BTreeMap::new();
    let mut hashed = Vec::new();
    for (path, demand) in &demands.files {
        match (look(dir, receipt, path, demand), demand) {
            (None, Demand::Digest(expected)) => hashed.push((path, *expected)),
            (state, _) => drop(states.insert(path, state.unwrap_or(FileState::Ok))),
        }
    }
    let bytes_hashed = hashed.iter().map(|(_, expected)| expected.size).sum();
    let began = VerifyEvent::Began { model, path: dir, files: hashed.len(), bytes: bytes_hashed };
    if observe(&began).is_break() {
        return Err(net::Error::Cancelled.into());
    }
    states.extend(hash(dir, receipt, &hashed, observe)?);
    let known = states.into_iter().map(|(path, state)| FileReport { path: path.as_str().to_owned(), state });
    let mut files: Vec<_> = known.chain(others(dir, &demands)).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(VerifyReport {
        model: model.clone(),
        tier: tier.clone(),
        path: dir.to_path_buf(),
        basis: demands.basis,
        proof: receipt.and_then(|receipt| receipt.proof),
        files,
        bytes_hashed,
    })
}

/// Hashes files on all cores.
fn hash<'a>(
    dir: &Path,
    receipt: Option<&Receipt>,
    files: &[(&'a RepoPath, Expected)],
    observe: &mut Observe<'_>,
) -> Result<Vec<(&'a RepoPath, FileState)>, Error> {
    let on_disk: Vec<_> = files.iter().map(|(path, expected)| (path.under(dir), *expected)).collect();
    let (mut states, mut outcome) = (Vec::with_capacity(files.len()), ControlFlow::Continue(()));
    shard_fetch::verify_files(&on_disk, None, |place, verdict| {
        if let Some((path, expected)) = files.get(place) {
            let state = state_of(dir, receipt, path, verdict);
            outcome = observe(&VerifyEvent::Checked { file: path, size: expected.size, state: &state });
            states.push((*path, state));
        }
        outcome
    })?;
    if outcome.is_break() { Err(net::Error::Cancelled.into()) } else { Ok(states) }
}
