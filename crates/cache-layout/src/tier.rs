//! The folders that models are looked for in.

use std::path::{Path, PathBuf};

/// A folder that holds `hf/<user>/<repo>` directories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// A folder that is only looked at.
    ReadOnly(PathBuf),
    /// `<home>/model_weights`, where downloads go.
    Writable(PathBuf),
}

impl Tier {
    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::ReadOnly(path) | Self::Writable(path) => path,
        }
    }

    /// Whether nothing is ever written to this tier.
    pub const fn is_read_only(&self) -> bool {
        matches!(self, Self::ReadOnly(_))
    }
}
