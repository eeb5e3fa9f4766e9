//! Metadata from a pack that was obtained elsewhere.

use std::io::Cursor;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use net::SafeUrl;
use url_parse::CommitId;

use super::cancel::{self, CancelOnDrop};
use super::export;
use super::scratch::with_scratch;
use super::task::Task;
use super::unpack::{FetchedCommit, Unpacking};
use super::wanted::Wanted;
use crate::{Error, MetadataRequest, MetadataSource, RepoSnapshot};

/// The metadata source for a pack of one commit from any origin.
///
/// The pack is not trusted. It is scanned with the same limits as one from a hub, and the commit and
/// every folder and file in it must have the ids that follow from the commit's id, so what is written
/// and listed belongs to that commit ([`Proof::Git`](crate::Proof)). Otherwise the error has the kind
/// [`Integrity`](crate::ErrorKind::Integrity), or [`Refused`](crate::ErrorKind::Refused) if a limit is
/// exceeded.
///
/// A request always refers to this source's commit, whatever its [revision](MetadataRequest::revision),
/// and nothing is [kept](MetadataRequest::keep_in).
#[derive(Clone, Debug)]
pub struct PackMetadata {
    pack: Bytes,
    commit: CommitId,
    from: SafeUrl,
    max_bytes: u64,
}

impl PackMetadata {
    /// A source for `commit` from what should be its `pack`. Messages name `from` as its origin;
    /// `max_bytes` limits its unpacked size.
    #[must_use]
    pub fn new(pack: Bytes, commit: CommitId, from: SafeUrl, max_bytes: u64) -> Self {
        Self { pack, commit, from, max_bytes }
    }

    fn export(self, task: &Task, request: &MetadataRequest, scratch: &Path) -> Result<RepoSnapshot, Error> {
        let unpacking = Unpacking::new(task, scratch)?;
        let wanted = Wanted::Commit(self.commit);
        let opened = unpacking.open(&mut Cursor::new(self.pack), &wanted, &self.from);
        let (id, costs) = opened.map_err(|error| match error {
            // Repeating the request would give the same pack.
            Error::Git { model, url, .. } => {
                Error::BrokenPack { model, url, problem: "its checksum is not that of its bytes" }
            }
            error => error,
        })?;
        let commit = FetchedCommit { repository: unpacking.repository, id, costs, shelf: None };
        export::export_tree(&commit, request, task, None)
    }
}

#[async_trait]
impl MetadataSource for PackMetadata {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        let (cancel_on_drop, cancelled) = cancel::pair();
        let (source, model) = (self.clone(), request.model.clone());
        let span = tracing::debug_span!("pack", %model, commit = %self.commit);
        let revision = Some(self.commit.into());
        let task = Task { model, revision, cancelled, max_bytes: self.max_bytes };
        let outcome = net::blocking(move || {
            let outcome = span.in_scope(|| {
                with_scratch(&task.cancelled, &request, |scratch| source.export(&task, &request, scratch))
            });
            // Dropped last, so that the owner gets the folders back only when nothing writes there.
            drop(request);
            outcome
        })
        .await;
        CancelOnDrop::disarm(cancel_on_drop);
        outcome
    }
}
