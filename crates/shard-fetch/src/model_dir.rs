//! Whether a directory holds a whole model, judged without hashing.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::path::Path;

use url_parse::{DiskError, RepoPath, causes, shown};

use crate::plain::{open_plain, read_at_most, read_metadata_file};
use crate::pointer::{MAX_POINTER_BYTES, is_pointer_text};
use crate::{CHAT_CONFIG_NAME, ChatConfig, Error, MANIFEST_NAMES, Manifest};

/// The result of [`inspect_model_dir`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelDirState {
    /// There is nothing at this path.
    NoDirectory,
    /// Files are missing or have the wrong size; one line for each, such as "`params_shard_3.bin`: 133
    /// bytes, expected 26331136".
    Missing(Vec<String>),
    /// Everything that the model needs is there.
    Whole,
}

/// Whether `dir` holds a whole model: the chat config and all its `tokenizer_files`, a manifest of
/// either name, and every shard with the manifest's size. None of these may be a git-lfs pointer.
///
/// Reads the two small JSON files, and of the others only those short enough to be a pointer. Nothing
/// is hashed, created or changed. Links are followed. Blocks for a few stat calls.
pub fn inspect_model_dir(dir: &Path) -> ModelDirState {
    inspect_model_dir_lacking(dir, &BTreeSet::new())
}

/// Like [`inspect_model_dir`], but files in `lacking` need not exist: the model's commit does not have
/// them.
pub fn inspect_model_dir_lacking(dir: &Path, lacking: &BTreeSet<RepoPath>) -> ModelDirState {
    match std::fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return ModelDirState::NoDirectory,
        Err(error) => return ModelDirState::Missing(vec![format!("{}: {error}", shown(dir))]),
        Ok(found) if !found.is_dir() => {
            return ModelDirState::Missing(vec![format!("{}: not a directory", shown(dir))]);
        }
        Ok(_) => {}
    }
    let mut inspection = Inspection { dir, lacking, missing: Vec::new() };
    inspection.chat_config();
    inspection.shards();
    if inspection.missing.is_empty() {
        ModelDirState::Whole
    } else {
        ModelDirState::Missing(inspection.missing)
    }
}

struct Inspection<'a> {
    dir: &'a Path,
    lacking: &'a BTreeSet<RepoPath>,
    missing: Vec<String>,
}

impl Inspection<'_> {
    fn chat_config(&mut self) {
        let Some(bytes) = read_metadata_file(self.dir, CHAT_CONFIG_NAME) else {
            self.missing.push(format!("{CHAT_CONFIG_NAME}: missing"));
            return;
        };
        match bytes.and_then(|bytes| ChatConfig::parse(&bytes)) {
            Ok(config) => config.tokenizer_files().iter().for_each(|path| self.required(path, None)),
            Err(error) => self.unusable(CHAT_CONFIG_NAME, &error),
        }
    }

    fn shards(&mut self) {
        let found = MANIFEST_NAMES.iter().find_map(|name| Some((*name, read_metadata_file(self.dir, name)?)));
        let Some((name, bytes)) = found else {
            self.missing.push(format!("{}: missing", MANIFEST_NAMES.join(" or ")));
            return;
        };
        match bytes.and_then(|bytes| Manifest::parse(&bytes, name)) {
            Ok(manifest) => {
                for record in manifest.records() {
                    self.required(&record.path, Some(record.size));
                }
            }
            Err(error) => self.unusable(name, &error),
        }
    }

    fn unusable(&mut self, name: &str, error: &Error) {
        self.missing.push(match error {
            Error::Disk(DiskError { source, .. }) => format!("{name}: {source}"),
            other => with_causes(other),
        });
    }

    /// Records a file that is missing, is not a file, has the wrong size, or is only a pointer.
    fn required(&mut self, path: &RepoPath, size: Option<u64>) {
        if self.lacking.contains(path) {
            return;
        }
        if let Some(problem) = problem_with(&path.under(self.dir), size) {
            self.missing.push(format!("{path}: {problem}"));
        }
    }
}

fn problem_with(path: &Path, size: Option<u64>) -> Option<String> {
    let found = match std::fs::metadata(path) {
        Ok(found) => found,
        Err(error) if is_absence(&error) => return Some("missing".to_owned()),
        Err(error) => return Some(error.to_string()),
    };
    if !found.is_file() {
        return Some("not a file".to_owned());
    }
    if found.len() < MAX_POINTER_BYTES {
        let content = open_plain(path).and_then(|file| read_at_most(&file, found.len(), MAX_POINTER_BYTES));
        match content {
            Ok(content) if is_pointer_text(&content) => return Some(pointer_text(&found, size)),
            Ok(_) => {}
            Err(error) => return Some(error.to_string()),
        }
    }
    let expected = size.filter(|size| *size != found.len())?;
    Some(format!("{} bytes, expected {expected}", found.len()))
}

/// If a parent folder is a file, the path does not exist either.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn pointer_text(found: &Metadata, size: Option<u64>) -> String {
    let length = found.len();
    let expected = size.map(|size| format!(", expected {size}")).unwrap_or_default();
    format!("{length} bytes of git-lfs pointer text{expected}")
}

fn with_causes(error: &Error) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
