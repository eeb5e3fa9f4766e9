//! Resolves a model's name to its current commit.

use std::sync::Arc;

use cache_layout::CachePolicy;
use hf_transport::{HubClient, HubMetadata, MetadataSource};
use url_parse::{CommitId, Revision};
use weight_store::RefName;

use super::stored::{ask_hub, insist};
use crate::context::{OwnSource, SharedContext};
use crate::decision::is_forced;
use crate::store_mode::StoreMode;
use crate::store_set::StoreSet;
use crate::threads::blocking;
use crate::{Error, Event, Request};

/// Asks the hub, or the stores if they are trusted with names. Writes nothing.
pub(crate) async fn newest_commit(
    context: SharedContext,
    request: &Request,
) -> Result<Option<CommitId>, Error> {
    let (model, policy) = (request.model(), request.policy_or(context.policy));
    if request.updates() {
        is_forced(request, policy)?;
    }
    if let Some(commit) = model.revision().and_then(Revision::commit) {
        return Ok(Some(commit));
    }
    if policy == CachePolicy::Off {
        return Err(Error::AskForbidden { model: model.clone(), policy });
    }
    let client = Arc::clone(&context);
    let client = blocking(move || client.client()).await?;
    let stores = StoreSet::open(&context.stores, &client, Arc::clone(request.watcher()))?;
    if !stores.is_empty() && stores.mode() != StoreMode::First {
        if let Some(commit) = by_stores(&context, &stores, request).await? {
            return Ok(Some(commit));
        }
        if stores.is_only() {
            let missing = model.to_string();
            return Err(Error::NotInStore { model: model.clone(), stores: stores.shown(), missing });
        }
    }
    let watcher = Arc::clone(request.watcher());
    let hub = HubClient::new(client, context.hub.clone());
    let hub = hub.on_throttled(move |throttled| watcher.on_event(&Event::Throttled(throttled)));
    let source: Arc<dyn MetadataSource> = match &context.metadata {
        Some(OwnSource(source)) => Arc::clone(source),
        None => Arc::new(HubMetadata::new(hub)),
    };
    ask_hub(&context.retry, request, &stores, || source.commit_of(model.id(), model.revision())).await
}

/// By the first store that knows the name. A store that cannot be asked is an error only if the hub
/// must not be asked.
async fn by_stores(
    context: &SharedContext,
    stores: &StoreSet,
    request: &Request,
) -> Result<Option<CommitId>, Error> {
    let model = request.model();
    request.watcher().on_event(&Event::Stores { model });
    let name = RefName { hub: &context.hub.endpoint, model: model.id(), revision: model.revision() };
    let mut failure = None;
    for (_, store) in stores.in_use() {
        match insist(&context.retry, || store.find_ref(&name)).await {
            Ok(Some(record)) => return Ok(Some(record.commit)),
            Ok(None) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) if stores.is_only() => Err(error.into()),
        _ => Ok(None),
    }
}
