//! What is left to do when every file is verified: the user's own files, the receipt, the publication.

use std::path::Path;
use std::sync::Arc;

use cache_layout::{Published, Purpose, Receipt, ReceiptFile, Run};
use hf_transport::{FileKind, RepoSnapshot};
use shard_fetch::digest_file;
use url_parse::RepoPath;

use super::metadata::Described;
use super::{Work, carry_over};
use crate::lease::with_lease;
use crate::look::inspect;
use crate::plan::{Plan, PlannedFile};
use crate::{Error, Event, Warning};

impl Work {
    /// Writes down what the tree was made from, and takes over what a repair keeps.
    pub(super) async fn finish_tree(
        &self,
        snapshot: RepoSnapshot,
        described: &Described,
        plan: &Plan,
    ) -> Result<(), Error> {
        let fetched: Vec<ReceiptFile> =
            plan.fetches.iter().chain(&described.fetched).map(PlannedFile::receipt_file).collect();
        let lacking = described.lacking(&snapshot);
        let plain_shards: Vec<RepoPath> = plan.plain_shards.iter().map(|(path, _)| path.clone()).collect();
        let manifest_path = described.manifest_path.clone();
        let (context, slot) = (Arc::clone(&self.context), self.slot.clone());
        let (is_repair, edits) = (self.purpose != Purpose::Redo, self.edits());
        let carried = with_lease(&self.lease, move |lease| {
            lease.with_run(|run| {
                let mut receipt = receipt(run, &snapshot, fetched, &manifest_path)?;
                receipt.revision = slot.model().revision().cloned();
                receipt.lacking = lacking;
                let carried = match context.layout.existing_entry(&slot) {
                    Some(entry) if is_repair => {
                        carry_over::carry_over(run, &entry, &snapshot, &plain_shards, edits)?
                    }
                    _ => carry_over::CarriedOver::default(),
                };
                run.write_receipt(&receipt)?;
                Ok(carried)
            })
        })
        .await?;
        for (path, place) in &carried.kept {
            self.observer().on_event(&Event::Warning(Warning::CarriedOver { path, place }));
        }
        for (path, reason) in &carried.left_behind {
            self.observer().on_event(&Event::Warning(Warning::LeftBehind { path, reason }));
        }
        Ok(())
    }

    /// Makes the tree the model's directory.
    pub(super) async fn publish(&self) -> Result<Published, Error> {
        self.observer().on_event(&Event::Publishing { path: self.slot.entry() });
        let (context, slot) = (Arc::clone(&self.context), self.slot.clone());
        with_lease(&self.lease, move |lease| {
            let run = lease.take_run().ok_or(Error::Cancelled)?;
            Ok(run.publish(&|dir| inspect(&context.layout, &slot, dir))?)
        })
        .await
    }
}

/// The receipt of a tree as the commit has it: fetched files as they were verified, plain ones hashed now.
fn receipt(
    run: &Run,
    snapshot: &RepoSnapshot,
    fetched: Vec<ReceiptFile>,
    manifest_path: &RepoPath,
) -> Result<Receipt, Error> {
    let mut files = fetched;
    for file in snapshot.files.iter().filter(|file| matches!(file.kind, FileKind::Plain)) {
        files.push(plain_file(run.tree(), &file.path)?);
    }
    let manifest = files.iter().find(|file| file.path == *manifest_path);
    let manifest_sha256 = manifest.and_then(|file| file.sha256).unwrap_or_default();
    let mut receipt = Receipt::new(snapshot.commit, manifest_sha256);
    receipt.files = files;
    Ok(receipt)
}

fn plain_file(tree: &Path, path: &RepoPath) -> Result<ReceiptFile, Error> {
    let digests = digest_file(&path.under(tree))?;
    Ok(ReceiptFile {
        path: path.clone(),
        size: digests.size,
        sha256: digests.sha256.map(|digest| *digest.as_bytes()),
        md5: digests.md5.map(|digest| *digest.as_bytes()),
    })
}
