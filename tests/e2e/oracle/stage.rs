//! The folders of one row.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::rows::{Oracle, Row, tree_below};

/// A home, read-only tiers and local directories in the states that a row describes.
pub(super) struct RowStage {
    root: TempDir,
    pub(super) home: PathBuf,
    pub(super) tiers: Vec<PathBuf>,
    pub(super) scratch: PathBuf,
    local: PathBuf,
    /// The model's place in the writable tier.
    pub(super) entry: PathBuf,
    missed: Arc<AtomicBool>,
}

/// The content of the cache, by file and folder.
pub(super) struct Contents {
    pub(super) home: BTreeMap<String, Vec<u8>>,
    pub(super) read_only: Vec<BTreeMap<String, Vec<u8>>>,
    has_entry: bool,
}

impl RowStage {
    pub(super) fn new(oracle: &Oracle, row: &Row) -> Self {
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let folder = |name: &str| {
            let folder = root.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        };
        let home = folder("home");
        let tiers: Vec<_> = (0..row.read_only.len()).map(|index| folder(&format!("tier_{index}"))).collect();
        let (scratch, local) = (folder("scratch"), folder("local"));
        let entry = home.join("model_weights/hf/user/repo");
        for (tier, state) in tiers.iter().zip(&row.read_only) {
            make_entry(oracle, &tier.join("hf/user/repo"), state);
        }
        make_entry(oracle, &entry, &row.writable);
        make_entry(oracle, &local.join("whole"), "whole");
        make_entry(oracle, &local.join("no_config"), "no_config");
        fs::create_dir(local.join("only_config")).unwrap();
        fs::write(local.join("only_config/mlc-chat-config.json"), "{}").unwrap();
        Self { root, home, tiers, scratch, local, entry, missed: Arc::default() }
    }

    /// The row's URL, or its local path.
    pub(super) fn model(&self, row: &Row) -> String {
        row.url.replace("{local}", self.local.to_str().unwrap())
    }

    /// A file for messages between two processes.
    pub(super) fn mailbox(&self) -> PathBuf {
        self.root.path().join("mailbox")
    }

    /// The place of a returned path, in the recording's terms.
    pub(super) fn place(&self, path: &Path) -> String {
        if path == self.entry {
            return "writable".to_owned();
        }
        if let Some(index) = self.tiers.iter().position(|tier| path.starts_with(tier)) {
            return format!("read_only_{index}");
        }
        for (name, folder) in [("{local}", &self.local), ("{home}", &self.home)] {
            if let Ok(rest) = path.strip_prefix(folder) {
                return format!("{name}/{}", rest.to_str().unwrap().replace('\\', "/"));
            }
        }
        path.display().to_string()
    }

    pub(super) fn contents(&self) -> Contents {
        Contents {
            home: tree_below(&self.home),
            read_only: self.tiers.iter().map(|tier| tree_below(tier)).collect(),
            has_entry: self.entry.exists(),
        }
    }

    /// Call the result regularly during a download: it notices if an existing entry vanishes.
    pub(super) fn watch(&self) -> impl Fn() + Send + Sync + 'static {
        let (entry, missed, was_there) = (self.entry.clone(), Arc::clone(&self.missed), self.entry.exists());
        move || {
            if was_there && !entry.exists() {
                missed.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether the entry vanished while it was watched.
    pub(super) fn entry_was_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Contents {
    pub(super) fn has_entry(&self) -> bool {
        self.has_entry
    }

    /// The files of the home, except those in the private folder, where progress is kept.
    pub(super) fn models(&self) -> BTreeMap<&String, &Vec<u8>> {
        let is_private = |path: &str| path.starts_with("model_weights/.mlc-weights/");
        self.home.iter().filter(|(path, _)| !is_private(path) && !path.ends_with('/')).collect()
    }
}

fn make_entry(oracle: &Oracle, entry: &Path, state: &str) {
    let is_left_out = |path: &str| match state {
        "no_config" => path == "mlc-chat-config.json",
        "missing_shard" => path == "params_shard_2.bin",
        "empty_directory" => true,
        "whole" => false,
        _ => panic!("no such state: {state}"),
    };
    if state == "absent" {
        return;
    }
    fs::create_dir_all(entry).unwrap();
    for (path, file) in oracle.standard().iter().filter(|(path, _)| !is_left_out(path)) {
        fs::write(entry.join(path), &file.text).unwrap();
    }
}
