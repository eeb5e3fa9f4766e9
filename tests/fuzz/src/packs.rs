//! Packs: arbitrary bytes, and packs built from objects so that deeper code is reached.
//!
//! Whatever passes must be accepted by libgit2 too, and unpack within the limits.
#![expect(clippy::expect_used, reason = "a target that panics has found something")]

use std::io::{Cursor, Write as _};
use std::path::Path;

use git2::Indexer;
use hf_transport::pack::{Limits, scan};
use local_hub::{PackBuilder, delta, seal};

/// The limit on unpacking; libFuzzer watches the memory.
const BYTES: u64 = 16 << 20;

/// Arbitrary bytes, followed by a correct checksum.
pub(crate) fn sealed(data: &[u8]) {
    check(data);
    let mut pack = seal(data.to_vec());
    check(&pack);
    pack.push(0);
    assert!(scan(&mut Cursor::new(&pack), &Limits::new(BYTES), &|| false).is_err(), "bytes follow the end");
}

/// Each object is described by a byte for its kind, two for its length, and its contents or a delta.
pub(crate) fn built(mut data: &[u8]) {
    let mut pack = PackBuilder::default();
    let mut places = Vec::new();
    while let Some(([kind, low, high], rest)) = data.split_first_chunk::<3>() {
        let length = usize::from(*low) | usize::from(high & 3) << 8;
        let (content, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        data = rest;
        let base = places.get(usize::from(kind >> 3) % places.len().max(1)).copied();
        let place = match (kind & 7, base) {
            (5 | 6, Some(base)) => pack.delta_at(base, content),
            // With sizes that are right for a base of one byte.
            (7, Some(base)) => pack.delta_at(base, &delta(1, 1, &[content.to_vec()])),
            (kind, _) => {
                let kind = ["commit", "tree", "blob", "tag"].get(usize::from(kind & 3)).copied();
                pack.whole(kind.unwrap_or("blob"), content)
            }
        };
        places.push(place);
    }
    check(&pack.finish());
}

/// In memory if the system has such a place, otherwise in the working folder.
fn scratch() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new(".") }
}

/// A pack that passes must be valid for libgit2 too.
fn check(pack: &[u8]) {
    if scan(&mut Cursor::new(pack), &Limits::new(BYTES), &|| false).is_err() {
        return;
    }
    let folder = tempfile::tempdir_in(scratch()).expect("a temporary folder");
    let mut indexer = Indexer::new(None, folder.path(), 0, false).expect("an indexer");
    indexer.write_all(pack).expect("libgit2 takes what passed");
    indexer.commit().expect("libgit2 takes what passed");
}
