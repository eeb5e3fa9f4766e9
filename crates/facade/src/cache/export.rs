//! Exports a model from the cache to another place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cache_layout::{CacheLayout, Export, Receipt, Slot};
use shard_fetch::free_bytes;
use url_parse::{ErrorKind, RepoPath};

use super::removal::not_in_cache;
use super::report::{FileState, VerifyReport};
use super::verify::{Observe, VerifyEvent, compare, demanded};
use crate::Error;
use crate::look::inspect;
use crate::receipts::receipt_about;

/// How an export creates its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportMode {
    /// As copies; by reflink, which takes no space, if the file system supports it.
    Copy,
    /// As hard links to the cache's files. These become read-only under both names, since a write to
    /// one would change the other.
    Link,
}

/// The result of an [export](crate::Cache::export).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The tree's absolute path.
    pub path: PathBuf,
    /// The number of the model's files in it.
    pub files: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// Whether nothing was done because the model was already there.
    pub was_there: bool,
}

pub(super) fn export(
    layout: &CacheLayout,
    slot: &Slot,
    to: &Path,
    mode: ExportMode,
    observe: &mut Observe<'_>,
) -> Result<Exported, Error> {
    refuse_inside(layout, to)?;
    let lookup = layout.look_up(slot, &|dir| inspect(layout, slot, dir))?;
    let hit = lookup.hit.ok_or_else(|| not_in_cache(slot))?;
    let receipt = receipt_about(layout, slot, &hit.path);
    let files = files(&hit.path, receipt.as_ref())?;
    let bytes = files.values().sum();
    let exported = |path, was_there| Exported { path, files: files.len() as u64, bytes, was_there };
    let export = match Export::begin(to, layout.durability()) {
        Ok(export) => export,
        Err(error) => {
            let cache_layout::Error::Occupied { path, is_folder: true, .. } = &error else {
                return Err(error.into());
            };
            let there = compare(slot.model(), &hit.tier, path, receipt.as_ref(), observe)?;
            let is_model = receipt.is_some() && there.is_sound() && !there.is_modified();
            return if is_model { Ok(exported(path.clone(), true)) } else { Err(error.into()) };
        }
    };
    fill(&export, slot, &hit.path, &files, to, mode, observe)?;
    require_sound(&compare(slot.model(), &hit.tier, export.tree(), receipt.as_ref(), observe)?)?;
    if mode == ExportMode::Link {
        files.keys().try_for_each(|file| export.protect(file))?;
    }
    Ok(exported(export.publish()?, false))
}

/// Puts the model's files into the tree.
fn fill(
    export: &Export,
    slot: &Slot,
    from: &Path,
    files: &BTreeMap<RepoPath, u64>,
    to: &Path,
    mode: ExportMode,
    observe: &mut Observe<'_>,
) -> Result<(), Error> {
    let (model, bytes) = (slot.model(), files.values().sum());
    let no_space = |free, source| {
        let (model, to) = (model.clone(), to.to_owned());
        Error::NoSpaceForCopy { model, to, needed: bytes, free, source }
    };
    let first = files.keys().next().map(|file| file.under(from));
    if mode == ExportMode::Copy
        && let Some(free) = free_bytes(export.tree()).filter(|free| *free < bytes)
        && !first.is_some_and(|file| export.can_reflink(&file))
    {
        return Err(no_space(Some(free), None));
    }
    for file in files.keys() {
        let from = file.under(from);
        if mode == ExportMode::Link {
            export.link(&from, file)?;
            continue;
        }
        let mut is_ended = false;
        let copied = export.copy(&from, file, &mut |copied| {
            is_ended = observe(&VerifyEvent::Copied { model, bytes: copied, of: bytes }).is_break();
            !is_ended
        });
        match copied {
            Err(_) if is_ended => return Err(net::Error::Cancelled.into()),
            Err(error) if error.kind() == ErrorKind::NoSpace => return Err(no_space(None, Some(error))),
            copied => copied?,
        }
    }
    Ok(())
}

pub(super) fn check(layout: &CacheLayout, to: &Path, mode: ExportMode) -> Result<(), Error> {
    refuse_inside(layout, to)?;
    let home = (mode == ExportMode::Link).then(|| layout.home());
    Ok(Export::check(to, home)?)
}

/// What is in a tier counts as a model of the cache, or is in the way of one.
fn refuse_inside(layout: &CacheLayout, to: &Path) -> Result<(), Error> {
    let place = resolved(to);
    let tier = layout.tiers().iter().find(|tier| place.starts_with(resolved(tier.path())));
    tier.map_or(Ok(()), |tier| {
        let (path, tier) = (to.to_owned(), tier.path().to_owned());
        Err(cache_layout::Error::InsideCache { path, tier }.into())
    })
}

/// Where a path leads, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = path.ancestors().find_map(|above| {
        let real = std::fs::canonicalize(above).ok()?;
        Some(real.join(path.strip_prefix(above).ok()?))
    });
    real.unwrap_or(path)
}

/// The model's files in a directory, with their sizes.
fn files(dir: &Path, receipt: Option<&Receipt>) -> Result<BTreeMap<RepoPath, u64>, Error> {
    let sized = demanded(dir, receipt)?.into_iter().filter_map(|file| {
        let found = std::fs::metadata(file.under(dir)).ok().filter(std::fs::Metadata::is_file)?;
        Some((file, found.len()))
    });
    Ok(sized.collect())
}

fn require_sound(report: &VerifyReport) -> Result<(), Error> {
    let wrong = report.files.iter().find_map(|file| match &file.state {
        FileState::Corrupt { problem } => Some(format!("{}: {problem}", file.path)),
        FileState::Missing => Some(format!("{} is missing", file.path)),
        _ => None,
    });
    wrong.map_or(Ok(()), |problem| Err(Error::Unsound { model: report.model.clone(), problem }))
}
