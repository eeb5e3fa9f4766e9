//! Files that already exist: in the pool, in the entry being repaired, or in another entry of the
//! cache. None counts before this run has hashed it, whatever an earlier run did: a bit may have
//! flipped since, and a power failure may leave zeros.

use std::collections::{HashMap, HashSet};
use std::error::Error as _;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache_layout::{Purpose, Receipt, Run};
use shard_fetch::{Expected, verify_files};
use url_parse::RepoPath;
use weight_store::{BlobId, BlobPlace};

use super::work::Work;
use crate::lease::Lease;
use crate::plan::RemoteFile;
use crate::store_set::StoreSet;
use crate::stores::StoreAnswer;
use crate::{Error, Event};

/// An existing file with the right size.
pub(super) struct There {
    file: RemoteFile,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Pool,
    /// In the entry.
    Entry(PathBuf),
    /// In another entry of the cache. It must be copied, so that edits of one do not affect the other.
    Donor(PathBuf),
    /// In a store in a folder, whose files people may edit too.
    Store(PathBuf),
    /// A link in the entry. People move shards to another disk; a relative link may only be valid in
    /// the entry's place.
    Link(PathBuf),
}

/// The directory being repaired, and the digests in its receipt.
struct Entry<'a> {
    dir: PathBuf,
    digests: HashMap<&'a RepoPath, [u8; 32]>,
}

impl<'a> Entry<'a> {
    fn new(dir: PathBuf, receipt: Option<&'a Receipt>) -> Self {
        let files = receipt.into_iter().flat_map(|receipt| &receipt.files);
        Self { dir, digests: files.filter_map(|file| Some((&file.path, file.sha256?))).collect() }
    }
}

/// Why an existing file cannot be used.
pub(super) type Unfit = (RemoteFile, shard_fetch::Error);

impl There {
    pub(super) fn in_pool(file: RemoteFile) -> Self {
        Self { file, place: Place::Pool }
    }

    pub(super) fn path(&self) -> &RepoPath {
        &self.file.path
    }

    /// Whether it is the model's own, rather than found elsewhere.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.place, Place::Pool | Place::Entry(_) | Place::Link(_))
    }

    fn find(run: &Run, entry: Option<&Entry<'_>>, file: &RemoteFile) -> Option<Self> {
        if run.pooled(&file.content) == Some(file.expected.size) {
            return Some(Self::in_pool(file.clone()));
        }
        let entry = entry?;
        if sha256(file).is_some_and(|wanted| entry.digests.get(&file.path).is_some_and(|had| *had != wanted))
        {
            return None;
        }
        let old = file.path.under(&entry.dir);
        // Most damage shows in the size, before anything is read.
        let found = fs::metadata(&old).ok().filter(fs::Metadata::is_file)?;
        let place = if old.is_symlink() { Place::Link(old) } else { Place::Entry(old) };
        (found.len() == file.expected.size).then(|| Self { file: file.clone(), place })
    }

    /// The same for a file that must be copied.
    fn at_donor(file: RemoteFile, donor: PathBuf) -> Self {
        Self { file, place: Place::Donor(donor) }
    }

    /// Brings the file into the tree, unless it is a link. Returns the path to hash: a path outside the
    /// tree may refer to another file later.
    fn bring(&self, run: &Run, stopped: &AtomicBool) -> Result<Option<PathBuf>, Error> {
        let is_there = match &self.place {
            Place::Pool => place_pooled(run, &self.file)?.is_some(),
            Place::Entry(old) => run.adopt(old, &self.file.path).is_ok(),
            Place::Donor(donor) | Place::Store(donor) => {
                let copied = run.copy_in(donor, &self.file.path, &|| !stopped.load(Ordering::Relaxed));
                copied
                    .inspect_err(
                        |error| tracing::debug!(%error, "cannot copy a file from the cache or a store"),
                    )
                    .is_ok()
            }
            Place::Link(link) => return Ok(Some(link.clone())),
        };
        Ok(is_there.then(|| self.file.path.under(run.tree())))
    }

    /// Damage in another entry is not this model's concern.
    fn log_damage(&self, error: &shard_fetch::Error) {
        let file = &self.file.path;
        if let Place::Donor(donor) = &self.place {
            let donor = url_parse::shown(donor);
            tracing::debug!(%file, %donor, %error, "a file of another model is damaged");
        } else {
            let is_stores = matches!(self.place, Place::Store(_));
            tracing::warn!(%file, is_stores, %error, "a found file is damaged");
        }
    }

    /// Decides what to do with the file after hashing. Returns whether it is in the tree.
    fn settle(&self, run: &Run, is_right: bool) -> Result<bool, Error> {
        match &self.place {
            Place::Link(link) => Ok(is_right && run.adopt_own(link).is_ok()),
            Place::Pool | Place::Entry(_) | Place::Donor(_) | Place::Store(_) if is_right => Ok(true),
            place => {
                run.discard(&self.file.path, (*place == Place::Pool).then_some(&self.file.content))?;
                Ok(false)
            }
        }
    }
}

