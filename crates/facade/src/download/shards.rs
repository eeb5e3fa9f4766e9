//! Fetches files, and verifies the shards that came with the metadata.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::Add;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_layout::{Durability, Locking};
use hf_transport::RepoSnapshot;
use shard_fetch::{FetchEvent, Fetcher, FileRequest, Locator, verify_file};
use url_parse::{CommitId, RepoPath};

use super::reuse::{There, place_pooled};
use super::work::Work;
use crate::locator::HubLocator;
use crate::plan::{Plan, RemoteFile};
use crate::store_locator::StoreLocator;
use crate::store_set::StoreSet;
use crate::stores::StoreAnswer;
use crate::{Error, Event, Observer};

/// How often the files of a plan are fetched if other runs clear the pool meanwhile. Each time another
/// run has published the model, so the number of rounds is limited by that of other runs.
const ROUNDS: u32 = 16;

/// As many as without a limit.
const MOST_UNDER_A_LIMIT: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// Buckets limit the number of requests, not bytes. With this size, a shard of most models is one
/// request.
const STORES_SPLIT_ABOVE: u64 = 64 << 20;

/// The place number of the hub; stores have others.
const HUB: usize = 0;

/// How many bytes were obtained, and from where.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bytes {
    /// Over the network.
    pub(super) received: u64,
    /// Of these, from stores.
    pub(super) from_store: u64,
    /// Copied from stores in folders.
    pub(super) copied: u64,
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            from_store: self.from_store + other.from_store,
            copied: self.copied + other.copied,
        }
    }
}

