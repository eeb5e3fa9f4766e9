//! A model in `mlc-weights verify --json`.

use serde::{Serialize, Serializer};

use super::{revision, text};
use crate::cache::report::{self, Basis, FileState};

#[derive(Serialize)]
struct Report<'a> {
    model: String,
    revision: Option<String>,
    path: String,
    tier: String,
    read_only: bool,
    basis: &'static str,
    commit: Option<String>,
    sound: bool,
    bytes_hashed: u64,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
    state: &'static str,
    detail: Option<&'a str>,
}

impl Serialize for report::VerifyReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (basis, commit) = match self.basis {
            Basis::Receipt { commit } => ("receipt", Some(commit.to_string())),
            Basis::Manifest => ("manifest", None),
            Basis::Nothing => ("nothing", None),
        };
        let report = Report {
            model: self.model.to_string(),
            revision: revision(&self.model),
            path: text(&self.path),
            tier: text(self.tier.path()),
            read_only: self.tier.is_read_only(),
            basis,
            commit,
            sound: self.is_sound(),
            bytes_hashed: self.bytes_hashed,
            files: self.files.iter().map(File::from).collect(),
        };
        report.serialize(serializer)
    }
}

impl<'a> From<&'a report::FileReport> for File<'a> {
    fn from(file: &'a report::FileReport) -> Self {
        let detail = match &file.state {
            FileState::Corrupt { problem } => Some(problem.as_str()),
            FileState::Unchecked { reason } => Some(reason.as_str()),
            FileState::Ok | FileState::Modified | FileState::Missing | FileState::Extra => None,
        };
        Self { path: &file.path, state: file.state.as_str(), detail }
    }
}
