//! What a caller gets.

use std::path::PathBuf;

use cache_layout::Tier;
use url_parse::{CommitId, Proof};

/// A model that is whole, in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Model {
    /// The directory that holds the shards, `tensor-cache.json`, `mlc-chat-config.json` and the rest of the
    /// repository. It is absolute.
    pub path: PathBuf,
    /// The tier of the cache that the directory belongs to.
    pub tier: Tier,
    /// The commit that the directory is of. For one that was there already, or that another process has put there
    /// meanwhile, the cache's receipt says it, or the revision that was asked for, when that is a full commit;
    /// `None` when neither does, as for a directory that another program made.
    pub commit: Option<CommitId>,
    /// What showed, when it was downloaded, that its files are those of the commit; `None` when no receipt says so.
    pub proof: Option<Proof>,
    /// Where it is known from what the commit holds; `None` for a directory that there is no receipt of.
    pub metadata: Option<MetadataOrigin>,
    /// How the model came about.
    pub outcome: Outcome,
}

/// Where it is known from what a model's commit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataOrigin {
    /// The hub was asked.
    Hub,
    /// A store had the commit.
    Store,
    /// The application's own [`MetadataSource`](crate::metadata::MetadataSource) was asked.
    Application,
    /// Nobody was asked: the cache has the receipt of an earlier download.
    Receipt,
}

impl MetadataOrigin {
    /// The origin in one word, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Store => "store",
            Self::Application => "application",
            Self::Receipt => "receipt",
        }
    }
}

/// How a [`Model`] came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was in the cache: no request was made.
    Cached,
    /// It was downloaded.
    Downloaded {
        /// How many bytes of its files came over the network, now and not in an earlier, interrupted run.
        bytes_received: u64,
        /// How many of these a store has given.
        bytes_from_store: u64,
        /// How many bytes of its files were copied out of a store in a folder.
        bytes_copied: u64,
    },
}
