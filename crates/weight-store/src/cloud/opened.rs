//! What opening a bucket yields, whichever the cloud.

use std::fmt;
use std::sync::Arc;
#[cfg(any(feature = "s3", feature = "azure"))]
use std::time::Duration;

use async_trait::async_trait;
use object_store::list::PaginatedListStore;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};

use crate::backend::BlobPlace;

/// How long a signed URL is valid.
#[cfg(any(feature = "s3", feature = "azure"))]
pub(super) const SIGNED_FOR: Duration = Duration::from_secs(60 * 60);

/// How to request objects of a bucket.
#[async_trait]
pub(super) trait Addressing: fmt::Debug + Send + Sync {
    async fn place(&self, path: &Path) -> object_store::Result<BlobPlace>;

    /// How to request an object's metadata, where the library does not request all of it.
    async fn head(&self, _: &Path) -> object_store::Result<Option<BlobPlace>> {
        Ok(None)
    }
}

/// An open bucket, for writing and reading.
pub(super) struct Opened {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) pages: Arc<dyn PaginatedListStore>,
    pub(super) addressing: Box<dyn Addressing>,
}

/// No retries: our own code decides when to try again.
pub(super) fn one_attempt() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}
