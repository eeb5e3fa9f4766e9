//! Which files a commit needs in a store, according to its pack.

use std::sync::Arc;

use cache_layout::Purpose;
use url_parse::{CommitId, ModelId, ModelRef, Revision};
use weight_store::{BlobId, Bytes, Store};

use super::work::Work;
use crate::context::SharedContext;
use crate::look::Query;
use crate::plan::RemoteFile;
use crate::{Error, Event, Observer, Request};

/// A file that a store must have for a commit.
#[derive(Clone, Debug)]
pub(super) struct Needed {
    pub(super) id: BlobId,
    pub(super) file: RemoteFile,
}

/// What a commit needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    pub(super) blobs: Vec<Needed>,
    /// The number of files in the commit, including those in its pack.
    pub(super) files: u64,
    /// Their total size.
    pub(super) bytes: u64,
}

impl Work {
    /// Work on one commit that publishes nothing. If the commit's model is unknown, the folder is named
    /// after the commit. Only warnings are reported.
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

    /// What a commit needs, from its pack, which is scanned like one from a hub.
    pub(super) async fn needs(&self, store: &Store, commit: CommitId, pack: Bytes) -> Result<Needs, Error> {
        let snapshot = self.unpacked(store, commit, pack).await?;
        let described = self.describe(&snapshot).await?;
        let (snapshot, described, plan) = self.plan(snapshot, described).await?;
        let mut needs = Needs { files: snapshot.files.len() as u64, ..Needs::default() };
        needs.bytes = snapshot.files.iter().map(|file| file.size).sum();
        for file in plan.fetches.into_iter().chain(described.fetched) {
            // A file whose pointer has no digest is in git.
            if let Some(digest) = file.expected.sha256 {
                needs.blobs.push(Needed { id: BlobId::from_bytes(*digest.as_bytes()), file });
            }
        }
        Ok(needs)
    }
}
