//! What the model is, by the stores: the pack of its commit, which proves itself, and a name for the commit where stores
//! are trusted with that.

use hf_transport::{HubClient, MetadataSource as _, PackMetadata, RepoSnapshot};
use net::{RetryBudget, RetryPolicy};
use tokio::time::sleep;
use url_parse::{CommitId, ErrorKind, Revision};
use weight_store::{RefName, Store};

use super::metadata::pause_after;
use super::work::Work;
use crate::store::StoreMode;
use crate::{Error, Event, Warning};

impl Work {
    /// The commit that is wanted, if a store has it. Whether and when the hub is asked follows from the mode.
    pub(super) async fn stored_snapshot(&self) -> Result<Option<RepoSnapshot>, Error> {
        if self.stores.is_empty() || self.context.metadata.is_some() {
            return Ok(None);
        }
        self.observer().on_event(&Event::Stores { model: self.request.model() });
        if let Some(receipt) = &self.mended {
            match self.snapshot_of(receipt.commit).await? {
                None if self.stores.is_only() => {
                    self.warn(Warning::CommitGone { commit: &receipt.commit });
                }
                // The hub may have it.
                snapshot => return Ok(snapshot),
            }
        }
        let Some(commit) = self.wanted_commit().await? else { return Ok(None) };
        match self.snapshot_of(commit).await? {
            None if self.stores.is_only() => Err(self.not_in_store(format!("commit {commit}"))),
            None => self.wait_for_filler(commit).await,
            snapshot => Ok(snapshot),
        }
    }

    async fn wanted_commit(&self) -> Result<Option<CommitId>, Error> {
        let model = self.request.model();
        if let Some(commit) = model.revision().and_then(Revision::commit) {
            return Ok(Some(commit));
        }
        if self.stores.mode() == StoreMode::First {
            return self.commit_at_hub().await;
        }
        let name = RefName { hub: &self.context.hub.endpoint, model: model.id(), revision: model.revision() };
        for (number, store) in self.stores.in_use() {
            if let Some(record) = self.ask(number, || store.find_ref(&name)).await? {
                tracing::info!(commit = %record.commit, store = %store.url(), "a store has named the commit");
                return Ok(Some(record.commit));
            }
        }
        if self.stores.is_only() {
            let name = model.revision().map_or("its default branch".to_owned(), |name| format!("`{name}`"));
            return Err(self.not_in_store(name));
        }
        self.commit_at_hub().await
    }

    /// The commit by the hub's word. `None` where it says no: it will say so again, and why, when it is asked for all.
    async fn commit_at_hub(&self) -> Result<Option<CommitId>, Error> {
        let (model, hub): (_, &HubClient) = (self.request.model(), &self.hub);
        let mut budget = RetryBudget::new(self.context.retry.clone());
        let started = std::time::Instant::now();
        loop {
            self.observer().on_event(&Event::Metadata { model });
            let cause = match hub.commit_of(model.id(), model.revision()).await {
                Ok(named) => return Ok(Some(named.commit)),
                Err(error) if error.is_transient() => error,
                Err(error) => {
                    tracing::debug!(%error, "the hub does not name the commit");
                    return Ok(None);
                }
            };
            let Some(pause) = pause_after(&cause, &mut budget) else {
                let (attempts, elapsed) = (budget.attempts(), started.elapsed());
                return Err(Error::MetadataGaveUp { model: model.clone(), attempts, elapsed, source: cause });
            };
            let delay = cause.server_wait().map_or(pause, |wait| wait.max(pause));
            self.observer().on_event(&Event::RetryingMetadata { delay, cause: &cause });
            sleep(delay).await;
        }
    }

    /// What a commit holds, by the first store that has it. A pack that is not right is asked for once more past all
    /// caches, and then counts as none.
    pub(super) async fn snapshot_of(&self, commit: CommitId) -> Result<Option<RepoSnapshot>, Error> {
        for (number, store) in self.stores.in_use() {
            let mut wrong = None;
            for is_again in [false, true] {
                match self.read_pack(number, store, commit, is_again).await? {
                    Some(Ok(snapshot)) => {
                        self.stores.gave_snapshot();
                        return Ok(Some(snapshot));
                    }
                    Some(Err(error)) => wrong = Some(error),
                    None => break,
                }
            }
            match wrong {
                Some(error) if self.stores.is_only() => return Err(error.into()),
                Some(error) => self.stores.warn_of_wrong_content(store, &error),
                None => {}
            }
        }
        Ok(None)
    }

    async fn read_pack(
        &self,
        number: usize,
        store: &Store,
        commit: CommitId,
        is_again: bool,
    ) -> Result<Option<Result<RepoSnapshot, hf_transport::Error>>, Error> {
        let pack = if is_again {
            self.ask(number, || store.find_pack_past_caches(&commit)).await?
        } else {
            self.ask(number, || store.find_pack(&commit)).await?
        };
        let Some(pack) = pack else { return Ok(None) };
        let limit = self.context.hub.max_metadata_bytes;
        let source = PackMetadata::new(pack, commit, store.shown_pack(&commit), limit);
        let request = self.metadata_request(Some(commit)).await?;
        Ok(match source.fetch(request).await {
            Err(error) if !matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Refused) => {
                return Err(error.into());
            }
            read => Some(read),
        })
    }

    /// Asks a store, and again after failures that may pass. One that cannot be asked is given up, but where nobody else
    /// may be asked, or where its settings are why.
    async fn ask<T, F: Future<Output = Result<Option<T>, weight_store::Error>>>(
        &self,
        number: usize,
        question: impl Fn() -> F,
    ) -> Result<Option<T>, Error> {
        match insist(&self.context.retry, question).await {
            Err(error) if !self.stores.is_only() && error.kind() != ErrorKind::InvalidInput => {
                self.stores.give_up(number, &error);
                Ok(None)
            }
            answer => Ok(answer?),
        }
    }

    pub(super) fn not_in_store(&self, missing: String) -> Error {
        Error::NotInStore { model: self.request.model().clone(), stores: self.stores.shown(), missing }
    }
}

/// Asks a store, and again after failures that may pass.
pub(super) async fn insist<T, F: Future<Output = Result<T, weight_store::Error>>>(
    retry: &RetryPolicy,
    question: impl Fn() -> F,
) -> Result<T, weight_store::Error> {
    let mut budget = RetryBudget::new(retry.clone());
    loop {
        let error = match question().await {
            Err(error) if error.is_transient() => error,
            outcome => return outcome,
        };
        let Some(pause) = budget.failed() else { return Err(error) };
        tracing::info!(?pause, %error, "a store could not be asked: a pause");
        sleep(error.server_wait().map_or(pause, |wait| wait.max(pause))).await;
    }
}
