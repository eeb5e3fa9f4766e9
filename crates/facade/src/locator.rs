//! The hub as a locator for the fetcher.

mod batches;

use std::collections::HashMap;

use async_trait::async_trait;
use hf_transport::{HubClient, ResolvedFile};
use shard_fetch::{Expected, LocateError, LocateReason, Location, Locator};
use url_parse::{CommitId, ModelId, RepoPath};

use self::batches::{Batches, Need};
use crate::Error;
use crate::plan::RemoteFile;

/// For more files than this, locations are requested in batches.
const MANY: usize = 64;

/// Asks the hub where the files of one commit are, by `/resolve/` and in batches of LFS objects. The
/// hub's record is compared with the manifest and the LFS pointers, so that a contradiction is found
/// before any transfer.
pub(crate) struct HubLocator {
    hub: HubClient,
    model: ModelId,
    commit: CommitId,
    expected: HashMap<RepoPath, Expected>,
    batches: Batches,
}

#[async_trait]
impl Locator for HubLocator {
    async fn locate(&self, file: &RepoPath, reason: LocateReason) -> Result<Location, LocateError> {
        tracing::debug!(%file, ?reason, "asking the hub for a location");
        let is_bad = self.batches.note(file, reason).await;
        let outcome = if self.prefers_batches(is_bad, reason) {
            self.by_batch_first(file).await
        } else {
            self.by_resolve_first(file).await
        };
        outcome.map_err(located_badly)
    }
}

impl HubLocator {
    /// For these files, in the order in which they will be needed.
    pub(crate) fn new(hub: HubClient, model: ModelId, commit: CommitId, files: &[RemoteFile]) -> Self {
        let expected = files.iter().map(|file| (file.path.clone(), file.expected)).collect();
        let batches = Batches::new(hub.clone(), model.clone(), files);
        Self { hub, model, commit, expected, batches }
    }

    /// Whether a batch is the better way to locate a file. `is_bad`: batches have given bad locations
    /// for it.
    fn prefers_batches(&self, is_bad: bool, reason: LocateReason) -> bool {
        // Without `/resolve/`, it may redirect to a login page, which is sent instead of the file.
        let is_page = matches!(reason, LocateReason::Refused(200 | 206)) && !self.hub.has_served_resolve();
        let is_worth_it = is_page || self.batches.count() > MANY;
        self.hub.lacks_resolve() || is_worth_it && !is_bad
    }

    async fn by_batch_first(&self, file: &RepoPath) -> Result<Location, Failure> {
        let error = match self.batches.locate(file, Need::Wish).await {
            Some(Ok(location)) => return Ok(location),
            Some(Err(error)) => error,
            None => return self.by_resolve_first(file).await,
        };
        tracing::debug!(%file, %error, "a batch has no location: requesting this file's alone");
        self.by_resolve(file).await.map_err(|other| self.better_of(other, error))
    }

    async fn by_resolve_first(&self, file: &RepoPath) -> Result<Location, Failure> {
        let error = match self.by_resolve(file).await {
            Err(Failure::Hub(error)) if self.may_lack_resolve(&error) => error,
            outcome => return outcome,
        };
        match self.batches.locate(file, Need::LastResort).await {
            Some(Ok(location)) => {
                self.hub.found_without_resolve();
                Ok(location)
            }
            Some(Err(other)) => Err(self.better_of(Failure::Hub(error), other)),
            None => Err(Failure::Hub(error)),
        }
    }

    /// The more informative of two refusals, one by `/resolve/` and one of a batch.
    fn better_of(&self, by_resolve: Failure, by_batch: hf_transport::Error) -> Failure {
        match by_resolve {
            Failure::Hub(error)
                if self.may_lack_resolve(&error)
                    && (by_batch.is_transient() || self.hub.has_served_lfs()) =>
            {
                Failure::Hub(by_batch)
            }
            failure => failure,
        }
    }

    fn may_lack_resolve(&self, error: &hf_transport::Error) -> bool {
        error.may_lack_resolve() && !self.hub.has_served_resolve()
    }

    async fn by_resolve(&self, file: &RepoPath) -> Result<Location, Failure> {
        let resolved = self.hub.locate_file(&self.model, &self.commit, file).await.map_err(Failure::Hub)?;
        self.compare(file, &resolved).map_err(Failure::Contradiction)?;
        let mut location = Location::new(resolved.url);
        location.expires_at = resolved.expires_at;
        if let Some(authorization) = resolved.authorization {
            location.headers.insert("authorization", authorization);
        }
        Ok(location)
    }

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
            let theirs = shard_fetch::Sha256Digest::from_bytes(theirs);
            return Err(contradiction(format!("SHA-256 {ours}"), format!("SHA-256 {theirs}")));
        }
        Ok(())
    }
}

/// Why a file could not be located.
enum Failure {
    Hub(hf_transport::Error),
    Contradiction(Error),
}

fn located_badly(failure: Failure) -> LocateError {
    match failure {
        Failure::Hub(error) if error.is_transient() => {
            let wait = error.server_wait();
            LocateError::transient(error, wait)
        }
        Failure::Hub(error) => {
            let kind = error.kind();
            LocateError::permanent(error, kind)
        }
        Failure::Contradiction(error) => {
            let kind = error.kind();
            LocateError::permanent(error, kind)
        }
    }
}
