//! A download up to the first byte of a shard, to find out what it would do.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use cache_layout::{LockAttempt, Purpose, Run};
use hf_transport::{FileKind, RepoFile, RepoSnapshot};
use shard_fetch::free_bytes;
use url_parse::RepoPath;

use super::reuse::{donor, donors};
use super::work::Work;
use crate::context::SharedContext;
use crate::download_plan::{DownloadPlan, FileOrigin, PlannedDownload, PlannedFile};
use crate::lease::Lease;
use crate::look::{Answer, Query};
use crate::plan::{Plan, RemoteFile};
use crate::{Error, Request};

/// Finds out what a download would do. Waits for no other process: takes no lock, and works in a folder
/// of its own.
pub(crate) async fn plan(context: SharedContext, request: Request) -> Result<DownloadPlan, Error> {
    let query = Query::new(context, request);
    let answer = query.on_disk(|query| {
        let (decision, lookup) = query.look()?;
        query.warn(&decision, &lookup);
        Ok(Answer::new(decision, |hit| query.found(hit)))
    });
    let purpose = match answer.await? {
        Answer::Found(model) => return Ok(DownloadPlan::Cached(model)),
        Answer::Missing(purpose) => purpose,
    };
    let work = Work::begin(&query, purpose, None).await?.telling_of_limits();
    work.with_heartbeat(work.foresee()).await.map(DownloadPlan::Download)
}

impl Work {
    async fn foresee(&self) -> Result<PlannedDownload, Error> {
        let snapshot = self.snapshot().await?;
        self.note_commit(&snapshot);
        let described = self.describe(&snapshot).await?;
        let endpoint = self.context.hub.endpoint.clone();
        let (stores, asks_hub) = (self.stores.urls(), !self.stores.is_only());
        let (mut planned, fetches) = self
            .lease
            .on_disk(move |lease, run| {
                let plan = Plan::new(lease.slot.model().id(), &snapshot, &described.manifest)?;
                plan.log(&snapshot.commit);
                let entry = lease.existing_entry();
                // A REDO fetches existing files again.
                let reused = entry.as_deref().filter(|_| lease.purpose != Purpose::Redo);
                let donors = match lease.purpose {
                    Purpose::Redo => HashMap::new(),
                    Purpose::Fresh | Purpose::Repair => donors(lease, plan.fetches.iter()),
                };
                let planned = PlannedDownload {
                    model: lease.slot.model().clone(),
                    endpoint,
                    stores,
                    asks_hub,
                    commit: snapshot.commit,
                    path: lease.slot.entry().to_owned(),
                    replaces: entry.is_some(),
                    in_progress: is_in_progress(lease),
                    files: files(run, reused, &donors, &snapshot, &plan),
                    left_out: plan.unlisted,
                    free_bytes: free_bytes(run.tree()),
                };
                Ok((planned, plan.fetches))
            })
            .await?;
        let stored = self.stored(&planned, fetches).await?;
        for file in &mut planned.files {
            if stored.contains(&file.path) {
                file.from = FileOrigin::StoreFolder;
            }
        }
        Ok(planned)
    }

    /// Among the files to be fetched, those that stores in folders have.
    async fn stored(
        &self,
        planned: &PlannedDownload,
        mut fetches: Vec<RemoteFile>,
    ) -> Result<HashSet<RepoPath>, Error> {
        let fetched = planned.files.iter().filter(|file| matches!(file.from, FileOrigin::Network { .. }));
        let fetched: HashSet<&RepoPath> = fetched.map(|file| &file.path).collect();
        fetches.retain(|file| fetched.contains(&file.path));
        let mut there = Vec::new();
        self.find_stored(fetches, &mut there).await?;
        Ok(there.iter().map(|there| there.path().clone()).collect())
    }
}

/// Whether another process downloads the model. It is only told to people, so a lock that cannot be tried is not held.
fn is_in_progress(lease: &Lease) -> bool {
    matches!(lease.layout.try_existing_lock(&lease.slot), Ok(Some(LockAttempt::HeldBy(_))))
}

fn files(
    run: &Run,
    entry: Option<&Path>,
    donors: &HashMap<[u8; 32], PathBuf>,
    snapshot: &RepoSnapshot,
    plan: &Plan,
) -> Vec<PlannedFile> {
    let fetches: HashMap<_, _> = plan.fetches.iter().map(|fetch| (&fetch.path, fetch)).collect();
    let planned = |file: &RepoFile| {
        let from = match &file.kind {
            FileKind::Plain => FileOrigin::Metadata,
            FileKind::Lfs(_) => origin(run, entry, donors, fetches.get(&file.path)?),
        };
        Some(PlannedFile { path: file.path.clone(), size: file.size, from })
    };
    snapshot.files.iter().filter_map(planned).collect()
}

fn origin(
    run: &Run,
    entry: Option<&Path>,
    donors: &HashMap<[u8; 32], PathBuf>,
    file: &RemoteFile,
) -> FileOrigin {
    let size = file.expected.size;
    if run.pooled(&file.content) == Some(size) {
        return FileOrigin::Staging;
    }
    let old = entry.map(|entry| file.path.under(entry)).and_then(|path| std::fs::symlink_metadata(path).ok());
    if old.is_some_and(|found| found.is_file() && found.len() == size) {
        return FileOrigin::Replaced;
    }
    if donor(donors, file).is_some() {
        return FileOrigin::OtherModel;
    }
    FileOrigin::Network { kept: run.left_over(&file.content).min(size) }
}
