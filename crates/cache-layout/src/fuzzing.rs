//! For tests/fuzz: notes that another user of the machine may have written.

use std::path::PathBuf;

use crate::Holder;
use crate::staging::{Note, named_scratch};

/// The holder according to the note beside a lock.
pub fn holder(note: &[u8]) -> Option<Holder> {
    Holder::parse(note)
}

/// Parses a run's note and writes it again.
pub fn run_note(note: &[u8]) -> Option<Vec<u8>> {
    Note::parse(note).ok().map(|note| note.to_json())
}

/// The scratch folder of this name in a run's record.
pub fn scratch(record: &[u8], name: &str) -> Option<PathBuf> {
    named_scratch(record, name).map(|place| place.path().to_path_buf())
}
