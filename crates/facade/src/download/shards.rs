//! The files whose bytes are fetched, and the shards that came with the metadata.

use std::collections::HashSet;
use std::error::Error as _;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_layout::{Durability, Purpose, Run};
use hf_transport::RepoSnapshot;
use shard_fetch::{FetchEvent, Fetcher, FileRequest, verify_file, verify_files};
use url_parse::{CommitId, DiskError};

use super::work::Work;
use crate::locator::HubLocator;
use crate::plan::{Plan, RemoteFile};
use crate::{Error, Event, Observer};

/// How often the files of a plan are fetched, when others clear the pool meanwhile.
const ROUNDS: u32 = 4;

impl Work {
    /// Brings every file of the plan into the tree, verified. Returns how many bytes came over the network.
    pub(super) async fn fetch(&self, snapshot: &RepoSnapshot, plan: &Plan) -> Result<u64, Error> {
        let plain = plan.plain_shards.clone();
        self.lease
            .on_disk(move |lease, run| {
                for (path, expected) in &plain {
                    lease.go_on()?;
                    verify_file(&path.under(run.tree()), expected)?;
                }
                Ok(())
            })
            .await?;
        self.fetch_files(snapshot.commit, &plan.fetches).await
    }

    /// Fetches what neither the pool nor the entry to be repaired holds, and places everything in the tree.
    ///
    /// Where locks do nothing, another run may clear the pool when it publishes: what was verified there and
    /// is gone before it is placed is fetched again.
    pub(super) async fn fetch_files(&self, commit: CommitId, files: &[RemoteFile]) -> Result<u64, Error> {
        let watcher = Arc::new(FetchWatcher::new(Arc::clone(self.request.watcher())));
        let mut missing = self.reuse(files).await?;
        let mut rounds = 1;
        while !missing.is_empty() {
            let is_last = rounds == ROUNDS;
            match self.fetch_once(commit, &missing, &watcher).await {
                Err(error) if is_last || !self.lost_its_pool().await? => return Err(error),
                _ => missing = self.place(missing, is_last).await?,
            }
            rounds += 1;
        }
        Ok(watcher.received.load(Ordering::Relaxed))
    }

    async fn fetch_once(
        &self,
        commit: CommitId,
        files: &[RemoteFile],
        watcher: &Arc<FetchWatcher>,
    ) -> Result<(), Error> {
        let locator = HubLocator {
            hub: self.hub.clone(),
            model: self.request.model().id().clone(),
            commit,
            expected: files.iter().map(|file| (file.path.clone(), file.expected)).collect(),
        };
        let requests = self.file_requests(files).await?;
        let keep_alive = Arc::clone(&self.lease) as shard_fetch::KeepAlive;
        let observer = Arc::clone(watcher) as Arc<dyn shard_fetch::Observer>;
        Ok(self.fetcher().fetch(requests, Arc::new(locator), observer, keep_alive).await?)
    }

    /// Whether another run has removed the pool's folder, which is there again then.
    async fn lost_its_pool(&self) -> Result<bool, Error> {
        self.lease.on_disk(|_, run| Ok(run.mend_pool()?)).await
    }

    fn fetcher(&self) -> Fetcher {
        let mut fetcher = Fetcher::builder()
            .retry(self.context.retry.clone())
            .durability(self.context.layout.durability() == Durability::Synced);
        if let Some(files) = self.request.files_at_once() {
            fetcher = fetcher.files_in_flight(files);
        }
        if let Some(connections) = self.context.max_connections {
            fetcher = fetcher.max_connections(connections);
        }
        fetcher.build(self.client.clone())
    }

    /// Takes what is there into the tree: verified files of the pool, and good files of an entry that is to be
    /// repaired. Returns the files that are neither.
    async fn reuse(&self, files: &[RemoteFile]) -> Result<Vec<RemoteFile>, Error> {
        let planned = files.to_vec();
        let (missing, reused) = self
            .lease
            .on_disk(move |lease, run| {
                let entry = match lease.purpose {
                    // To redo is to fetch again what is there.
                    Purpose::Redo => None,
                    Purpose::Fresh | Purpose::Repair => lease.existing_entry(),
                };
                let (mut reused, mut others) = (Vec::new(), Vec::new());
                for file in planned {
                    if place_pooled(run, &file)? { reused.push(file) } else { others.push(file) }
                }
                let (good, missing) = match entry {
                    Some(entry) => adopt_good(run, &entry, others)?,
                    None => (Vec::new(), others),
                };
                reused.extend(good);
                Ok((missing, reused))
            })
            .await?;
        if !reused.is_empty() {
            let bytes = reused.iter().map(|file| file.expected.size).sum();
            tracing::info!(files = reused.len(), bytes, "verified files are there already");
            self.observer().on_event(&Event::Reused { files: reused.len(), bytes });
        }
        Ok(missing)
    }

