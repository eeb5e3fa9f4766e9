//! The hub as a locator for the fetcher.

use std::collections::HashMap;

use async_trait::async_trait;
use hf_transport::{HubClient, ResolvedFile};
use shard_fetch::{Expected, LocateError, LocateReason, Location, Locator};
use url_parse::{CommitId, ModelId, RepoPath};

use crate::Error;

/// Asks the hub where the files of one commit are, and compares what the hub knows of them with what the
/// manifest and the LFS pointers say, so that a contradiction costs no transfer.
pub(crate) struct HubLocator {
    pub(crate) hub: HubClient,
    pub(crate) model: ModelId,
    pub(crate) commit: CommitId,
    pub(crate) expected: HashMap<RepoPath, Expected>,
}

#[async_trait]
impl Locator for HubLocator {
    async fn locate(&self, file: &RepoPath, reason: LocateReason) -> Result<Location, LocateError> {
        tracing::debug!(%file, ?reason, "asking the hub for a location");
        let resolved = self.hub.locate_file(&self.model, &self.commit, file).await.map_err(|error| {
            let (kind, wait) = (error.kind(), error.server_wait());
            if error.is_transient() {
                LocateError::transient(error, wait)
            } else {
                LocateError::permanent(error, kind)
            }
        })?;
        self.compare(file, &resolved).map_err(|error| {
            let kind = error.kind();
            LocateError::permanent(error, kind)
        })?;
        let mut location = Location::new(resolved.url);
        location.expires_at = resolved.expires_at;
        if let Some(authorization) = resolved.authorization {
            location.headers.insert("authorization", authorization);
        }
        Ok(location)
    }
}

impl HubLocator {
    fn compare(&self, file: &RepoPath, resolved: &ResolvedFile) -> Result<(), Error> {
        let Some(expected) = self.expected.get(file) else { return Ok(()) };
        let contradiction = |expected: String, actual: String| Error::Contradiction {
            model: self.model.clone(),
            path: file.clone(),
            first: "the commit",
            expected,
            second: "the hub",
            actual,
        };
        if let Some(size) = resolved.size
            && size != expected.size
        {
            return Err(contradiction(format!("{} bytes", expected.size), format!("{size} bytes")));
        }
        if let (Some(theirs), Some(ours)) = (resolved.sha256, expected.sha256)
            && theirs != *ours.as_bytes()
        {
            let theirs = shard_fetch::Sha256Digest::new(theirs);
            return Err(contradiction(format!("SHA-256 {ours}"), format!("SHA-256 {theirs}")));
        }
        Ok(())
    }
}
