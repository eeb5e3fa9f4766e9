//! A running download: what its steps share.

use std::sync::Arc;

use cache_layout::{Purpose, Receipt, SlotLock};
use hf_transport::{HubClient, HubConfig, RepoSnapshot};
use net::Client;
use parking_lot::Mutex;

use super::for_push::ForPush;
use crate::context::SharedContext;
use crate::fill::{FillProgress, Lead};
use crate::lease::{GiveUpOnDrop, Lease};
use crate::look::{Query, mended_receipt};
use crate::store_set::StoreSet;
use crate::{Error, Event, Observer, Request, Warning};

pub(super) struct Work {
    pub(super) context: SharedContext,
    pub(super) request: Request,
    /// Steps access the disk through [`Lease::on_disk`].
    pub(super) lease: Arc<Lease>,
    /// Connects to the hub and the data host.
    pub(super) client: Client,
    pub(super) hub: HubClient,
    pub(super) stores: Arc<StoreSet>,
    /// The receipt of the entry being repaired, if there is one.
    pub(super) mended: Option<Arc<Receipt>>,
    /// What was done so far, if the store is filled.
    pub(super) progress: Option<Arc<FillProgress>>,
    /// Held while this machine is the one that fills the store.
    pub(super) lead: Mutex<Option<Lead>>,
    /// What to keep for a push.
    pub(super) for_push: Option<ForPush>,
    _give_up: GiveUpOnDrop,
}

impl Work {
    /// Begins a run. Without the lock, nothing may be published.
    pub(super) async fn begin(
        query: &Query,
        purpose: Purpose,
        lock: Option<SlotLock>,
    ) -> Result<Self, Error> {
        let (lease, mended) = query
            .on_disk(move |Query { context, slot, request, .. }| {
                let watcher = Arc::clone(request.watcher());
                let lease = Lease::begin(&context.layout, slot, purpose, lock, watcher)?;
                let mended = match purpose {
                    Purpose::Redo => None,
                    Purpose::Fresh | Purpose::Repair => mended_receipt(&context.layout, slot),
                };
                Ok((Arc::new(lease), mended.map(Arc::new)))
            })
            .await?;
        let client = query.on_disk(|Query { context, .. }| context.client()).await?;
        let hub = HubClient::new(client.clone(), query.context.hub.clone());
        let (context, request) = (Arc::clone(&query.context), query.request.clone());
        let watcher = Arc::clone(request.watcher());
        let stores = Arc::new(StoreSet::open(&context.stores, &client, watcher)?);
        let (progress, lead, for_push) = (None, Mutex::default(), None);
        let give_up = GiveUpOnDrop(Arc::clone(&lease));
        Ok(Self {
            context,
            request,
            lease,
            client,
            hub,
            stores,
            mended,
            progress,
            lead,
            for_push,
            _give_up: give_up,
        })
    }

    /// Tells the observer when the hub limits the request rate.
    pub(super) fn telling_of_limits(mut self) -> Self {
        let watcher = Arc::clone(self.request.watcher());
        self.hub = self.hub.on_throttled(move |throttled| watcher.on_event(&Event::Throttled(throttled)));
        self
    }

    /// Fills the store if there is a counter.
    pub(super) fn counting(mut self, progress: Option<Arc<FillProgress>>) -> Self {
        self.progress = progress;
        self
    }

    /// Keeps what a push needs to know.
    pub(super) fn keeping(mut self, for_push: Option<ForPush>) -> Self {
        self.for_push = for_push;
        self
    }

    /// Runs steps while sending heartbeats for the run.
    pub(super) async fn with_heartbeat<T>(
        &self,
        steps: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            outcome = steps => outcome.map_err(|error| self.shown(error)),
            never = self.lease.beat() => match never {},
        }
    }

    /// The error, with paths as the user knows them.
    fn shown(&self, error: Error) -> Error {
        match error {
            Error::Fetch(shard_fetch::Error::NoSpace { needed, free, source, .. }) => Error::NoSpace {
                model: self.request.model().clone(),
                home: self.context.layout.home().to_owned(),
                needed,
                free,
                source,
            },
            error => self.lease.shown(error),
        }
    }

    /// Records that everything that follows concerns this commit.
    pub(super) fn note_commit(&self, RepoSnapshot { commit, proof, .. }: &RepoSnapshot) {
        tracing::Span::current().record("commit", tracing::field::display(commit));
        self.observer().on_event(&Event::Commit { commit, proof: *proof });
    }

    /// Call this before the first request.
    pub(super) fn warn_of_exposed_token(&self) {
        let HubConfig { endpoint, token, .. } = &self.context.hub;
        if token.as_ref().is_some_and(|token| token.is_exposed_at(endpoint)) {
            tracing::warn!(hub = %endpoint, "the access token is sent over plain http");
            self.warn(Warning::TokenOverPlainHttp { hub: endpoint });
        }
    }

    /// Call this after the first responses, whatever they are.
    pub(super) fn warn_of_what_the_hub_said(&self) {
        if self.hub.has_dropped_token() {
            self.warn(Warning::TokenDropped { hub: self.hub.endpoint() });
        }
        let model = self.request.model().id();
        if let Some(present) = self.hub.renamed(model) {
            self.warn(Warning::Renamed { model, present: &present });
        }
    }

    pub(super) fn warn(&self, warning: Warning<'_>) {
        self.observer().on_event(&Event::Warning(warning));
    }

    pub(super) fn observer(&self) -> &dyn Observer {
        self.request.watcher().as_ref()
    }
}