    /// One request for each content: a repository may hold the same bytes under two names. Brings what an
    /// earlier run has left of it, so that it is gone on with.
    async fn file_requests(&self, missing: &[RemoteFile]) -> Result<Vec<FileRequest>, Error> {
        let missing = missing.to_vec();
        self.lease
            .on_disk(move |_, run| {
                let mut seen = HashSet::new();
                Ok(missing
                    .into_iter()
                    .filter(|file| seen.insert(file.content.clone()))
                    .map(|file| {
                        run.take_over(&file.content);
                        FileRequest {
                            part: run.part(&file.content),
                            destination: run.pool_path(&file.content),
                            path: file.path,
                            expected: file.expected,
                        }
                    })
                    .collect())
            })
            .await
    }

    /// Brings files of the pool into the tree. Returns those that are there no more, which is an error when
    /// they `must` be.
    async fn place(&self, files: Vec<RemoteFile>, must: bool) -> Result<Vec<RemoteFile>, Error> {
        self.lease
            .on_disk(move |_, run| {
                let mut missing = Vec::new();
                for file in files {
                    if must && !is_in_tree(run, &file) {
                        run.place(&file.content, &file.path)?;
                    } else if !place_pooled(run, &file)? {
                        missing.push(file);
                    }
                }
                Ok(missing)
            })
            .await
    }
}

/// Also as a link of the user's own, which leads to its target only from the model's directory.
fn is_in_tree(run: &Run, file: &RemoteFile) -> bool {
    fs::symlink_metadata(file.path.under(run.tree())).is_ok()
}

/// Whether a file is in the tree, or was in the pool and is in the tree now.
fn place_pooled(run: &Run, file: &RemoteFile) -> Result<bool, Error> {
    if is_in_tree(run, file) {
        return Ok(true);
    }
    if run.pooled(&file.content) != Some(file.expected.size) {
        return Ok(false);
    }
    match run.place(&file.content, &file.path) {
        Ok(()) => Ok(true),
        // It was cleared away just now; another run may have brought it again since.
        Err(error) if run.pooled(&file.content).is_none() || found_nothing(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn found_nothing(error: &cache_layout::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}

/// Takes those files of the entry to be repaired into the tree that are what they must be, and says which
/// these are and which are not.
fn adopt_good(
    run: &Run,
    entry: &Path,
    files: Vec<RemoteFile>,
) -> Result<(Vec<RemoteFile>, Vec<RemoteFile>), Error> {
    let (links, files): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.path.under(entry).is_symlink());
    let (mut good, mut bad): (Vec<_>, Vec<_>) =
        links.into_iter().partition(|link| adopt_good_link(run, entry, link));
    let (adopted, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| adopt(run, entry, file));
    bad.extend(others);
    // Hashed where they are now: the old name may mean another file by then.
    let in_tree: Vec<_> = adopted.iter().map(|file| (file.path.under(run.tree()), file.expected)).collect();
    let mut is_good = vec![false; in_tree.len()];
    verify_files(&in_tree, None, |place, verdict| {
        if let Some(is_good) = is_good.get_mut(place) {
            *is_good = verdict.is_ok();
        }
        ControlFlow::Continue(())
    })?;
    for (file, is_good) in adopted.into_iter().zip(is_good) {
        if is_good {
            good.push(file);
        } else {
            let path = file.path.under(run.tree());
            fs::remove_file(&path).map_err(|source| DiskError::new("remove", &path, source))?;
            bad.push(file);
        }
    }
    Ok((good, bad))
}

/// People move shards to another disk and leave a link, which may be right in the entry's place only.
fn adopt_good_link(run: &Run, entry: &Path, link: &RemoteFile) -> bool {
    let old = link.path.under(entry);
    has_size(&old, link) && verify_file(&old, &link.expected).is_ok() && run.adopt_own(&old).is_ok()
}

fn adopt(run: &Run, entry: &Path, file: &RemoteFile) -> bool {
    let old = file.path.under(entry);
    has_size(&old, file) && run.adopt(&old, &file.path).is_ok()
}

/// Most damage shows in the size, before anything is read.
fn has_size(path: &Path, file: &RemoteFile) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == file.expected.size)
}

/// Passes the fetcher's events on, and counts what came over the network.
struct FetchWatcher {
    observer: Arc<dyn Observer>,
    received: AtomicU64,
}

impl FetchWatcher {
    fn new(observer: Arc<dyn Observer>) -> Self {
        Self { observer, received: AtomicU64::new(0) }
    }
}

impl shard_fetch::Observer for FetchWatcher {
    fn on_event(&self, event: FetchEvent<'_>) {
        if let FetchEvent::Received { bytes, .. } = event {
            self.received.fetch_add(bytes, Ordering::Relaxed);
        }
        self.observer.on_event(&Event::Fetch(&event));
    }
}
