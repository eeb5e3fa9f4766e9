//! Who fills the store: one for all that want the same commit, while the others wait for its pack.

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

    /// To be called before the hub is asked for a commit that the stores lack. What the commit holds, if somebody else
    /// has put it into the store meanwhile; `None` if it is this one's to get.
    pub(super) async fn wait_for_filler(&self, commit: CommitId) -> Result<Option<RepoSnapshot>, Error> {
        // The one that is written to, unless it was given up.
        let Some(store) = self.stores.get(0).filter(|_| self.fills()) else { return Ok(None) };
        match self.is_filled_by_another(store, commit).await {
            Ok(true) => self.snapshot_of(commit).await,
            Ok(false) => Ok(None),
            Err(error) => {
                tracing::info!(%error, "the lease could not be taken: asking the hub");
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
        // Retry while the store is in trouble. If every machine left it for the hub, the hub would be overloaded next.
        let retry = &self.context.retry;
        let has_pack = || insist(retry, || store.has_pack(&commit));
        if !insist(retry, || store.init()).await?.conditional_put {
            // So that not all of those who began together are at the hub together.
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
                    // The last holder may have ended between the two questions.
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

    /// What there is to do for the store when the download has ended. Nothing here keeps anybody waiting.
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
        // The caller's observer is told nothing any more.
        let progress = self.progress.clone().unwrap_or_default();
        let request = request.observer(Counting { progress, observer: Arc::new(()) });
        let filling = async move {
            let asked = request.model().clone();
            let outcome = push(context, request, &model, PushOptions::default()).await;
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

/// The request whose observer counts for those who wait, if stores are filled.
pub(super) fn counted(context: &SharedContext, request: Request) -> (Request, Option<Arc<FillProgress>>) {
    if !context.stores.fill.is_on || context.stores.urls.is_empty() || context.metadata.is_some() {
        return (request, None);
    }
    let (progress, observer) = (Arc::new(FillProgress::default()), Arc::clone(request.watcher()));
    (request.observer(Counting { progress: Arc::clone(&progress), observer }), Some(progress))
}
