//! Chooses which machine fills the store with a commit, while the others wait for its pack.

use std::sync::Arc;
use std::time::Instant;

use hf_transport::RepoSnapshot;
use tokio::time::sleep;
use tracing::Instrument as _;
use url_parse::{CommitId, Excerpt};
use weight_store::{LeaseTaken, Store};

use super::push::push;
use super::stored::insist;
use super::work::Work;
use crate::context::SharedContext;
use crate::fill::{Counting, FillProgress, Filled, Lead, Waiting};
use crate::stores::PushOptions;
use crate::words::failure;
use crate::{Error, Event, Model, Outcome, Request};

impl Work {
    fn fills(&self) -> bool {
        self.progress.is_some() && !self.stores.is_only()
    }

    /// Call this before asking the hub for a commit that the stores lack. Returns the commit's content
    /// if another machine has put it into the store meanwhile; `None` if this machine must get it.
    pub(super) async fn wait_for_filler(&self, commit: CommitId) -> Result<Option<RepoSnapshot>, Error> {
        // The store that is written to, unless it was given up.
        let Some(store) = self.stores.get(0).filter(|_| self.fills()) else { return Ok(None) };
        match self.is_filled_by_another(store, commit).await {
            Ok(true) => self.snapshot_of(commit).await,
            Ok(false) => Ok(None),
            Err(error) => {
                tracing::info!(%error, "cannot take the lease: asking the hub");
                Ok(None)
            }
        }
    }

    async fn is_filled_by_another(
        &self,
        store: &Store,
        commit: CommitId,
    ) -> Result<bool, weight_store::Error> {
        let (config, holder) = (&self.context.stores.fill, format!("{:016x}", fastrand::u64(..)));
        // Retry while the store is failing. If every machine turned to the hub instead, the hub would
        // be overloaded next.
        let retry = &self.context.retry;
        let has_pack = || insist(retry, || store.has_pack(&commit));
        if !insist(retry, || store.init()).await?.conditional_put {
            // So that machines that started together do not reach the hub together.
            sleep(config.pause()).await;
            return has_pack().await;
        }
        let mut waiting = Waiting::new(config.patience, Instant::now());
        let mut is_told = false;
        loop {
            let dead = waiting.dead(Instant::now());
            match insist(retry, || store.take_lease(&commit, &holder, dead)).await? {
                LeaseTaken::Ours(lease) => {
                    let lead = self.progress.as_ref().map(|it| Lead::begin(*lease, Arc::clone(it), config));
                    *self.lead.lock() = lead;
                    // The last holder may have finished between the two requests.
                    return has_pack().await;
                }
                LeaseTaken::NoLeases => {
                    sleep(config.pause()).await;
                    return has_pack().await;
                }
                LeaseTaken::Theirs(lease) => {
                    if !std::mem::replace(&mut is_told, true) {
                        let (store, holder) = (store.url().to_string(), Excerpt::of(lease.holder()));
                        tracing::info!(store, %holder, "another machine is filling the store: waiting");
                        self.observer().on_event(&Event::WaitingForStore { store: &store });
                    }
                    waiting.saw(lease, Instant::now());
                }
            }
            if waiting.is_over(Instant::now()) {
                return Ok(false);
            }
            sleep(config.pause()).await;
            if has_pack().await? {
                return Ok(true);
            }
        }
    }

    /// Does what is left to do for the store after the download. Nothing waits for this.
    pub(super) async fn fill_store(&self, outcome: &Result<Model, Error>) {
        let lead = self.lead.lock().take();
        let model = match outcome {
            Ok(model) if self.fills() && self.has_used_hub(model) => model.clone(),
            _ => {
                if let Some(lead) = lead {
                    lead.end().await;
                }
                return;
            }
        };
        let (context, request) = (Arc::clone(&self.context), self.request.clone());
        // The caller's observer receives no further events.
        let progress = self.progress.clone().unwrap_or_default();
        let known = self.for_push.clone().unwrap_or_default();
        let request = request.observer(Counting { progress, observer: Arc::new(()) });
        let filling = async move {
            let asked = request.model().clone();
            let outcome = push(context, request, &model, PushOptions::default(), &known).await;
            if let Err(error) = &outcome {
                tracing::warn!(model = %asked, error = failure(error), "the store could not be filled");
            }
            if let Some(lead) = lead {
                lead.end().await;
            }
            Filled { model: asked, outcome }
        };
        self.context.fills.add(tokio::spawn(filling.in_current_span()));
    }

    fn has_used_hub(&self, model: &Model) -> bool {
        let Outcome::Downloaded { bytes_received, bytes_from_store, .. } = model.outcome else {
            return false;
        };
        !self.stores.has_given_snapshot() || bytes_received > bytes_from_store
    }
}

/// Adds an observer that counts progress for waiting machines, if stores are filled.
pub(super) fn counted(context: &SharedContext, request: Request) -> (Request, Option<Arc<FillProgress>>) {
    if !context.stores.fill.is_on || context.stores.urls.is_empty() || context.metadata.is_some() {
        return (request, None);
    }
    let (progress, observer) = (Arc::new(FillProgress::default()), Arc::clone(request.watcher()));
    (request.observer(Counting { progress: Arc::clone(&progress), observer }), Some(progress))
}
