//! The cache itself: what is in it, whether it is right, and how to make room.

mod entry;
mod json;
mod list;

pub use entry::{Listing, ModelEntry, Origin};

use crate::builder::SharedContext;
use crate::{Downloader, Error};

/// The models of all tiers, as a thing to look after. Cheap to clone.
///
/// Its calls block, some for as long as the disk takes: async code makes them on a blocking thread. None of
/// them uses the network.
///
/// ```
/// use facade::Downloader;
///
/// # let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
/// # let home = folder.path();
/// let cache = Downloader::builder().home(home).build()?.cache();
/// for entry in cache.list()?.models {
///     println!("{} has {} bytes in {}", entry.model, entry.bytes, entry.path.display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    context: SharedContext,
}

impl Cache {
    /// The cache that the environment names; see [`Builder::from_env`](crate::Builder::from_env). With
    /// everything explicit, it is [`Downloader::cache`].
    ///
    /// # Errors
    ///
    /// As [`Downloader::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Ok(Downloader::from_env()?.cache())
    }

    pub(crate) fn new(context: SharedContext) -> Self {
        Self { context }
    }

    /// Every model of every tier, also those that another program put there, whole or not. What stands among
    /// them and is none, or cannot be looked at, is listed beside them and is no error.
    ///
    /// Nothing is hashed but the manifests. Blocks for a system call a file.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] when the cache's home is something else than a directory.
    pub fn list(&self) -> Result<Listing, Error> {
        list::list(&self.context)
    }
}
