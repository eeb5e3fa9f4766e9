//! What the model consists of, according to the stores: the pack of its commit, which proves itself,
//! and a name for the commit if stores are trusted with that.

use std::time::Instant;

use cache_layout::Receipt;
use hf_transport::{MetadataSource as _, PackMetadata, RepoSnapshot};
use net::{RetryBudget, RetryPolicy};
use tokio::time::sleep;
use url_parse::{CommitId, ErrorKind, Revision};
use weight_store::{RefName, RefRecord, Store};

use super::metadata::pause_after;
use super::work::Work;
use crate::store_mode::StoreMode;
use crate::store_set::StoreSet;
use crate::stores::StoreAnswer;
use crate::{Error, Event, Request, Warning};

/// A store's answer.
enum Told<T> {
    Has(T),
    Lacks,
    /// The store could not be asked.
    Nothing,
}

impl Work {
    /// The requested commit, if a store has it. The mode determines whether and when the hub is asked.
    pub(super) async fn stored_snapshot(&self) -> Result<Option<RepoSnapshot>, Error> {
        if self.stores.is_empty() || self.context.metadata.is_some() {
            return Ok(None);
        }
        self.observer().on_event(&Event::Stores { model: self.request.model() });
        if let Some(commit) = self.restored_commit() {
            match self.snapshot_of(commit).await? {
                None if self.stores.is_only() => {
                    self.stores.failure()?;
                    self.warn(Warning::CommitGone { commit: &commit });
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
        let shown = model.to_string();
        let name = RefName { hub: &self.context.hub.endpoint, model: model.id(), revision: model.revision() };
        for (number, store) in self.stores.in_use() {
            let url = store.shown_ref(&name).to_string();
            match self.ask(number, &shown, || store.find_ref(&name)).await? {
                Told::Has(record) => {
                    self.stores.told(&url, StoreAnswer::Hit);
                    tracing::info!(commit = %record.commit, store = %store.url(), "a store resolved the name");
                    self.warn_of_turning_back(&url, &record).await?;
                    self.stores.name(record.commit, record.seen_at);
                    return Ok(Some(record.commit));
                }
                Told::Lacks => self.stores.told(&url, StoreAnswer::Miss),
                Told::Nothing => {}
            }
        }
        if self.stores.is_only() {
            return Err(self.not_in_store(shown));
        }
        self.commit_at_hub().await
    }

    /// The receipt of the last download has the commit that the name stood for then.
    async fn warn_of_turning_back(&self, url: &str, record: &RefRecord) -> Result<(), Error> {
        let receipt = self.lease.on_disk(|lease, _| Ok(lease.layout.receipt(&lease.slot))).await?;
        let RefRecord { commit, seen_at, .. } = record;
        if let Some(Receipt { commit: before, seen_at: Some(seen_before_at), .. }) = receipt
            && before != *commit
            && seen_before_at > *seen_at
        {
            tracing::warn!(url, %commit, previous = %before, "a store's ref went back to an older commit");
            let (before, seen_at) = (&before, *seen_at);
            self.warn(Warning::TurnedBack { url, commit, seen_at, before, seen_before_at });
        }
        Ok(())
    }

    /// The commit according to the hub. `None` if it refuses: it will refuse again, with a reason, when
    /// asked for the metadata.
    async fn commit_at_hub(&self) -> Result<Option<CommitId>, Error> {
        let (model, hub) = (self.request.model(), &self.hub);
        let question = || hub.commit_of(model.id(), model.revision());
        let asked = ask_hub(&self.context.retry, &self.request, &self.stores, question);
        match asked.await {
            Ok(named) => {
                if let Some(seen_at) = named.seen_at {
                    self.stores.name(named.commit, seen_at);
                }
                self.for_push.iter().for_each(|for_push| for_push.keep_name(named));
                Ok(Some(named.commit))
            }
            Err(Error::Hub(error)) => {
                tracing::debug!(%error, "the hub did not resolve the revision");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The content of a commit, from the first store that has it.
    pub(super) async fn snapshot_of(&self, commit: CommitId) -> Result<Option<RepoSnapshot>, Error> {
        for (number, store) in self.stores.in_use() {
            let snapshot = self.snapshot_at(number, store, commit).await?;
            if snapshot.is_some() {
                self.stores.gave_snapshot();
                return Ok(snapshot);
            }
        }
        Ok(None)
    }

    /// The same from one store. A pack that is not right is requested once more, bypassing caches, and
    /// then counts as missing.
    #[tracing::instrument(name = "store.pack", level = "debug", skip_all, fields(%commit, store = %store.url()))]
    async fn snapshot_at(
        &self,
        number: usize,
        store: &Store,
        commit: CommitId,
    ) -> Result<Option<RepoSnapshot>, Error> {
        let url = store.shown_pack(&commit).to_string();
        let mut wrong = None;
        for is_again in [false, true] {
            match self.read_pack(number, store, commit, is_again).await? {
                Told::Has(Ok(snapshot)) => {
                    self.stores.told(&url, StoreAnswer::Hit);
                    return Ok(Some(snapshot));
                }
                Told::Has(Err(error)) => wrong = Some(error),
                Told::Lacks => break,
                Told::Nothing => return Ok(None),
            }
        }
        if let Some(error) = wrong {
            self.is_wrong(store, &format!("commit {commit}"), error.into());
        }
        self.stores.told(&url, StoreAnswer::Miss);
        Ok(None)
    }

    /// The store's data is wrong: a warning, unless only stores may be asked.
    fn is_wrong(&self, store: &Store, what: &str, error: Error) {
        if self.stores.is_only() {
            let (model, store, what) =
                (self.request.model().clone(), store.url().to_string(), what.to_owned());
            self.stores.failed_with(Error::WrongInStore { model, store, what, source: Some(error.into()) });
        } else {
            self.stores.warn_of_wrong_content(store, &error);
        }
    }

    async fn read_pack(
        &self,
        number: usize,
        store: &Store,
        commit: CommitId,
        is_again: bool,
    ) -> Result<Told<Result<RepoSnapshot, hf_transport::Error>>, Error> {
        let shown = format!("commit {commit}");
        let pack = if is_again {
            self.ask(number, &shown, || store.find_pack_past_caches(&commit)).await?
        } else {
            self.ask(number, &shown, || store.find_pack(&commit)).await?
        };
        let pack = match pack {
            Told::Has(pack) => pack,
            Told::Lacks => return Ok(Told::Lacks),
            Told::Nothing => return Ok(Told::Nothing),
        };
        let limit = self.context.hub.max_metadata_bytes;
        let source = PackMetadata::new(pack.clone(), commit, store.shown_pack(&commit), limit);
        let request = self.metadata_request(Some(commit)).await?;
        Ok(match source.fetch(request).await {
            Err(error) if !matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Refused) => {
                return Err(error.into());
            }
            read => {
                if let (Ok(_), Some(for_push)) = (&read, &self.for_push) {
                    for_push.keep_pack(commit, pack);
                }
                Told::Has(read)
            }
        })
    }

    /// Asks a store for `what`, retrying transient failures. A store that cannot be asked is given up,
    /// unless only stores may be asked; one that returns wrong data counts as not having it. Unusable
    /// settings are always an error: ignoring them could cause weeks of traffic to the hub.
    async fn ask<T, F: Future<Output = Result<Option<T>, weight_store::Error>>>(
        &self,
        number: usize,
        what: &str,
        question: impl Fn() -> F,
    ) -> Result<Told<T>, Error> {
        match insist(&self.context.retry, question).await {
            Ok(answer) => return Ok(answer.map_or(Told::Lacks, Told::Has)),
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(error.into()),
            Err(error) if error.kind() == ErrorKind::Integrity => {
                self.stores.get(number).inspect(|store| self.is_wrong(store, what, error.into()));
                return Ok(Told::Lacks);
            }
            Err(error) if self.stores.is_only() => self.stores.failed_with(error.into()),
            Err(error) => self.stores.give_up(number, &error),
        }
        Ok(Told::Nothing)
    }

    /// The error if no store has it, or if that could not be determined.
    pub(super) fn not_in_store(&self, missing: String) -> Error {
        let (model, stores) = (self.request.model().clone(), self.stores.shown());
        self.stores.failure().err().unwrap_or(Error::NotInStore { model, stores, missing })
    }
}

/// Asks the hub to resolve a model's name, retrying transient failures.
pub(super) async fn ask_hub<T, F: Future<Output = Result<T, hf_transport::Error>>>(
    retry: &RetryPolicy,
    request: &Request,
    stores: &StoreSet,
    question: impl Fn() -> F,
) -> Result<T, Error> {
    let (model, observer) = (request.model(), request.watcher());
    let (mut budget, started) = (RetryBudget::new(retry.clone()), Instant::now());
    loop {
        observer.on_event(&Event::Metadata { model });
        let cause = match question().await {
            Err(error) if error.is_transient() => error,
            outcome => return Ok(outcome?),
        };
        let Some(pause) = pause_after(&cause, &mut budget) else {
            let (model, attempts, elapsed) = (model.clone(), budget.attempts(), started.elapsed());
            return Err(if !stores.is_empty() && stores.mode() == StoreMode::First {
                Error::CommitNotNamed { model, attempts, elapsed, source: cause }
            } else {
                Error::MetadataGaveUp { model, attempts, elapsed, source: cause }
            });
        };
        let pause = cause.server_wait().map_or(pause, |wait| wait.max(pause));
        observer.on_event(&Event::RetryingMetadata { pause, cause: &cause });
        sleep(pause).await;
    }
}

/// Asks a store, retrying transient failures.
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
        let delay = error.server_wait().map_or(pause, |wait| wait.max(pause));
        tracing::info!(?delay, %error, "retrying a request to a store");
        sleep(delay).await;
    }
}
