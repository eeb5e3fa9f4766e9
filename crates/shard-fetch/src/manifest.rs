//! The manifest of a model: its shards with their sizes and digests.

mod raw;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use url_parse::RepoPath;

use crate::error::{OldForm, Place};
use crate::json::{Scalar, Shape};
use crate::{CHAT_CONFIG_NAME, Error, Md5Digest};
use raw::{RawManifest, RawRecord, Records};

/// The two names of a manifest, the current one first. Models converted before September 2025 have the
/// other.
pub const MANIFEST_NAMES: [&str; 2] = ["tensor-cache.json", "ndarray-cache.json"];

/// The largest `nbytes` that every JSON reader represents exactly.
const MAX_SHARD_BYTES: u64 = 1 << 53;

/// The validated content of `tensor-cache.json` or `ndarray-cache.json`.
///
/// The file is untrusted. In a `Manifest`, every path is inside the model's folder, no two records
/// share a path, no record's path is a folder of another's, and none is the manifest or the chat
/// config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    records: Vec<ShardRecord>,
    total_bytes: u64,
}

/// One shard: a file with the data of one or more tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardRecord {
    /// The path in the model's folder (`dataPath`).
    pub path: RepoPath,
    /// Its size in bytes (`nbytes`).
    pub size: u64,
    /// Its MD5 (`md5sum`); models converted before November 2023 have none.
    pub md5: Option<Md5Digest>,
}

impl Manifest {
    /// Parses a manifest; `name` is the file's name, for messages.
    ///
    /// Unknown fields and the description of tensors are ignored. `md5sum` may be missing, null or
    /// blank. A record that repeats an earlier one is merged with it.
    ///
    /// # Errors
    ///
    /// Says which record (`records[3]`, counted from 0) and field cannot be used and why. Also refused
    /// are manifests without records or with more than 100,000, and the two forms that
    /// were written before March 2023.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self, Error> {
        let reader = ManifestReader { name };
        let records = reader.records(crate::json::parse(name, bytes)?)?;
        let records = records
            .iter()
            .enumerate()
            .map(|(index, raw)| reader.record(index, raw))
            .collect::<Result<Vec<_>, _>>()?;
        let records = reader.fold_repeated(records)?;
        let total_bytes = records.iter().try_fold(0_u64, |sum, record| sum.checked_add(record.size));
        let total_bytes = total_bytes.ok_or_else(|| Error::ManifestTooLong { name: name.to_owned() })?;
        Ok(Self { records, total_bytes })
    }

    /// The shards in the manifest's order, each path once; at least one.
    pub fn records(&self) -> &[ShardRecord] {
        &self.records
    }

    /// The total size of all shards. (The manifest's own `ParamBytes` is something else: the size in
    /// memory.)
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}

/// Converts raw fields to validated values; knows the file's name for messages.
#[derive(Clone, Copy)]
struct ManifestReader<'a> {
    name: &'a str,
}

