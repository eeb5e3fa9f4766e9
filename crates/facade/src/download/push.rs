//! Pushes a cached model to a store: blobs first, then the commit's pack, then a name for it.

use std::time::SystemTime;

use cache_layout::Purpose;
use hf_transport::{GitMetadata, HubClient, MetadataSource as _, NamedCommit, PackMetadata, RepoSnapshot};
use net::{Client, RetryBudget};
use tokio::task::JoinSet;
use tokio::time::sleep;
use url_parse::{CommitId, Revision};
use weight_store::{Blob, BlobId, Put, RefName, RefPut, RefRecord, Store};

use super::for_push::ForPush;
use super::metadata::pause_after;
use super::store_check::moved;
use super::stored::insist;
use super::work::Work;
use crate::context::SharedContext;
use crate::look::Query;
use crate::plan::RemoteFile;
use crate::proof_problem::ProofProblem;
use crate::pushed::{PushOptions, Pushed, PushedName};
use crate::store_clock::warn_of_clock;
use crate::threads::blocking;
use crate::{Error, Event, Model, Request};

/// How many blobs are written at a time.
const AT_ONCE: usize = 4;

/// Pushes a model that the cache has to the first store.
pub(crate) async fn push(
    context: SharedContext,
    request: Request,
    model: &Model,
    options: PushOptions,
    known: &ForPush,
) -> Result<Pushed, Error> {
    let query = Query::new(context, request);
    let work = Work::begin(&query, Purpose::Fresh, None).await?.telling_of_limits();
    work.with_heartbeat(work.push(model, options, known)).await
}

impl Work {
    async fn push(&self, model: &Model, options: PushOptions, known: &ForPush) -> Result<Pushed, Error> {
        let asked = self.request.model();
        let unproven = || Error::Unproven {
            model: asked.clone(),
            commit: None,
            problem: ProofProblem::NoReceipt,
            read_only_tier: model.tier.is_read_only().then(|| model.tier.path().to_owned()),
        };
        let commit = model.commit.ok_or_else(unproven)?;
        let store = self.stores.first().ok_or(Error::NoStore)?;
        if !options.allow_private {
            self.check_public().await?;
        }
        self.observer().on_event(&Event::Stores { model: asked });
        insist(&self.context.retry, || store.init()).await?;
        warn_of_clock(store, self.observer());
        let (snapshot, pack) = match known.take_pack(commit) {
            Some(pack) => (self.unpacked(store, commit, pack.clone()).await?, pack),
            None => self.packed(commit).await?,
        };
        let described = self.describe(&snapshot).await?;
        let (snapshot, described, plan) = self.plan(snapshot, described).await?;
        let files = plan.fetches.iter().chain(&described.fetched);
        let wanted = files.clone().filter(|file| file.expected.sha256.is_some());
        let (count, bytes) =
            wanted.fold((0, 0), |(count, bytes), file| (count + 1, bytes + file.expected.size));
        self.observer().on_event(&Event::StoreWork { files: count, bytes });
        let mut pushed = Pushed::new(store.url().to_string(), commit);
        self.push_files(model, store, files, options, &mut pushed).await?;
        insist(&self.context.retry, || store.put_pack(&commit, pack.clone(), options.replace)).await?;
        pushed.name = self.push_name(store, &snapshot, known.named(commit)).await?;
        tracing::info!(%commit, store = pushed.store, files = pushed.files, bytes = pushed.bytes, "pushed");
        Ok(pushed)
    }

    /// What the commit holds, by its pack, and the plain files in the tree.
    pub(super) async fn unpacked(
        &self,
        store: &Store,
        commit: CommitId,
        pack: weight_store::Bytes,
    ) -> Result<RepoSnapshot, Error> {
        let limit = self.context.hub.max_metadata_bytes;
        let source = PackMetadata::new(pack, commit, store.shown_pack(&commit), limit);
        Ok(source.fetch(self.metadata_request(Some(commit)).await?).await?)
    }

    /// Refuses a private model, since everyone who can read the store could read it.
    pub(super) async fn check_public(&self) -> Result<(), Error> {
        let mut config = self.context.hub.clone();
        if config.token.take().is_none() {
            return Ok(());
        }
        let model = self.request.model().id();
        // With its own connections, since the existing ones have carried the token.
        let settings = self.client.settings().clone();
        let client = blocking(move || Ok(Client::new(settings)?)).await?;
        let refusal = match HubClient::new(client, config).commit_of(model, None).await {
            Err(error) if !error.is_transient() => error,
            outcome => return Ok(outcome.map(drop)?),
        };
        // A hub without git refuses this to everyone.
        self.hub.commit_of(model, None).await.map_err(|error| self.without_git(error))?;
        Err(Error::Private { model: model.clone(), source: refusal })
    }