impl Work {
    /// The files that exist with the right sizes, and those that do not.
    pub(super) async fn what_is_there(
        &self,
        files: &[RemoteFile],
    ) -> Result<(Vec<There>, Vec<RemoteFile>), Error> {
        let (planned, mended) = (files.to_vec(), self.mended.clone());
        let (mut there, missing) = self
            .lease
            .on_disk(move |lease, run| {
                let entry = match lease.purpose {
                    // A REDO fetches existing files again.
                    Purpose::Redo => None,
                    Purpose::Fresh | Purpose::Repair => lease.existing_entry(),
                };
                let entry = entry.map(|dir| Entry::new(dir, mended.as_deref()));
                let (mut there, mut missing) = (Vec::new(), Vec::new());
                for file in planned {
                    match There::find(run, entry.as_ref(), &file) {
                        Some(found) => there.push(found),
                        None => missing.push(file),
                    }
                }
                Ok((there, missing))
            })
            .await?;
        let missing = self.find_elsewhere(missing, &mut there).await?;
        Ok((there, missing))
    }

    /// Finds files in other models of the cache and in stores in folders; returns the rest.
    pub(super) async fn find_elsewhere(
        &self,
        missing: Vec<RemoteFile>,
        there: &mut Vec<There>,
    ) -> Result<Vec<RemoteFile>, Error> {
        let found = self.lease.on_disk(move |lease, _| {
            let mut found = Vec::new();
            let is_redo = lease.purpose == Purpose::Redo;
            let missing = if is_redo { missing } else { find_donors(lease, missing, &mut found) };
            Ok((found, missing))
        });
        let (found, missing) = found.await?;
        there.extend(found);
        self.find_stored(missing, there).await
    }

    /// Finds files in stores in folders; returns the rest.
    pub(super) async fn find_stored(
        &self,
        mut missing: Vec<RemoteFile>,
        there: &mut Vec<There>,
    ) -> Result<Vec<RemoteFile>, Error> {
        for (number, store) in self.stores.in_use().filter(|(_, store)| store.url().folder().is_some()) {
            let mut candidates = Vec::new();
            for file in missing {
                let place = match sha256(&file).map(BlobId::from_bytes) {
                    Some(blob) => {
                        self.stores.asks(number, &file.path, store.shown_blob(&blob));
                        Some(store.locate(&blob).await?)
                    }
                    None => None,
                };
                candidates.push((file, place));
            }
            let stores = Arc::clone(&self.stores);
            let (found, rest) = self.lease.on_disk(move |_, _| Ok(stored(candidates, &stores))).await?;
            for file in &rest {
                self.stores.answered(&file.path, StoreAnswer::Miss);
            }
            there.extend(found);
            missing = rest;
        }
        Ok(missing)
    }

    /// Takes existing files into the tree, verified, and reports them. Returns those that must be
    /// fetched after all, and how many bytes came from stores.
    pub(super) async fn reuse(&self, there: Vec<There>) -> Result<(Vec<RemoteFile>, u64), Error> {
        if there.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let stored = there.iter().filter(|there| matches!(there.place, Place::Store(_)));
        let mut stored: HashMap<RepoPath, u64> =
            stored.map(|there| (there.file.path.clone(), there.file.expected.size)).collect();
        let (files, bytes) = (there.len(), there.iter().map(|there| there.file.expected.size).sum::<u64>());
        self.observer().on_event(&Event::Checking { files, bytes });
        let unfit: Vec<_> = self.check(there).await?.into_iter().map(|(file, _)| file).collect();
        let (files, bytes) =
            (files - unfit.len(), bytes - unfit.iter().map(|file| file.expected.size).sum::<u64>());
        tracing::info!(files, bytes, "reusing verified files");
        self.observer().on_event(&Event::Reused { files, bytes });
        for RemoteFile { path, .. } in &unfit {
            if stored.remove(path).is_some() {
                self.stores.note_wrong(path);
                self.stores.warn_of_wrong_file(path);
                self.stores.answered(path, StoreAnswer::Miss);
            }
        }
        for path in stored.keys() {
            self.stores.answered(path, StoreAnswer::Hit);
        }
        Ok((unfit, stored.values().sum()))
    }

    /// Brings files into the tree and hashes them there, on all cores. Returns those with wrong
    /// content, which are removed from the tree and the pool.
    pub(super) async fn check(&self, there: Vec<There>) -> Result<Vec<Unfit>, Error> {
        if there.is_empty() {
            return Ok(Vec::new());
        }
        let stop = StopOnDrop::default();
        let stopped = Arc::clone(&stop.0);
        self.lease.on_disk(move |_, run| check(run, there, &stopped)).await
    }
}