impl ManifestReader<'_> {
    fn invalid(self, place: Place, found: &impl ToString, expected: &'static str) -> Error {
        Error::InvalidField { name: self.name.to_owned(), place, found: found.to_string(), expected }
    }

    fn old(self, form: OldForm) -> Error {
        Error::OldManifest { name: self.name.to_owned(), form }
    }

    fn records(self, top: RawManifest) -> Result<Vec<RawRecord>, Error> {
        let manifest = match top {
            Shape::Object(manifest) => manifest,
            Shape::List(list) if list.starts_with_object => return Err(self.old(OldForm::BareList)),
            other => return Err(self.invalid(Place::TOP, &other, "an object with a list `records`")),
        };
        let records = match manifest.records {
            Some(Records::List(records)) => records.all(self.name, Place::field("records"))?,
            other => {
                return Err(self.invalid(
                    Place::field("records"),
                    &found(other.as_ref()),
                    "a list of objects",
                ));
            }
        };
        if records.is_empty() {
            return Err(Error::NoRecords { name: self.name.to_owned() });
        }
        Ok(records)
    }

    fn record(self, index: usize, raw: &RawRecord) -> Result<ShardRecord, Error> {
        let fields = match raw {
            Shape::Object(fields) => fields,
            other => return Err(self.invalid(Place::record(index), other, "an object")),
        };
        if fields.nbytes.is_none() && fields.data_path.is_some() {
            return Err(self.old(OldForm::RecordWithoutSize { index }));
        }
        Ok(ShardRecord {
            path: self.path(index, fields.data_path.as_ref())?,
            size: self.nbytes(index, fields.nbytes.as_ref())?,
            md5: self.md5(index, fields.md5sum.as_ref())?,
        })
    }

    fn path(self, index: usize, value: Option<&crate::json::Loose>) -> Result<RepoPath, Error> {
        let place = Place::record_field(index, "dataPath");
        let Some(Shape::Scalar(Scalar::Text(text))) = value else {
            return Err(self.invalid(place, &found(value), "the path of a file"));
        };
        let path = text.parse::<RepoPath>().map_err(|source| Error::UnsafePath {
            name: self.name.to_owned(),
            place,
            source,
        })?;
        if is_metadata_name(path.as_str()) {
            return Err(Error::ReservedPath { name: self.name.to_owned(), place, path });
        }
        Ok(path)
    }

    fn nbytes(self, index: usize, value: Option<&crate::json::Loose>) -> Result<u64, Error> {
        let nbytes = match value {
            Some(Shape::Scalar(Scalar::Unsigned(nbytes))) => Some(*nbytes),
            Some(Shape::Scalar(Scalar::Float(nbytes))) => whole(*nbytes),
            _ => None,
        };
        nbytes.filter(|nbytes| *nbytes <= MAX_SHARD_BYTES).ok_or_else(|| {
            let place = Place::record_field(index, "nbytes");
            self.invalid(place, &found(value), "a whole number of bytes from 0 to 2^53")
        })
    }

    fn md5(self, index: usize, value: Option<&crate::json::Loose>) -> Result<Option<Md5Digest>, Error> {
        match value {
            None | Some(Shape::Scalar(Scalar::Null)) => return Ok(None),
            Some(Shape::Scalar(Scalar::Text(text))) if text.trim().is_empty() => return Ok(None),
            Some(Shape::Scalar(Scalar::Text(text))) => text.parse().ok(),
            Some(_) => None,
        }
        .map(Some)
        .ok_or_else(|| {
            self.invalid(Place::record_field(index, "md5sum"), &found(value), "32 hexadecimal digits")
        })
    }

    /// Each path once. Refuses a record that contradicts an earlier one, or that needs a folder where
    /// another has a file.
    fn fold_repeated(self, records: Vec<ShardRecord>) -> Result<Vec<ShardRecord>, Error> {
        let mut first_with: HashMap<RepoPath, usize> = HashMap::with_capacity(records.len());
        let mut repeated = vec![false; records.len()];
        for (index, record) in records.iter().enumerate() {
            let first = *first_with.entry(record.path.clone()).or_insert(index);
            if records.get(first) != Some(record) {
                return Err(self.conflict(first, index, &record.path));
            }
            if let Some(mark) = repeated.get_mut(index) {
                *mark = first != index;
            }
        }
        self.refuse_files_as_folders(&first_with)?;
        let kept = records.into_iter().zip(repeated).filter(|(_, repeated)| !repeated);
        Ok(kept.map(|(record, _)| record).collect())
    }

    /// Paths below a file follow it in sorted order, and are searched there: a path can have two
    /// thousand parent folders, too many to look each of them up.
    fn refuse_files_as_folders(self, index_of: &HashMap<RepoPath, usize>) -> Result<(), Error> {
        let mut paths: Vec<_> = index_of.iter().collect();
        paths.sort_unstable();
        for (file, first) in &paths {
            let folder = format!("{}/", file.as_str());
            let next = paths.partition_point(|(path, _)| path.as_str() < folder.as_str());
            if let Some((path, second)) = paths.get(next)
                && path.as_str().starts_with(&folder)
            {
                return Err(self.conflict(**first, **second, path));
            }
        }
        Ok(())
    }

    fn conflict(self, first: usize, second: usize, path: &RepoPath) -> Error {
        Error::ConflictingRecords { name: self.name.to_owned(), first, second, path: path.clone() }
    }
}

/// A size written as a float, as Python does after a division.
fn whole(nbytes: f64) -> Option<u64> {
    // A whole float has no further digits in this form.
    (nbytes.fract() == 0.0).then(|| format!("{nbytes:.0}").parse().ok())?
}

/// A field's value as shown in a message.
fn found<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "missing".to_owned(), ToString::to_string)
}

/// Whether a shard of this name would replace a file that describes the model. Some file systems are
/// case-insensitive.
fn is_metadata_name(path: &str) -> bool {
    MANIFEST_NAMES.iter().chain(&[CHAT_CONFIG_NAME]).any(|name| name.eq_ignore_ascii_case(path))
}
