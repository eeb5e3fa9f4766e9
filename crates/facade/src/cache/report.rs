//! The result of a verification.

use std::path::PathBuf;

use cache_layout::Tier;
use url_parse::{CommitId, ModelRef, Proof};

/// How one copy of a model compares with what it should be. Serialized, it is an element of the output
/// of `mlc-weights verify --json`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct VerifyReport {
    /// The model.
    pub model: ModelRef,
    /// The copy's tier.
    pub tier: Tier,
    /// Its directory.
    pub path: PathBuf,
    /// What it was compared with.
    pub basis: Basis,
    /// What proved, when it was downloaded, that its files belong to the commit; `None` if no receipt
    /// says so.
    pub proof: Option<Proof>,
    /// Every file that the copy has or should have, by name.
    pub files: Vec<FileReport>,
    /// The number of bytes hashed.
    pub bytes_hashed: u64,
}

/// What a copy was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Basis {
    /// The download's receipt, which has a digest of every file.
    #[non_exhaustive]
    Receipt {
        /// The commit that was downloaded.
        commit: CommitId,
    },
    /// The manifest in the directory itself, which has digests of shards only, if any.
    Manifest,
    /// Nothing: there is no receipt for this directory and no usable manifest.
    Nothing,
}

/// The result for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileReport {
    /// Its path in the directory, with components separated by `/`. Non-Unicode text is replaced.
    pub path: String,
    /// Its state.
    pub state: FileState,
}

/// How a file compares with what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// Its size and all known digests are right.
    Ok,
    /// It is an edited but valid `mlc-chat-config.json`, which people may edit; or another file for
    /// which a repair kept the user's edited version, unchanged since then.
    Modified,
    /// It does not have the right content.
    #[non_exhaustive]
    Corrupt {
        /// The difference.
        problem: String,
    },
    /// The model needs it, and it does not exist.
    Missing,
    /// It exists, but nothing records its content.
    #[non_exhaustive]
    Unchecked {
        /// What could not be checked, and why.
        reason: String,
    },
    /// It does not belong to the model: the user put it there.
    Extra,
}

impl VerifyReport {
    /// Whether no file is corrupt or missing.
    pub fn is_sound(&self) -> bool {
        self.files.iter().all(|file| !file.state.is_bad())
    }

    /// Whether a file was edited and is valid.
    pub fn is_modified(&self) -> bool {
        self.files.iter().any(|file| file.state == FileState::Modified)
    }
}

impl FileState {
    /// Whether the file is corrupt or missing.
    pub const fn is_bad(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Missing)
    }

    /// The state as a word in lower case.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Modified => "modified",
            Self::Corrupt { .. } => "corrupt",
            Self::Missing => "missing",
            Self::Unchecked { .. } => "unchecked",
            Self::Extra => "extra",
        }
    }
}
