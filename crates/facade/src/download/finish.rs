//! What remains once every file is verified: the user's own files, the receipt, publishing.

use std::path::PathBuf;

use cache_layout::{Published, Purpose, Receipt, ReceiptFile, Run};
use hf_transport::{FileKind, RepoSnapshot};
use shard_fetch::digest_open_file;
use url_parse::RepoPath;

use super::carry_over::{CarriedOver, Commit, Receipts, carry_over};
use super::metadata::Described;
use super::work::Work;
use crate::lease::Lease;
use crate::look::{KnownDir, inspect, known_of};
use crate::plan::{Plan, RemoteFile};
use crate::{Error, Event, Warning};

impl Work {
    /// Records what the tree was made from, and carries over what a repair keeps.
    pub(super) async fn finish_tree(
        &self,
        snapshot: RepoSnapshot,
        described: Described,
        plan: Plan,
    ) -> Result<(), Error> {
        let (mended, repair) = (self.mended.clone(), self.request.repairs());
        // The application's own source may have asked another hub, and a store's pack says nothing
        // about what the hub serves.
        let is_by_hub = self.context.metadata.is_none() && !self.stores.has_given_snapshot();
        let endpoint = is_by_hub.then(|| self.context.hub.endpoint.clone());
        let kept = self.mended.as_ref().filter(|mended| mended.commit == snapshot.commit);
        let seen_at = self.stores.seen_at(snapshot.commit).or(kept.and_then(|mended| mended.seen_at));
        let carried = self
            .lease
            .on_disk(move |lease, run| {
                let mut receipt = receipt(lease, run, &snapshot, &described, &plan)?;
                receipt.revision = lease.slot.model().revision().cloned();
                receipt.endpoint = endpoint;
                receipt.seen_at = seen_at;
                let carried = match lease.existing_entry() {
                    Some(entry) if lease.purpose != Purpose::Redo => {
                        let new = Commit::new(&snapshot, &plan.plain_shards, &receipt.lacking);
                        let last = lease.layout.receipt(&lease.slot);
                        let receipts = Receipts { about: mended.as_deref(), last: last.as_ref() };
                        carry_over(run, &entry, &new, receipts, repair)?
                    }
                    _ => CarriedOver::default(),
                };
                receipt.edits.clone_from(&carried.edits);
                run.write_receipt(&receipt)?;
                Ok(carried)
            })
            .await?;
        for (path, kept_as) in &carried.kept {
            self.warn(Warning::CarriedOver { path, kept_as });
        }
        for (path, reason) in &carried.left_behind {
            self.warn(Warning::LeftBehind { path, reason });
        }
        Ok(())
    }

    /// Publishes the tree as the model's directory. Returns that directory and its description: the
    /// tree's `own`, unless another process was first.
    pub(super) async fn publish(&self, own: KnownDir) -> Result<(PathBuf, KnownDir), Error> {
        self.observer().on_event(&Event::Publishing { path: self.lease.slot.entry() });
        self.lease
            .publish(move |Lease { layout, slot, .. }, run| {
                Ok(match run.publish(&|dir| inspect(layout, slot, dir))? {
                    Published::Ours(path) => (path, own),
                    // Also whole, but not necessarily of the commit that was fetched here.
                    Published::SomeoneElse(path) => {
                        let known = known_of(layout, slot, &path);
                        (path, known)
                    }
                })
            })
            .await
    }
}

/// The receipt of a tree in the state of its commit: digests of fetched files as verified, of plain
/// files computed now.
fn receipt(
    lease: &Lease,
    run: &Run,
    snapshot: &RepoSnapshot,
    described: &Described,
    plan: &Plan,
) -> Result<Receipt, Error> {
    let fetched = plan.fetches.iter().chain(&described.fetched);
    let mut files: Vec<ReceiptFile> = fetched.map(RemoteFile::receipt_file).collect();
    for file in snapshot.files.iter().filter(|file| matches!(file.kind, FileKind::Plain)) {
        lease.go_on()?;
        files.push(plain_file(run, &file.path)?);
    }
    let manifest = files.iter().find(|file| file.path == described.manifest_path);
    let manifest_sha256 = manifest.and_then(|file| file.sha256).unwrap_or_default();
    let mut receipt = Receipt::new(snapshot.commit, manifest_sha256);
    receipt.proof = Some(snapshot.proof);
    receipt.files = files;
    receipt.lacking = described.lacking(snapshot);
    Ok(receipt)
}

fn plain_file(run: &Run, path: &RepoPath) -> Result<ReceiptFile, Error> {
    let digests = digest_open_file(run.open(path)?, &path.under(run.tree()))?;
    Ok(ReceiptFile {
        path: path.clone(),
        size: digests.size,
        sha256: digests.sha256.map(|digest| *digest.as_bytes()),
        md5: digests.md5.map(|digest| *digest.as_bytes()),
    })
}
