//! The settings of a cache.

use std::path::PathBuf;

/// The folders of a cache, and how it writes to them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheConfig {
    /// The cache's home, which contains the writable tier `model_weights`. It need not exist.
    pub home: PathBuf,
    /// The read-only tiers, in search order. Empty paths are ignored.
    pub read_only: Vec<PathBuf>,
    /// Whether models are synced to disk before they become visible.
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

/// What a power failure may destroy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// No published model: files and folders are synced before and after the rename.
    #[default]
    Synced,
    /// Models published shortly before may be lost or damaged. For file systems on which syncing is
    /// slow and data can be replaced.
    Fast,
}

/// Whether callers that want the same model are kept from downloading it simultaneously.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Locking {
    /// By the system's file locks. If the file system reports that it has none, the same as
    /// [`Locking::None`].
    #[default]
    System,
    /// Not at all. Each caller downloads the model and the last one's stays; a whole model is never
    /// replaced by an incomplete one. For file systems whose locks are never released or never refused.
    None,
}
