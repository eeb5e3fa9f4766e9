//! Caches that tests create, inspect and damage directly.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::PublishedModel;

/// Where a tier keeps a model.
pub fn entry_in(tier: &Path, model: &PublishedModel) -> PathBuf {
    tier.join("hf").join(&model.user).join(&model.repo)
}

/// Copies a model into a tier, as another program would. Returns its folder.
pub fn lay_out(model: &PublishedModel, tier: &Path) -> PathBuf {
    let entry = entry_in(tier, model);
    for file in &model.files {
        let path = entry.join(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.bytes()).unwrap();
    }
    entry
}

/// All files and empty folders below a folder; empty if it does not exist.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        let below = if path.is_dir() && !path.is_symlink() { files_below(&path) } else { Vec::new() };
        if below.is_empty() { files.push(path) } else { files.extend(below) }
    }
    files.sort();
    files
}

/// A folder's address as a store. On Windows there is a third slash before the drive.
pub fn folder_url(folder: &Path) -> String {
    let path = folder.to_str().unwrap().replace('\\', "/");
    format!("file:///{}", path.trim_start_matches('/'))
}

/// Changes a file's content but not its size, so that only a digest reveals it.
pub fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[17] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Adds a setting to a model's configuration, as a user might. Returns the new text.
pub fn edit_config(entry: &Path) -> String {
    let path = entry.join("mlc-chat-config.json");
    let text = fs::read_to_string(&path).unwrap().replacen('{', "{ \"my_own\": 1,", 1);
    fs::write(path, &text).unwrap();
    text
}
