//! The recording.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use local_hub::ModelFixture;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub(super) struct Oracle {
    /// By name; `None` is one that does not exist.
    pub(super) repositories: BTreeMap<String, Option<Repository>>,
    pub(super) rows: Vec<Row>,
}

#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) files: BTreeMap<String, RowFile>,
    links: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(super) struct RowFile {
    pub(super) text: String,
    lfs: bool,
    /// What the data host sends instead.
    served: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Row {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) call: String,
    pub(super) url: String,
    pub(super) policy: String,
    pub(super) force_redo: Option<bool>,
    pub(super) num_processes: Option<usize>,
    pub(super) read_only: Vec<String>,
    pub(super) writable: String,
    pub(super) repository: String,
    original: Value,
    ours: Value,
}

impl Oracle {
    pub(super) fn load() -> Self {
        serde_json::from_str(include_str!("../../data/oracle.json")).unwrap()
    }

    /// The files of the repository from which the tiers' entries are made.
    pub(super) fn standard(&self) -> &BTreeMap<String, RowFile> {
        &self.repositories["standard"].as_ref().unwrap().files
    }

    /// Describes each file of a returned directory: with the committed bytes, or not.
    pub(super) fn files_left(&self, repository: &str, directory: &Path) -> Value {
        let files = &self.repositories[repository].as_ref().unwrap().files;
        // The one file that is added: the manifest's newer name.
        let older_name = || files.get("ndarray-cache.json");
        let mut left = Map::new();
        for (name, bytes) in tree_below(directory).into_iter().filter(|(name, _)| !name.ends_with('/')) {
            let committed = files.get(&name).or_else(|| older_name().filter(|_| name == "tensor-cache.json"));
            let is_content = committed.is_some_and(|file| file.text.as_bytes() == bytes);
            left.insert(name, if is_content { "content" } else { "other" }.into());
        }
        left.into()
    }
}

impl Repository {
    pub(super) fn fixture(&self, id: &str) -> ModelFixture {
        let mut fixture = ModelFixture::without_files(id);
        for (path, file) in &self.files {
            let text = file.text.as_bytes();
            fixture = match &file.served {
                Some(served) => fixture.lying_lfs_file(path, text, served.as_bytes()),
                None if file.lfs => fixture.lfs_file(path, text),
                None => fixture.plain_file(path, text),
            };
        }
        self.links.iter().fold(fixture, |fixture, (path, target)| fixture.symlink(path, target))
    }
}

impl Row {
    /// The expected outcome in this workspace.
    pub(super) fn expected(&self) -> Value {
        let mut expected = if self.ours == "same" { &self.original } else { &self.ours }.clone();
        let fields = expected.as_object_mut().unwrap();
        fields.remove("reason");
        // A subclass of ValueError, which callers of the library could not distinguish.
        if let Some(exception) = fields.get_mut("raises")
            && exception == "JSONDecodeError"
        {
            *exception = "ValueError".into();
        }
        expected
    }
}

/// All files below a folder with their contents, by path with `/`, and all folders, whose paths end in
/// `/`.
pub(super) fn tree_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            let below = tree_below(&entry.path()).into_iter();
            found.extend(below.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
            found.insert(format!("{name}/"), Vec::new());
        } else {
            assert!(kind.is_file(), "{} is no file", entry.path().display());
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    found
}
