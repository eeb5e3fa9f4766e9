//! Lists a store.

use weight_store::Store;

use super::store_names::StoreNames;
use crate::Error;
use crate::context::SharedContext;
use crate::stored::{StoreListing, StoredModel, UnnamedCommit};

/// Lists a store, and reads its refs.
pub(crate) async fn list(context: &SharedContext, store: &Store) -> Result<StoreListing, Error> {
    let names = StoreNames::all(store, &context.retry, &context.hub.endpoint).await?;
    let packs = names.packs.as_ref();
    let has_pack = |commit| packs.is_some_and(|packs| packs.contains_key(commit));
    let models = names.refs.iter().map(|stored| StoredModel {
        hub: stored.name.hub().to_owned(),
        model: stored.name.model.clone(),
        revision: stored.name.revision.clone(),
        commit: stored.record.commit,
        files: stored.record.files,
        bytes: stored.record.bytes,
        seen_at: stored.record.seen_at,
        by: stored.record.by.clone(),
        has_pack: has_pack(&stored.record.commit),
    });
    let unnamed =
        packs.into_iter().flatten().filter(|(commit, _)| names.of_commit(**commit).next().is_none());
    Ok(StoreListing {
        store: store.url().to_string(),
        models: models.collect(),
        unnamed: unnamed.map(|(&commit, &pack_bytes)| UnnamedCommit { commit, pack_bytes }).collect(),
        broken: names.broken.iter().map(|(_, finding)| finding.clone()).collect(),
        other_files: names.others.0,
    })
}