impl Work {
    /// Brings every file of the plan into the tree, verified.
    pub(super) async fn fetch(&self, snapshot: &RepoSnapshot, plan: &Plan) -> Result<Bytes, Error> {
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

    /// Fetches what neither the pool nor the entry to be repaired has, and places everything in the
    /// tree. Existing files are hashed meanwhile; those with wrong content are taken from elsewhere in
    /// the cache or a store's folder, or fetched too.
    pub(super) async fn fetch_files(&self, commit: CommitId, files: &[RemoteFile]) -> Result<Bytes, Error> {
        self.lease.want(files);
        let watcher =
            Arc::new(FetchWatcher::new(Arc::clone(self.request.watcher()), Arc::clone(&self.stores)));
        let (there, missing) = self.what_is_there(files).await?;
        let own: HashSet<RepoPath> =
            there.iter().filter(|there| there.is_own()).map(|there| there.path().clone()).collect();
        let ((damaged, copied), ()) =
            tokio::try_join!(self.reuse(there), self.fetch_missing(commit, missing, &watcher))?;
        let (damaged, mut missing): (Vec<_>, Vec<_>) =
            damaged.into_iter().partition(|file| own.contains(&file.path));
        let mut elsewhere = Vec::new();
        missing.extend(self.find_elsewhere(damaged, &mut elsewhere).await?);
        let (wrong, copied_later) = self.reuse(elsewhere).await?;
        missing.extend(wrong);
        self.fetch_missing(commit, missing, &watcher).await?;
        Ok(watcher.bytes() + Bytes { copied: copied + copied_later, ..Bytes::default() })
    }

    /// Without locks, another run may clear the pool when it publishes: files verified there that
    /// vanish before they are placed are fetched again.
    async fn fetch_missing(
        &self,
        commit: CommitId,
        mut missing: Vec<RemoteFile>,
        watcher: &Arc<FetchWatcher>,
    ) -> Result<(), Error> {
        for round in 1..=ROUNDS {
            if missing.is_empty() {
                return Ok(());
            }
            let is_last = round == ROUNDS;
            match self.fetch_once(commit, &missing, watcher).await {
                Err(error) if is_last || !self.lost_its_pool().await? => return Err(error),
                _ => missing = self.place(missing, is_last).await?,
            }
        }
        Ok(())
    }

    async fn fetch_once(
        &self,
        commit: CommitId,
        files: &[RemoteFile],
        watcher: &Arc<FetchWatcher>,
    ) -> Result<(), Error> {
        let model = self.request.model().id().clone();
        let hub = HubLocator::new(self.hub.clone(), model, commit, files);
        let locator: Arc<dyn Locator> = if self.stores.is_empty() {
            Arc::new(hub)
        } else {
            let expected = files.iter().map(|file| (file.path.clone(), file.expected)).collect();
            Arc::new(StoreLocator::new(Arc::clone(&self.stores), hub, self.request.model().clone(), expected))
        };
        let requests = self.file_requests(files).await?;
        let keep_alive = Arc::clone(&self.lease) as shard_fetch::KeepAlive;
        let fetched = self.fetcher().fetch(requests, locator, Arc::clone(watcher), keep_alive).await;
        fetched.map_err(|error| self.failed_to_fetch(error))
    }

    /// If only stores may be asked, wrong bytes must be corrected there.
    fn failed_to_fetch(&self, error: shard_fetch::Error) -> Error {
        match &error {
            shard_fetch::Error::DigestMismatch { file, .. } if self.stores.is_only() => {
                let (model, what) = (self.request.model().clone(), file.to_string());
                let source = Some(Box::new(error.into()));
                Error::WrongInStore { model, store: self.stores.shown(), what, source }
            }
            _ => error.into(),
        }
    }

    /// Fetches one file into the pool.
    pub(super) async fn fetch_to_pool(&self, commit: CommitId, file: &RemoteFile) -> Result<PathBuf, Error> {
        let watcher =
            Arc::new(FetchWatcher::new(Arc::clone(self.request.watcher()), Arc::clone(&self.stores)));
        self.fetch_once(commit, std::slice::from_ref(file), &watcher).await?;
        let content = file.content.clone();
        self.lease.on_disk(move |_, run| Ok(run.pool_path(&content))).await
    }

    /// Whether another run has removed the pool's folder, which is then created again.
    async fn lost_its_pool(&self) -> Result<bool, Error> {
        self.lease.on_disk(|_, run| Ok(run.mend_pool()?)).await
    }

    fn fetcher(&self) -> Fetcher {
        let mut fetcher = Fetcher::builder()
            .retry(self.context.retry.clone())
            .synced(self.context.layout.durability() == Durability::Synced);
        if !self.stores.is_empty() {
            fetcher = fetcher.split_above(STORES_SPLIT_ABOVE);
        }
        if let Some(files) = self.request.files_at_once() {
            fetcher = fetcher.files_in_flight(files);
        }
        if let Some(connections) = self.context.max_connections {
            fetcher = fetcher.max_connections(connections);
        } else if let Some(limit) = &self.context.net.bandwidth
            && self.request.files_at_once().is_none()
        {
            fetcher = fetcher.max_connections(limit.connections().min(MOST_UNDER_A_LIMIT));
        }
        fetcher.build(self.client.clone())
    }

    /// One request for each content, since a repository may have the same content under two names.
    /// Takes over what earlier runs have left, so that it is resumed.
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

    /// Brings files of the pool into the tree, and hashes those that another user may have changed.
    /// Returns those that are gone or have wrong content, which is an error if they `must` be right.
    async fn place(&self, files: Vec<RemoteFile>, must: bool) -> Result<Vec<RemoteFile>, Error> {
        let is_shared = self.context.layout.locking() == Locking::None;
        let (mut missing, doubtful) = self
            .lease
            .on_disk(move |_, run| {
                let (mut missing, mut doubtful) = (Vec::new(), Vec::new());
                for file in files {
                    let is_own = match place_pooled(run, &file)? {
                        None if must => Some(run.place(&file.content, &file.path)?),
                        is_own => is_own,
                    };
                    match is_own {
                        None => missing.push(file),
                        Some(is_own) if is_shared || !is_own => doubtful.push(There::in_pool(file)),
                        Some(_) => {}
                    }
                }
                Ok((missing, doubtful))
            })
            .await?;
        for (file, error) in self.check(doubtful).await? {
            if must {
                return Err(error.into());
            }
            missing.push(file);
        }
        Ok(missing)
    }
}

/// Passes the fetcher's events on, and counts the bytes received.
struct FetchWatcher {
    observer: Arc<dyn Observer>,
    stores: Arc<StoreSet>,
    received: AtomicU64,
    from_store: AtomicU64,
}

impl FetchWatcher {
    fn new(observer: Arc<dyn Observer>, stores: Arc<StoreSet>) -> Self {
        Self { observer, stores, received: AtomicU64::new(0), from_store: AtomicU64::new(0) }
    }

    fn bytes(&self) -> Bytes {
        let load = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed);
        Bytes { received: load(&self.received), from_store: load(&self.from_store), copied: 0 }
    }
}

impl shard_fetch::Observer for FetchWatcher {
    fn on_event(&self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Received { bytes, place, .. } => {
                self.received.fetch_add(*bytes, Ordering::Relaxed);
                if *place != HUB {
                    self.from_store.fetch_add(*bytes, Ordering::Relaxed);
                }
            }
            FetchEvent::Verified { file, .. } => self.stores.answered(file, StoreAnswer::Hit),
            _ => {}
        }
        self.observer.on_event(&Event::Fetch(event));
    }
}
