//! The pack of a commit that a download has received, for the push that follows.

use std::sync::Arc;

use async_trait::async_trait;
use hf_transport::{
    Error, GitMetadata, HubClient, HubMetadata, MetadataRequest, MetadataSource, RepoSnapshot,
};
use parking_lot::Mutex;
use weight_store::Bytes;

/// A place for a pack, shared by its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptPack(Arc<Mutex<Option<Bytes>>>);

impl KeptPack {
    /// The pack, if one was received.
    pub(crate) fn take(&self) -> Option<Bytes> {
        self.0.lock().take()
    }
}

/// A hub's metadata, whose pack is kept where it comes over git. So the push need not ask again.
#[derive(Debug)]
pub(super) struct PackKeeper {
    hub: HubClient,
    pack: KeptPack,
}

impl PackKeeper {
    pub(super) fn new(hub: HubClient, pack: KeptPack) -> Self {
        Self { hub, pack }
    }
}

#[async_trait]
impl MetadataSource for PackKeeper {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        match GitMetadata::new(self.hub.clone()).fetch_with_pack(request.clone()).await {
            Ok((snapshot, pack)) => {
                *self.pack.0.lock() = Some(pack);
                Ok(snapshot)
            }
            Err(error) if error.is_transient() || error.kind() == url_parse::ErrorKind::Cancelled => {
                Err(error)
            }
            // The hub may have it by its API, or knows better why it has not.
            Err(_) => HubMetadata::new(self.hub.clone()).fetch(request).await,
        }
    }
}
