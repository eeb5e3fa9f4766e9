//! Copies from one store to another: blobs, then the commit's pack, then its names.

use std::path::PathBuf;
use std::sync::Arc;

use net::RetryPolicy;
use tokio::task::JoinSet;
use url_parse::{CommitId, ModelRef};
use weight_store::{Blob, BlobPlace, Put, RefPut, Store};

use super::needs::Needed;
use super::store_check::moved;
use super::store_names::StoreNames;
use super::stored::insist;
use super::work::Work;
use crate::context::SharedContext;
use crate::store_clock::warn_of_clock;
use crate::stored::{CopiedCommit, CopiedStore};
use crate::{Error, Event, Observer};

/// How many blobs are copied at a time.
const AT_ONCE: usize = 4;

/// Copies a store's models, or some of them.
pub(crate) struct Copier {
    /// Asks only the first store.
    context: SharedContext,
    from: Store,
    to: Store,
    watcher: Arc<dyn Observer>,
}

impl Copier {
    pub(crate) fn new(context: SharedContext, from: Store, to: Store, watcher: Arc<dyn Observer>) -> Self {
        Self { context, from, to, watcher }
    }

    /// One commit after another; a failure with one does not prevent the next. An empty list of models
    /// means all.
    pub(crate) async fn run(&self, models: &[ModelRef]) -> Result<CopiedStore, Error> {
        let (retry, hub) = (&self.context.retry, &self.context.hub.endpoint);
        let names = if models.is_empty() {
            StoreNames::all(&self.from, retry, hub).await?
        } else {
            StoreNames::of(&self.from, retry, hub, models).await?
        };
        insist(retry, || self.to.init()).await?;
        for store in [&self.from, &self.to] {
            warn_of_clock(store, self.watcher.as_ref());
        }
        let (mut commits, mut absent) = (Vec::new(), Vec::new());
        for commit in names.commits.keys() {
            match names.absence(&self.from, *commit) {
                Some(finding) if !insist(retry, || self.from.has_pack(commit)).await? => absent.push(finding),
                _ => commits.push(self.copy(&names, *commit).await),
            }
        }
        let broken = names.broken.into_iter().map(|(_, finding)| finding).chain(absent);
        Ok(CopiedStore { commits, broken: broken.collect() })
    }

    async fn copy(&self, names: &StoreNames, commit: CommitId) -> CopiedCommit {
        let mut copy = CopiedCommit {
            commit,
            names: names.of_commit(commit).map(|stored| stored.name.shown()).collect(),
            files: 0,
            bytes: 0,
            files_there: 0,
            bytes_there: 0,
            later: Vec::new(),
            failure: None,
        };
        copy.failure = self.carry(names, &mut copy).await.err();
        copy
    }

    async fn carry(&self, names: &StoreNames, copy: &mut CopiedCommit) -> Result<(), Error> {
        let (retry, commit) = (&self.context.retry, copy.commit);
        let work = Work::on_commit(&self.context, names.model_of(commit), commit, &self.watcher).await?;
        let work = Arc::new(work);
        let carrying = async {
            let pack = insist(retry, || self.from.find_pack(&commit)).await?;
            let missing = || work.not_in_store(format!("commit {commit}"));
            let pack = pack.ok_or_else(missing)?;
            let needs = work.needs(&self.from, commit, pack.clone()).await?;
            self.carry_blobs(&work, needs.blobs, copy).await?;
            self.carry_pack(commit, pack).await
        };
        work.with_heartbeat(carrying).await?;
        for stored in names.of_commit(commit) {
            let name = stored.name.name();
            let put = insist(retry, || self.to.put_ref(&name, &stored.record)).await?;
            copy.later.extend(matches!(put, RefPut::Later(_)).then(|| stored.name.shown()));
        }
        Ok(())
    }

    async fn carry_blobs(
        &self,
        work: &Arc<Work>,
        blobs: Vec<Needed>,
        copy: &mut CopiedCommit,
    ) -> Result<(), Error> {
        let (files, bytes) = (blobs.len(), blobs.iter().map(|blob| blob.file.expected.size).sum());
        self.watcher.on_event(&Event::StoreWork { files, bytes });
        let (mut carrying, mut blobs) = (JoinSet::new(), blobs.into_iter());
        loop {
            while carrying.len() < AT_ONCE
                && let Some(blob) = blobs.next()
            {
                let (work, from, to) = (Arc::clone(work), self.from.clone(), self.to.clone());
                let (retry, commit, watcher) =
                    (self.context.retry.clone(), copy.commit, Arc::clone(&self.watcher));
                carrying
                    .spawn(async move { work.carry(&retry, commit, &blob, [&from, &to], &watcher).await });
            }
            let Some(carried) = carrying.join_next().await else { return Ok(()) };
            let (size, put) = net::joined(carried)?;
            self.watcher.on_event(&Event::StoreFileDone);
            let (files, bytes) = match put {
                Put::Written => (&mut copy.files, &mut copy.bytes),
                Put::WasThere => (&mut copy.files_there, &mut copy.bytes_there),
            };
            (*files, *bytes) = (*files + 1, *bytes + size);
        }
    }

    /// An existing pack is compared, and overwritten if it differs.
    async fn carry_pack(&self, commit: CommitId, pack: weight_store::Bytes) -> Result<(), Error> {
        let retry = &self.context.retry;
        let there = insist(retry, || self.to.find_pack_past_caches(&commit)).await;
        if !matches!(there, Ok(Some(there)) if there == pack) {
            insist(retry, || self.to.put_pack(&commit, pack.clone(), true)).await?;
        }
        Ok(())
    }
}

impl Work {
    async fn carry(
        &self,
        retry: &RetryPolicy,
        commit: CommitId,
        needed: &Needed,
        [from, to]: [&Store; 2],
        watcher: &Arc<dyn Observer>,
    ) -> Result<(u64, Put), Error> {
        let (id, size) = (needed.id, needed.file.expected.size);
        if insist(retry, || to.has_blob(&id, size)).await? {
            watcher.on_event(&Event::StoreBytes { bytes: size });
            return Ok((size, Put::WasThere));
        }
        let (file, is_ours) = self.bring(from, commit, needed).await?;
        let blob = Blob { id, size, file, on_read: moved(watcher) };
        let put = insist(retry, || to.put_blob(&blob, false)).await;
        if is_ours {
            let (path, content) = (needed.file.path.clone(), needed.file.content.clone());
            self.lease.on_disk(move |_, run| Ok(run.discard(&path, Some(&content))?)).await?;
        }
        put.map(|put| (size, put)).map_err(|error| match error {
            weight_store::Error::OtherContent { .. } if !is_ours => {
                self.not_in_store(format!("intact copy of {}", needed.file.path))
            }
            error => error.into(),
        })
    }

    /// The file's path on this machine, and whether it was fetched to there.
    async fn bring(&self, from: &Store, commit: CommitId, needed: &Needed) -> Result<(PathBuf, bool), Error> {
        match from.locate(&needed.id).await? {
            BlobPlace::File(path) => {
                let found = path.clone();
                let is_file = move || Ok(found.symlink_metadata().is_ok_and(|found| found.is_file()));
                if !crate::threads::blocking(is_file).await? {
                    return Err(self.not_in_store(needed.file.path.to_string()));
                }
                Ok((path, false))
            }
            _ => Ok((self.fetch_to_pool(commit, &needed.file).await?, true)),
        }
    }
}
