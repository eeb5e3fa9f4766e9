//! What happens to files of a cache: bits that flip, and people who edit.

use std::fs;
use std::path::Path;

/// The size stays, so that only a digest shows it.
pub(crate) fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[17] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Adds a setting to a model's configuration. Returns its new text.
pub(crate) fn edit_config(entry: &Path) -> String {
    let path = entry.join("mlc-chat-config.json");
    let text = fs::read_to_string(&path).unwrap().replacen('{', "{ \"my_own\": 1,", 1);
    fs::write(path, &text).unwrap();
    text
}
