//! Metadata out of a pack that somebody else has brought.

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

/// The metadata source for a pack of one commit, which may come from anywhere.
///
/// Nothing about the pack is believed. It is looked through within the same bounds as one that a hub sends, and the
/// commit, every folder and every file in it have to have the names that the commit's id leads to: what is written and
/// listed is that commit's ([`Proof::Git`](crate::Proof)). Else the error is of the kind
/// [`Integrity`](crate::ErrorKind::Integrity), or [`Refused`](crate::ErrorKind::Refused) where a bound is passed.
///
/// A request is for the commit of this source, whatever [revision](MetadataRequest::revision) it names, and nothing
/// is [kept](MetadataRequest::keep_in).
#[derive(Clone, Debug)]
pub struct PackMetadata {
    pack: Bytes,
    commit: CommitId,
    from: SafeUrl,
    max_bytes: u64,
}

impl PackMetadata {
    /// A source for `commit`, of which `pack` is said to be the pack. Messages name `from` as where it comes from;
    /// `max_bytes` is how many bytes it may take once unpacked.
    #[must_use]
    pub fn new(pack: Bytes, commit: CommitId, from: SafeUrl, max_bytes: u64) -> Self {
        Self { pack, commit, from, max_bytes }
    }

    fn export(self, task: &Task, request: &MetadataRequest, scratch: &Path) -> Result<RepoSnapshot, Error> {
        let unpacking = Unpacking::new(task, scratch)?;
        let wanted = Wanted::Commit(self.commit);
        let opened = unpacking.open(&mut Cursor::new(self.pack), &wanted, &self.from);
        let (id, costs) = opened.map_err(|error| match error {
            // The same request would bring the same pack.
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
            // Last, so that their owner gets the folders back when nothing writes any more.
            drop(request);
            outcome
        })
        .await;
        CancelOnDrop::disarm(cancel_on_drop);
        outcome
    }
}
