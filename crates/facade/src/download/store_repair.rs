//! Rewrites what is damaged or missing in a store.

use std::collections::BTreeSet;
use std::sync::Arc;

use hf_transport::{HubClient, NamedCommit};
use url_parse::{CommitId, ModelId};
use weight_store::{Blob, BlobId, OnRead, RefRecord, Store};

use super::needs::{Needed, Needs};
use super::store_check::Checker;
use super::store_names::{ListedName, StoreNames};
use super::stored::insist;
use super::work::Work;
use crate::Error;
use crate::stored::{RepairOutcome, StoreFinding, StorePart};
use crate::threads::blocking;
use crate::words::failure;

const NO_MODEL: &str = "the store does not say which model of this hub it belongs to";
const OTHER_HUB: &str = "it belongs to another hub than HF_ENDPOINT names";
const NOT_PUSHED: &str = "the store has no intact copy of the commit that the hub has for it";

impl Checker {
    pub(super) async fn needs_by_hub(&self, names: &StoreNames, commit: CommitId) -> Result<Needs, String> {
        let (model, pack) = self.pack_by_hub(names, commit).await?;
        self.needs(Some(&model), commit, pack).await.map_err(|error| failure(&error))
    }

    async fn pack_by_hub(
        &self,
        names: &StoreNames,
        commit: CommitId,
    ) -> Result<(ModelId, weight_store::Bytes), String> {
        let model = names.commits.get(&commit).and_then(Option::as_ref).ok_or(NO_MODEL)?;
        let packed = async {
            let work = self.work_at_hub(model, commit).await?;
            work.with_heartbeat(work.packed(commit)).await
        };
        let (_, pack) = packed.await.map_err(|error| failure(&error))?;
        Ok((model.clone(), pack))
    }

    /// Blobs first, then packs: the order that every writer follows.
    pub(super) async fn repair(&mut self, names: &StoreNames, broken: &mut [(ListedName, StoreFinding)]) {
        let damaged: Vec<(BlobId, usize)> = self.damaged.iter().map(|(id, at)| (*id, *at)).collect();
        let mut lost = BTreeSet::new();
        for (id, at) in damaged {
            let repair = outcome(self.write_blob(names, &id).await);
            if repair != RepairOutcome::Repaired {
                lost.insert(id);
            }
            if let Some(finding) = self.check.findings.get_mut(at) {
                finding.repair = repair;
            }
        }
        for at in 0..self.check.findings.len() {
            let Some(commit) = self.check.findings.get(at).and_then(unwritten_pack) else { continue };
            let Some(needs) = self.commits.get(&commit) else { continue };
            let is_whole = needs.blobs.iter().all(|needed| !lost.contains(&needed.id));
            let written = if is_whole {
                self.write_pack(names, commit).await
            } else {
                Err("a file that it needs could not be repaired".to_owned())
            };
            if let Some(finding) = self.check.findings.get_mut(at) {
                finding.repair = outcome(written);
            }
        }
        for (name, finding) in broken {
            finding.repair = outcome(self.rename(name).await);
        }
    }

    /// A model that needs a token is not written merely because the store has its name.
    async fn work_at_hub(&self, model: &ModelId, commit: CommitId) -> Result<Work, Error> {
        let work = Work::on_commit(&self.hub, Some(model), commit, &self.watcher).await?;
        if !self.options.allow_private {
            work.check_public().await?;
        }
        Ok(work)
    }

    /// From the cache, or else from the hub.
    async fn write_blob(&self, names: &StoreNames, id: &BlobId) -> Result<(), String> {
        let (commit, needed) =
            self.needed.get(id).ok_or("no commit in the store needs it; it can be removed")?;
        let model = names.commits.get(commit).and_then(Option::as_ref).ok_or(NO_MODEL)?;
        let written = async {
            let work = self.work_at_hub(model, *commit).await?;
            work.with_heartbeat(work.restore(&self.store, *commit, needed)).await
        };
        written.await.map_err(|error: Error| failure(&error))
    }

    async fn write_pack(&self, names: &StoreNames, commit: CommitId) -> Result<(), String> {
        let (_, pack) = self.pack_by_hub(names, commit).await?;
        let put = insist(&self.context.retry, || self.store.put_pack(&commit, pack.clone(), true)).await;
        put.map(drop).map_err(|error| failure(&error))
    }

    /// Rewrites an unreadable name, if the store has the hub's commit for it.
    async fn rename(&self, name: &ListedName) -> Result<(), String> {
        if !name.is_at(&self.hub.hub.endpoint) {
            return Err(OTHER_HUB.to_owned());
        }
        let named = self.named(name).await.map_err(|error| failure(&error))?;
        let is_broken = |finding: &StoreFinding| {
            finding.commit == Some(named.commit) && finding.repair != RepairOutcome::Repaired
        };
        let needs = self.commits.get(&named.commit).ok_or(NOT_PUSHED)?;
        if self.check.findings.iter().any(is_broken) {
            return Err(NOT_PUSHED.to_owned());
        }
        let record = RefRecord {
            commit: named.commit,
            seen_at: named.seen_at.unwrap_or_else(std::time::SystemTime::now),
            files: needs.files,
            bytes: needs.bytes,
            by: self.context.agent().to_owned(),
        };
        let name = name.name();
        let put = insist(&self.context.retry, || self.store.put_ref(&name, &record)).await;
        put.map(drop).map_err(|error| failure(&error))
    }

    async fn named(&self, name: &ListedName) -> Result<NamedCommit, Error> {
        let hub = Arc::clone(&self.hub);
        let client = blocking(move || hub.client()).await?;
        let hub = HubClient::new(client, self.hub.hub.clone());
        Ok(hub.commit_of(&name.model, name.revision.as_ref()).await?)
    }
}

impl Work {
    async fn restore(&self, store: &Store, commit: CommitId, needed: &Needed) -> Result<(), Error> {
        let (file, id) = (&needed.file, needed.id);
        self.fetch_files(commit, std::slice::from_ref(file)).await?;
        let path = file.path.clone();
        let file = self.lease.on_disk(move |_, run| Ok(path.under(run.tree()))).await?;
        let blob = Blob { id, size: needed.file.expected.size, file, on_read: OnRead::default() };
        insist(&self.context.retry, || store.put_blob(&blob, true)).await?;
        Ok(())
    }
}

fn unwritten_pack(finding: &StoreFinding) -> Option<CommitId> {
    let is_open = finding.part == StorePart::Pack && finding.repair == RepairOutcome::NotAsked;
    finding.commit.filter(|_| is_open)
}

fn outcome(written: Result<(), String>) -> RepairOutcome {
    written.map_or_else(RepairOutcome::Failed, |()| RepairOutcome::Repaired)
}
