//! What a hostile hub or neighbour makes. Attacks let it loose on the program; a benchmark measures what it costs.

use anyhow::{Context as _, Result};
use local_hub::{ModelFixture, packet, reference_list};
use sha2::{Digest as _, Sha256};

/// git's name of a tree without entries.
pub(crate) const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// So many small files besides what every model has.
pub(crate) fn crowded(id: &str, files: usize) -> ModelFixture {
    (0..files).fold(ModelFixture::new(id), |fixture, number| {
        fixture.plain_file(&format!("notes/{}/{number}", number % 100), number.to_string())
    })
}

/// The contents of a commit with this tree.
pub(crate) fn commit_of(tree: &str) -> String {
    format!("tree {tree}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n")
}

/// git's list of references with one branch, and these lines after it.
pub(crate) fn long_list(tip: &str, lines: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut list = reference_list(tip, "ofs-delta");
    // Without the packet that ends it.
    list.truncate(list.len() - 4);
    lines.into_iter().for_each(|line| list.extend(packet(line.as_bytes())));
    list.extend(b"0000");
    list
}

const RECORD: usize = 24;

/// The journal of an unfinished file with so many other spans in it: single bytes that do not touch, the last first.
pub(crate) fn forged_journal(journal: &[u8], spans: u64) -> Result<Vec<u8>> {
    // The magic, the version and the size; then a mark for each digest, and the digests.
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
