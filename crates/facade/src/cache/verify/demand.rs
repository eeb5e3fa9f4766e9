//! What each file of a model must be, as far as it is recorded.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use cache_layout::Receipt;
use shard_fetch::{
    CHAT_CONFIG_NAME, Expected, MANIFEST_NAMES, Manifest, Md5Digest, Sha256Digest, ShardRecord,
    read_metadata_file,
};
use url_parse::RepoPath;

use crate::Error;
use crate::cache::report::Basis;
use crate::edits::read_chat_config;
use crate::words::failure;

/// The requirement for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// It must have this content.
    Digest(Expected),
    /// It must exist, with this size if known.
    Presence {
        size: Option<u64>,
        /// Why nothing more is required.
        reason: &'static str,
    },
    /// It cannot be used, for this reason.
    Unusable(String),
}

/// The files that a directory must contain, and where that is recorded.
#[derive(Debug)]
pub(super) struct Demands {
    pub(super) basis: Basis,
    pub(super) files: BTreeMap<RepoPath, Demand>,
}

/// It exists, and nothing more is known.
const PRESENCE: Demand = Demand::Presence { size: None, reason: NO_RECEIPT };

const NO_RECEIPT: &str = "there is nothing to check it against: there is no receipt of a download";
const NO_DIGEST_IN_RECEIPT: &str = "its size is right; the receipt has no digest for it";
const NO_DIGEST_IN_MANIFEST: &str = "its size is right; the manifest has no digest for it";
const NOT_IN_COMMIT: &str = "the chat config names it; there is nothing to check it against";

impl Demands {
    /// According to the directory's receipt, or else its manifest.
    pub(super) fn of(dir: &Path, receipt: Option<&Receipt>) -> Result<Self, Error> {
        let mut demands = match receipt {
            Some(receipt) => Self::by_receipt(dir, receipt)?,
            None => Self::by_manifest(dir)?,
        };
        let lacking = receipt.map(|receipt| receipt.lacking.as_slice()).unwrap_or_default();
        let lacking: HashSet<_> = lacking.iter().collect();
        for file in tokenizer_files(dir).into_iter().filter(|file| !lacking.contains(file)) {
            let reason = if receipt.is_some() { NOT_IN_COMMIT } else { NO_RECEIPT };
            demands.files.entry(file).or_insert(Demand::Presence { size: None, reason });
        }
        Ok(demands)
    }

    fn by_receipt(dir: &Path, receipt: &Receipt) -> Result<Self, Error> {
        let mut files: BTreeMap<RepoPath, Demand> = receipt
            .files
            .iter()
            .map(|file| {
                let (md5, sha256) =
                    (file.md5.map(Md5Digest::from_bytes), file.sha256.map(Sha256Digest::from_bytes));
                let demand = if md5.is_some() || sha256.is_some() {
                    Demand::Digest(Expected { size: file.size, md5, sha256 })
                } else {
                    Demand::Presence { size: Some(file.size), reason: NO_DIGEST_IN_RECEIPT }
                };
                (file.path.clone(), demand)
            })
            .collect();
        // The newer name that was added to an old model's manifest.
        let [newer, older] = MANIFEST_NAMES.map(str::parse::<RepoPath>);
        let (newer, older) = (newer?, older?);
        if let Some(demand) = files.get(&older).cloned()
            && !files.contains_key(&newer)
            && fs::symlink_metadata(newer.under(dir)).is_ok()
        {
            files.insert(newer, demand);
        }
        Ok(Self { basis: Basis::Receipt { commit: receipt.commit }, files })
    }

    fn by_manifest(dir: &Path) -> Result<Self, Error> {
        let mut files = BTreeMap::from([(CHAT_CONFIG_NAME.parse()?, chat_config(dir))]);
        let found = MANIFEST_NAMES.iter().find_map(|name| Some((*name, read_metadata_file(dir, name)?)));
        let [newer, _] = MANIFEST_NAMES;
        let (name, manifest) = match found {
            Some((name, bytes)) => (name, bytes.and_then(|bytes| Manifest::parse(&bytes, name)).map(Some)),
            None => (newer, Ok(None)),
        };
        let (basis, demand) = match &manifest {
            Ok(Some(_)) => (Basis::Manifest, PRESENCE),
            Ok(None) => (Basis::Nothing, PRESENCE),
            Err(error) => (Basis::Nothing, unusable(error)),
        };
        files.insert(name.parse()?, demand);
        if let Ok(Some(manifest)) = manifest {
            files.extend(manifest.records().iter().map(|record| (record.path.clone(), shard(record))));
        }
        Ok(Self { basis, files })
    }
}

fn shard(record: &ShardRecord) -> Demand {
    match record.md5 {
        Some(_) => Demand::Digest(Expected { size: record.size, md5: record.md5, sha256: None }),
        None => Demand::Presence { size: Some(record.size), reason: NO_DIGEST_IN_MANIFEST },
    }
}

fn chat_config(dir: &Path) -> Demand {
    match read_chat_config(dir) {
        None | Some(Ok(_)) => PRESENCE,
        Some(Err(error)) => unusable(&error),
    }
}

/// The files that the chat config names; none if it is unreadable, which is reported for the config
/// itself.
fn tokenizer_files(dir: &Path) -> Vec<RepoPath> {
    let config = read_chat_config(dir).and_then(Result::ok);
    config.map(|config| config.tokenizer_files().to_vec()).unwrap_or_default()
}

fn unusable(error: &shard_fetch::Error) -> Demand {
    Demand::Unusable(failure(error))
}