    /// The commit's metadata, in the tree and as a pack. Over git only, since nothing else proves it.
    pub(super) async fn packed(
        &self,
        commit: CommitId,
    ) -> Result<(RepoSnapshot, weight_store::Bytes), Error> {
        let source = GitMetadata::new(self.hub.clone());
        let mut budget = RetryBudget::new(self.context.retry.clone());
        loop {
            self.observer().on_event(&Event::Metadata { model: self.request.model() });
            let error = match source.fetch_with_pack(self.metadata_request(Some(commit)).await?).await {
                Ok(packed) => return Ok(packed),
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(self.without_git(error)),
            };
            let Some(pause) = pause_after(&error, &mut budget) else { return Err(error.into()) };
            let pause = error.server_wait().map_or(pause, |wait| wait.max(pause));
            self.observer().on_event(&Event::RetryingMetadata { pause, cause: &error });
            sleep(pause).await;
        }
    }

    /// The model is known to exist: if no git is served at all, that is why it was refused.
    fn without_git(&self, error: hf_transport::Error) -> Error {
        if error.is_transient() || self.hub.has_served_git() {
            return error.into();
        }
        tracing::debug!(%error, "the hub serves no git of this model");
        let commit = self.request.model().revision().and_then(Revision::commit);
        let (model, problem) = (self.request.model().clone(), ProofProblem::NotForStores);
        Error::Unproven { model, commit, problem, read_only_tier: None }
    }

    async fn push_files(
        &self,
        model: &Model,
        store: &Store,
        files: impl Iterator<Item = &RemoteFile>,
        options: PushOptions,
        pushed: &mut Pushed,
    ) -> Result<(), Error> {
        let (mut writing, mut files) = (JoinSet::new(), files.fuse());
        loop {
            while writing.len() < AT_ONCE
                && let Some(file) = files.next()
            {
                // A file whose pointer has no digest is in git.
                let Some(digest) = file.expected.sha256 else { continue };
                let (id, size) = (BlobId::from_bytes(*digest.as_bytes()), file.expected.size);
                let on_read = moved(self.request.watcher());
                let blob = Blob { id, size, file: file.path.under(&model.path), on_read };
                let (store, retry, path) = (store.clone(), self.context.retry.clone(), file.path.clone());
                writing.spawn(async move {
                    let put = insist(&retry, || store.put_blob(&blob, options.replace)).await?;
                    Ok::<_, Error>((path, blob.size, put))
                });
            }
            let Some(written) = writing.join_next().await else { return Ok(()) };
            let (file, bytes, put) = net::joined(written)?;
            pushed.count(bytes, put);
            self.observer().on_event(&Event::StoreFileDone);
            if put == Put::WasThere {
                self.observer().on_event(&Event::StoreBytes { bytes });
            }
            self.observer().on_event(&Event::Pushed {
                file: &file,
                size: bytes,
                was_there: put == Put::WasThere,
            });
        }
    }

    /// Makes the requested name stand for the commit, if the hub agrees or has already said so.
    async fn push_name(
        &self,
        store: &Store,
        snapshot: &RepoSnapshot,
        known: Option<NamedCommit>,
    ) -> Result<PushedName, Error> {
        let model = self.request.model();
        if model.revision().and_then(Revision::commit).is_some() {
            return Ok(PushedName::NotAsked);
        }
        let named = match known {
            Some(named) => named,
            None => self.hub.commit_of(model.id(), model.revision()).await?,
        };
        if named.commit != snapshot.commit {
            return Ok(PushedName::MovedOn(named.commit));
        }
        let record = RefRecord {
            commit: snapshot.commit,
            seen_at: named.seen_at.unwrap_or_else(SystemTime::now),
            files: snapshot.files.len() as u64,
            bytes: snapshot.files.iter().map(|file| file.size).sum(),
            by: self.context.agent().to_owned(),
        };
        let hub = &self.context.hub.endpoint;
        let name = RefName { hub, model: model.id(), revision: model.revision() };
        Ok(match insist(&self.context.retry, || store.put_ref(&name, &record)).await? {
            RefPut::Written => PushedName::Written,
            RefPut::Later(later) => PushedName::Later(later.commit),
        })
    }
}
