//! What each cloud's own file makes of an address and settings.

use std::fmt;
use std::sync::Arc;
#[cfg(any(feature = "s3", feature = "azure"))]
use std::time::Duration;

use async_trait::async_trait;
use object_store::list::PaginatedListStore;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};

use crate::backend::BlobPlace;

/// As long is a signed URL good.
#[cfg(any(feature = "s3", feature = "azure"))]
pub(super) const SIGNED_FOR: Duration = Duration::from_secs(60 * 60);

/// How to ask for what is in a bucket.
#[async_trait]
pub(super) trait Addressing: fmt::Debug + Send + Sync {
    async fn place(&self, path: &Path) -> object_store::Result<BlobPlace>;

    /// How to ask for what is known of an object, where the library does not ask for all of it.
    async fn head(&self, _: &Path) -> object_store::Result<Option<BlobPlace>> {
        Ok(None)
    }
}

/// A bucket, to be written to and to be read from.
pub(super) struct Opened {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) pages: Arc<dyn PaginatedListStore>,
    pub(super) addressing: Box<dyn Addressing>,
}

/// One attempt: when to try again is not for the library to decide.
pub(super) fn one_attempt() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}
