//! What a verification found.

use std::path::PathBuf;

use cache_layout::Tier;
use url_parse::{CommitId, ModelRef, Proof};

/// How one copy of a model compares with what it must be. Serialized, it is an element of the document of
/// `mlc-weights verify --json`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct VerifyReport {
    /// The model.
    pub model: ModelRef,
    /// The tier that the copy is in.
    pub tier: Tier,
    /// Its directory.
    pub path: PathBuf,
    /// What it was compared with.
    pub basis: Basis,
    /// What showed, when it was downloaded, that its files are those of the commit; nothing when no receipt says so.
    pub proof: Option<Proof>,
    /// Every file that the copy must have or has, by name.
    pub files: Vec<FileReport>,
    /// How many bytes were hashed.
    pub bytes_hashed: u64,
}

/// What a copy was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// The receipt of the download, which has a digest of every file.
    Receipt {
        /// The commit that was downloaded.
        commit: CommitId,
    },
    /// The manifest in the directory itself, which has digests of the shards at most.
    Manifest,
    /// There is neither a receipt of this directory nor a manifest that can be used.
    Nothing,
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileReport {
    /// Its path in the directory, components separated by `/`. What is not Unicode in it is replaced.
    pub path: String,
    /// How it compares.
    pub state: FileState,
}

/// How a file compares with what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// Its size and every digest that is known of it are right.
    Ok,
    /// It is `mlc-chat-config.json`, which people edit: another one than the commit's, and valid. Or it is another file
    /// of the commit that a repair has kept as the user's edit, and is as it was then.
    Modified,
    /// It is not what it must be.
    Corrupt {
        /// What is wrong with it.
        problem: String,
    },
    /// The model needs it, and it is not there.
    Missing,
    /// It is there, and nothing says what its bytes must be.
    Unchecked {
        /// What could not be checked, and why.
        reason: String,
    },
    /// The model does not have it: somebody put it there.
    Extra,
}

impl VerifyReport {
    /// Whether nothing was found that is corrupt or missing.
    pub fn is_sound(&self) -> bool {
        self.files.iter().all(|file| !file.state.is_bad())
    }

    /// Whether a file was found that was edited and is valid.
    pub fn is_modified(&self) -> bool {
        self.files.iter().any(|file| file.state == FileState::Modified)
    }
}

impl FileState {
    /// Whether the file is corrupt or missing.
    pub const fn is_bad(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Missing)
    }

    /// The state in one word, in lower case.
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
