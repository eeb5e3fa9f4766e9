//! Everything of a download up to the first byte of a shard: what it would do.

use std::path::Path;
use std::sync::Arc;

use cache_layout::{Purpose, Run};
use hf_transport::{FileKind, RepoFile, RepoSnapshot};
use shard_fetch::free_bytes;

use super::{Work, hub_of};
use crate::context::SharedContext;
use crate::decision::Decision;
use crate::download_plan::{DownloadPlan, FileOrigin, PlannedDownload, PlannedFile};
use crate::lease::{Lease, beat, blocking, with_lease};
use crate::look::{found, look, restored_commit, warn};
use crate::plan::{self, Plan};
use crate::{Error, Request};

/// Says what a download would do. Waits for no other process: it takes no lock, and works in a folder of its own.
pub(crate) async fn plan(context: SharedContext, request: Request) -> Result<DownloadPlan, Error> {
    let slot = context.layout.slot(request.model());
    let (shared, wanted, asked) = (Arc::clone(&context), slot.clone(), request.clone());
    let purpose = match blocking(move || {
        let (decision, lookup) = look(&shared, &wanted, &asked)?;
        warn(&shared, &asked, &decision, &lookup);
        Ok(match decision {
            Decision::Serve(hit) => Err(found(&shared.layout, &wanted, hit)),
            Decision::Download(purpose) => Ok(purpose),
        })
    })
    .await?
    {
        Err(model) => return Ok(DownloadPlan::Cached(model)),
        Ok(purpose) => purpose,
    };
    let (shared, wanted) = (Arc::clone(&context), slot.clone());
    let (run, restored) = blocking(move || {
        let run = shared.layout.begin_run(&wanted, purpose)?;
        let restored = match purpose {
            Purpose::Redo => None,
            _ => restored_commit(&shared.layout, &wanted),
        };
        Ok((run, restored))
    })
    .await?;
    let lease = Lease::without_lock(run);
    let (config, hub) = hub_of(&context).await?;
    let work = Work { context, request, slot, lease: Arc::clone(&lease), config, hub, purpose, restored };
    tokio::select! {
        plan = work.foresee() => plan.map(DownloadPlan::Download),
        never = beat(&lease) => match never {},
    }
}

impl Work {
    async fn foresee(&self) -> Result<PlannedDownload, Error> {
        let snapshot = self.snapshot().await?;
        self.note_commit(&snapshot.commit);
        let described = self.describe(&snapshot).await?;
        let plan = Plan::new(self.request.model().id(), &snapshot, &described.manifest)?;
        plan.log(&snapshot.commit);
        let (context, slot, purpose) = (Arc::clone(&self.context), self.slot.clone(), self.purpose);
        let (model, endpoint) = (self.request.model().clone(), self.config.endpoint.clone());
        with_lease(&self.lease, move |lease| {
            lease.with_run(|run| {
                let entry = context.layout.existing_entry(&slot);
                // To redo is to fetch again what is there.
                let reused = entry.as_deref().filter(|_| purpose != Purpose::Redo);
                Ok(PlannedDownload {
                    model,
                    endpoint,
                    commit: snapshot.commit,
                    path: slot.entry().to_owned(),
                    replaces: entry.is_some(),
                    files: files(run, reused, &snapshot, &plan),
                    left_out: plan.unlisted.clone(),
                    free_bytes: free_bytes(run.tree()),
                })
            })
        })
        .await
    }
}

fn files(run: &Run, entry: Option<&Path>, snapshot: &RepoSnapshot, plan: &Plan) -> Vec<PlannedFile> {
    let planned = |file: &RepoFile| {
        let from = match &file.kind {
            FileKind::Plain => FileOrigin::Metadata,
            FileKind::Lfs(_) => {
                origin(run, entry, plan.fetches.iter().find(|fetch| fetch.path == file.path)?)
            }
        };
        Some(PlannedFile { path: file.path.clone(), size: file.size, from })
    };
    snapshot.files.iter().filter_map(planned).collect()
}

fn origin(run: &Run, entry: Option<&Path>, file: &plan::PlannedFile) -> FileOrigin {
    let size = file.expected.size;
    if run.pooled(&file.content) == Some(size) {
        return FileOrigin::Staging;
    }
    let old = entry.map(|entry| file.path.under(entry)).and_then(|path| std::fs::symlink_metadata(path).ok());
    if old.is_some_and(|found| found.is_file() && found.len() == size) {
        return FileOrigin::Replaced;
    }
    FileOrigin::Network { kept: run.left_over(&file.content).min(size) }
}
