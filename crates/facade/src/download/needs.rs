//! Which files a commit needs of a store, by its pack.

use std::sync::Arc;

use cache_layout::Purpose;
use hf_transport::{MetadataSource as _, PackMetadata};
use url_parse::{CommitId, ModelId, ModelRef, Revision};
use weight_store::{BlobId, Bytes, Store};

use super::work::Work;
use crate::context::SharedContext;
use crate::look::Query;
use crate::plan::RemoteFile;
use crate::{Error, Event, Observer, Request};

/// A file that a store has to have for a commit.
#[derive(Clone, Debug)]
pub(super) struct Needed {
    pub(super) id: BlobId,
    pub(super) file: RemoteFile,
}

/// What a commit needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    pub(super) blobs: Vec<Needed>,
    /// How many files the commit has, also those that are in its pack.
    pub(super) files: u64,
    /// How many bytes they have.
    pub(super) bytes: u64,
}

impl Work {
    /// Work on one commit that publishes nothing. Where nothing says which model a commit is of, its folder is named by
    /// the commit. Its steps are not told, but for what deserves a look.
    pub(super) async fn on_commit(
        context: &SharedContext,
        model: Option<&ModelId>,
        commit: CommitId,
        watcher: &Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let model = match model {
            Some(model) => model.clone(),
            None => ModelId::new("commit", &commit.to_string())?,
        };
        let model = ModelRef::new(model, Some(Revision::from(commit)));
        let watcher = Arc::clone(watcher);
        let request = Request::new(model).on_event(move |event| {
            if let Event::Warning(_) | Event::Throttled(_) = event {
                watcher.on_event(event);
            }
        });
        Self::begin(&Query::new(Arc::clone(context), request), Purpose::Fresh, None).await
    }

    /// What a commit needs, by its pack, which is looked through as one from a hub.
    pub(super) async fn needs(&self, store: &Store, commit: CommitId, pack: Bytes) -> Result<Needs, Error> {
        let limit = self.context.hub.max_metadata_bytes;
        let source = PackMetadata::new(pack, commit, store.shown_pack(&commit), limit);
        let snapshot = source.fetch(self.metadata_request(Some(commit)).await?).await?;
        let described = self.describe(&snapshot).await?;
        let (snapshot, described, plan) = self.plan(snapshot, described).await?;
        let mut needs = Needs { files: snapshot.files.len() as u64, ..Needs::default() };
        needs.bytes = snapshot.files.iter().map(|file| file.size).sum();
        for file in plan.fetches.into_iter().chain(described.fetched) {
            // What has no digest in its pointer is in git.
            if let Some(digest) = file.expected.sha256 {
                needs.blobs.push(Needed { id: BlobId::new(*digest.as_bytes()), file });
            }
        }
        Ok(needs)
    }
}
