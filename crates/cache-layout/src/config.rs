//! What a cache is told about itself.

use std::path::PathBuf;

/// The folders of a cache and how careful it is with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// The cache's home; the writable tier is `model_weights` in it. It need not exist.
    pub home: PathBuf,
    /// The read-only tiers, in the order in which they are looked through. Empty paths are ignored.
    pub read_only: Vec<PathBuf>,
    /// Whether a model is on the disk before it becomes visible.
    pub durability: Durability,
}

impl CacheConfig {
    /// A cache in `home` with no read-only tiers, [`Durability::Synced`].
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into(), read_only: Vec::new(), durability: Durability::default() }
    }
}

/// What a power failure may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Nothing that was published: files and folders are synced before and after the rename.
    #[default]
    Synced,
    /// What was published shortly before may be lost or damaged; for file systems where syncing is slow
    /// and the content dispensable.
    Fast,
}