/// Those that exist with the right size, and the rest.
fn stored(
    candidates: Vec<(RemoteFile, Option<BlobPlace>)>,
    stores: &StoreSet,
) -> (Vec<There>, Vec<RemoteFile>) {
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    for (file, place) in candidates {
        let path = if let Some(BlobPlace::File(path)) = place { Some(path) } else { None };
        let size = path.as_ref().and_then(|path| fs::metadata(path).ok()).filter(fs::Metadata::is_file);
        match (path, size.map(|found| found.len())) {
            (Some(path), Some(size)) if size == file.expected.size => {
                found.push(There { file, place: Place::Store(path) });
            }
            (_, size) => {
                if size.is_some() {
                    stores.note_wrong(&file.path);
                    stores.warn_of_wrong_file(&file.path);
                }
                rest.push(file);
            }
        }
    }
    (found, rest)
}

/// Finds files in other entries of the cache; returns the rest.
fn find_donors(lease: &Lease, missing: Vec<RemoteFile>, there: &mut Vec<There>) -> Vec<RemoteFile> {
    let (donors, entry) = (donors(lease, missing.iter()), lease.existing_entry());
    // A file in the entry itself has been considered already.
    let is_itself =
        |donor: &Path, file: &RemoteFile| entry.as_ref().is_some_and(|dir| file.path.under(dir) == donor);
    let mut left = Vec::new();
    for file in missing {
        match donor(&donors, &file).filter(|donor| !is_itself(donor, &file)) {
            Some(donor) => there.push(There::at_donor(file, donor.clone())),
            None => left.push(file),
        }
    }
    left
}

/// Where the cache has files with these contents, by SHA-256.
pub(super) fn donors<'a>(
    lease: &Lease,
    files: impl Iterator<Item = &'a RemoteFile>,
) -> HashMap<[u8; 32], PathBuf> {
    let wanted: HashSet<_> = files.filter_map(|file| Some((sha256(file)?, file.expected.size))).collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    lease.layout.donors(&wanted, &|| lease.go_on().is_ok())
}

pub(super) fn donor<'a>(donors: &'a HashMap<[u8; 32], PathBuf>, file: &RemoteFile) -> Option<&'a PathBuf> {
    donors.get(&sha256(file)?)
}

fn sha256(file: &RemoteFile) -> Option<[u8; 32]> {
    file.expected.sha256.map(|digest| *digest.as_bytes())
}

fn check(run: &Run, there: Vec<There>, stopped: &AtomicBool) -> Result<Vec<Unfit>, Error> {
    let places = there.iter().map(|file| file.bring(run, stopped)).collect::<Result<Vec<_>, Error>>()?;
    // A file that has vanished is noticed later, where it is missing.
    let to_hash: Vec<(PathBuf, Expected)> = there
        .iter()
        .zip(places)
        .map(|(there, place)| {
            (place.unwrap_or_else(|| there.file.path.under(run.tree())), there.file.expected)
        })
        .collect();
    let mut verdicts: Vec<Option<shard_fetch::Error>> = there.iter().map(|_| None).collect();
    verify_files(&to_hash, None, |place, verdict| {
        if let (Some(slot), Err(error)) = (verdicts.get_mut(place), verdict) {
            *slot = Some(error);
        }
        if stopped.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if stopped.load(Ordering::Relaxed) {
        return Err(net::Error::Cancelled.into());
    }
    let mut unfit = Vec::new();
    for (there, error) in there.into_iter().zip(verdicts) {
        if let Some(error) = &error {
            there.log_damage(error);
        }
        if !there.settle(run, error.is_none())? {
            unfit.push((there.file, error.unwrap_or(net::Error::Cancelled.into())));
        }
    }
    Ok(unfit)
}

/// Stops the hashing when its result is no longer wanted.
#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Puts a file of the pool into the tree; `None` if it is in neither. Returns whether the current user
/// owns it.
pub(super) fn place_pooled(run: &Run, file: &RemoteFile) -> Result<Option<bool>, Error> {
    // Also if it is the user's own link, whose target is only valid from the model's directory.
    if fs::symlink_metadata(file.path.under(run.tree())).is_ok() {
        return Ok(Some(true));
    }
    if run.pooled(&file.content) != Some(file.expected.size) {
        return Ok(None);
    }
    match run.place(&file.content, &file.path) {
        Ok(is_own) => Ok(Some(is_own)),
        // It was removed just now; another run may have brought it back since.
        Err(error) if run.pooled(&file.content).is_none() || found_nothing(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn found_nothing(error: &cache_layout::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}
