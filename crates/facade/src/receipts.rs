//! Finds the receipt that describes a directory.

use std::fs::Metadata;
use std::path::Path;

use cache_layout::{CacheLayout, Receipt, Slot};
use shard_fetch::{Expected, MANIFEST_NAMES, MAX_METADATA_BYTES, Sha256Digest, verify_file};

/// The receipt that describes this directory, which another program may have replaced since.
pub(crate) fn receipt_about(layout: &CacheLayout, slot: &Slot, dir: &Path) -> Option<Receipt> {
    let (tier, _) = slot.candidates().find(|(_, candidate)| *candidate == dir)?;
    layout.receipts_in(slot, tier).into_iter().find(|receipt| is_about(receipt, dir))
}

fn is_about(receipt: &Receipt, dir: &Path) -> bool {
    let sha256 = Some(Sha256Digest::from_bytes(receipt.manifest_sha256));
    let is_manifest = |name: &&str| {
        let path = dir.join(name);
        let found = std::fs::metadata(&path).ok().filter(Metadata::is_file);
        let size = found.map(|found| found.len()).filter(|size| *size <= MAX_METADATA_BYTES);
        size.is_some_and(|size| verify_file(&path, &Expected { size, md5: None, sha256 }).is_ok())
    };
    MANIFEST_NAMES.iter().any(is_manifest)
}
