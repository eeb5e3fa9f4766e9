//! For tests/fuzz: the notes that neighbours on the machine may have written.

use std::path::PathBuf;

use crate::Holder;
use crate::staging::{Note, named_scratch};

/// Who a note beside a lock says holds it.
pub fn holder(note: &[u8]) -> Option<Holder> {
    Holder::parse(note)
}

/// The note of a run, written again.
pub fn run_note(note: &[u8]) -> Option<Vec<u8>> {
    Note::parse(note).ok().map(|note| note.to_json())
}

/// The scratch folder of this name that a run's record names.
pub fn scratch(record: &[u8], name: &str) -> Option<PathBuf> {
    named_scratch(record, name).map(|place| place.path().to_path_buf())
}
