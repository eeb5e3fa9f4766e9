//! Damage to files of a cache: flipped bits and edits.

use std::fs;
use std::path::Path;

/// The size does not change, so only a digest reveals it.
pub(crate) fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[17] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Adds a setting to a model's configuration. Returns the new text.
pub(crate) fn edit_config(entry: &Path) -> String {
    let path = entry.join("mlc-chat-config.json");
    let text = fs::read_to_string(&path).unwrap().replacen('{', "{ \"my_own\": 1,", 1);
    fs::write(path, &text).unwrap();
    text
}
