//! What a download learns that the push after it would otherwise ask the hub again.

use std::sync::Arc;

use async_trait::async_trait;
use hf_transport::{
    Error, GitMetadata, HubClient, HubMetadata, MetadataRequest, MetadataSource, NamedCommit, RepoSnapshot,
};
use parking_lot::Mutex;
use url_parse::CommitId;
use weight_store::Bytes;

/// What a push needs to know, as far as a download has learned it. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForPush {
    pack: Arc<Mutex<Option<(CommitId, Bytes)>>>,
    named: Arc<Mutex<Option<NamedCommit>>>,
}

impl ForPush {
    pub(super) fn keep_pack(&self, commit: CommitId, pack: Bytes) {
        *self.pack.lock() = Some((commit, pack));
    }

    /// The pack of this commit, if it was received.
    pub(super) fn take_pack(&self, commit: CommitId) -> Option<Bytes> {
        self.pack.lock().take().filter(|(received, _)| *received == commit).map(|(_, pack)| pack)
    }

    pub(super) fn keep_name(&self, named: NamedCommit) {
        *self.named.lock() = Some(named);
    }

    /// The hub's answer for the requested name, if it was this commit.
    pub(super) fn named(&self, commit: CommitId) -> Option<NamedCommit> {
        self.named.lock().filter(|named| named.commit == commit)
    }
}

/// A hub's metadata, whose pack is kept if it comes over git.
#[derive(Debug)]
pub(super) struct PackKeeper {
    hub: HubClient,
    kept: ForPush,
}

impl PackKeeper {
    pub(super) fn new(hub: HubClient, kept: ForPush) -> Self {
        Self { hub, kept }
    }
}

#[async_trait]
impl MetadataSource for PackKeeper {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        match GitMetadata::new(self.hub.clone()).fetch_with_pack(request.clone()).await {
            Ok((snapshot, pack)) => {
                self.kept.keep_pack(snapshot.commit, pack);
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
