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
    /// Whether the system's file locks are used.
    pub locking: Locking,
}

impl CacheConfig {
    /// A cache in `home` with no read-only tiers, [`Durability::Synced`], [`Locking::System`].
    pub fn new(home: impl Into<PathBuf>) -> Self {
        let (durability, locking) = (Durability::default(), Locking::default());
        Self { home: home.into(), read_only: Vec::new(), durability, locking }
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

/// Whether callers that want the same model are kept from downloading it at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locking {
    /// By the system's file locks. On a file system that says it has none, as by [`Locking::None`].
    #[default]
    System,
    /// Not at all: each downloads for itself, the last one's model stays, and none that is whole is ever
    /// replaced by one that is not. For file systems whose locks never come free, or are never refused.
    None,
}
