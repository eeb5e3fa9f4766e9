//! What a hostile hub or neighbour creates. Attacks use it against the program, and a benchmark measures
//! its cost.

use anyhow::{Context as _, Result};
use local_hub::{ModelFixture, packet, reference_list};
use sha2::{Digest as _, Sha256};

/// git's id of the empty tree.
pub(crate) const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// A model with this many additional small files.
pub(crate) fn crowded(id: &str, files: usize) -> ModelFixture {
    (0..files).fold(ModelFixture::new(id), |fixture, number| {
        fixture.plain_file(&format!("notes/{}/{number}", number % 100), number.to_string())
    })
}

/// The contents of a commit with this tree.
pub(crate) fn commit_of(tree: &str) -> String {
    format!("tree {tree}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n")
}

/// git's list of references with one branch, followed by these lines.
pub(crate) fn long_list(tip: &str, lines: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut list = reference_list(tip, "ofs-delta");
    // Without the final flush packet.
    list.truncate(list.len() - 4);
    lines.into_iter().for_each(|line| list.extend(packet(line.as_bytes())));
    list.extend(b"0000");
    list
}

const RECORD: usize = 24;

/// The journal of an unfinished file, with its spans replaced by `spans` separate bytes, last one first.
pub(crate) fn forged_journal(journal: &[u8], spans: u64) -> Result<Vec<u8>> {
    // The header consists of magic, version and size; then a flag for each digest, and the digests.
    let marks = journal.get(25).context("a journal has a head")?;
    let head = 26 + 16 * usize::from(marks & 1) + 32 * usize::from(marks >> 1 & 1);
    let head = journal.get(..head).context("a journal has a head")?;
    let mut forged = head.to_vec();
    for place in 0..spans {
        let start = (spans - place) * 3;
        let record = [start.to_le_bytes(), (start + 1).to_le_bytes()].concat();
        let digest = Sha256::new().chain_update(head).chain_update(place.to_le_bytes());
        let digest = digest.chain_update(&record).finalize();
        forged.extend(record.iter().chain(digest.iter()).take(RECORD));
    }
    Ok(forged)
}
