//! Verifies everything in a store, and rewrites what is damaged.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use url_parse::{CommitId, ErrorKind, ModelId, ModelRef};
use weight_store::{BlobId, BlobVerdict, OnRead, Store};

use super::needs::{Needed, Needs};
use super::store_names::StoreNames;
use super::stored::insist;
use super::work::Work;
use crate::context::SharedContext;
use crate::store_clock::warn_of_clock;
use crate::stored::{FileCount, RepairOutcome, StoreCheck, StoreFinding, StorePart, StoreVerifyOptions};
use crate::words::failure;
use crate::{Error, Event, Observer};

/// How many blobs are hashed at a time.
const AT_ONCE: usize = 4;

/// Verifies a store, or its copies of some models.
pub(crate) struct Checker {
    /// Asks this store and, for repairs, the hub.
    pub(super) context: SharedContext,
    /// Asks the hub alone.
    pub(super) hub: SharedContext,
    pub(super) store: Store,
    pub(super) options: StoreVerifyOptions,
    pub(super) watcher: Arc<dyn Observer>,
    pub(super) check: StoreCheck,
    /// What the packs need, and for which commit.
    pub(super) needed: BTreeMap<BlobId, (CommitId, Needed)>,
    pub(super) commits: BTreeMap<CommitId, Needs>,
    /// Damaged blobs, with the indices of their findings.
    pub(super) damaged: BTreeMap<BlobId, usize>,
}

impl Checker {
    pub(crate) fn new(
        context: SharedContext,
        hub: SharedContext,
        store: Store,
        options: StoreVerifyOptions,
        watcher: Arc<dyn Observer>,
    ) -> Self {
        let check = StoreCheck {
            store: store.url().to_string(),
            refs: 0,
            packs: 0,
            blobs: 0,
            bytes: 0,
            unneeded: None,
            other_files: None,
            findings: Vec::new(),
            failure: None,
        };
        let (needed, commits, damaged) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { context, hub, store, options, watcher, check, needed, commits, damaged }
    }

    /// Reads everything, or what these models need.
    pub(crate) async fn run(mut self, models: &[ModelRef]) -> Result<StoreCheck, Error> {
        let (retry, hub) = (self.context.retry.clone(), self.context.hub.endpoint.clone());
        insist(&retry, || self.store.info()).await?;
        warn_of_clock(&self.store, self.watcher.as_ref());
        let (mut names, listed) = if models.is_empty() {
            let names = StoreNames::all(&self.store, &retry, &hub).await?;
            (names, Some(insist(&retry, || self.store.list_blobs()).await?))
        } else {
            (StoreNames::of(&self.store, &retry, &hub, models).await?, None)
        };
        let unreadable = names.broken.iter().filter(|(_, finding)| finding.absent.is_none());
        self.check.refs = (names.refs.len() + unreadable.count()) as u64;
        let mut broken = std::mem::take(&mut names.broken);
        let mut sizes = BTreeMap::new();
        if let Some(listed) = listed {
            let (files, bytes) = names.others;
            self.check.other_files = Some(FileCount::new(files + listed.others, bytes + listed.other_bytes));
            sizes = listed.known;
        }
        if let Err(failure) = self.read(&names, sizes, models.is_empty()).await {
            self.check.failure = Some(failure);
        } else if self.options.repair {
            self.repair(&names, &mut broken).await;
        }
        self.check.findings.extend(broken.into_iter().map(|(_, finding)| finding));
        for finding in &mut self.check.findings {
            let model = finding.commit.and_then(|commit| names.model_of(commit));
            finding.model = finding.model.take().or(model.cloned());
        }
        self.check.findings.sort_by(|one, other| (one.part, &one.url).cmp(&(other.part, &other.url)));
        Ok(self.check)
    }

    async fn read(
        &mut self,
        names: &StoreNames,
        listed: BTreeMap<BlobId, u64>,
        is_all: bool,
    ) -> Result<(), Error> {
        for commit in names.commits.keys() {
            self.read_pack(names, *commit).await?;
        }
        let mut sizes = listed;
        if is_all {
            let unneeded = sizes.iter().filter(|(id, _)| !self.needed.contains_key(id));
            let count = |count: FileCount, (_, size): (&BlobId, &u64)| {
                FileCount::new(count.files + 1, count.bytes + size)
            };
            self.check.unneeded = Some(unneeded.fold(FileCount::default(), count));
        }
        sizes.extend(self.needed.iter().map(|(id, (_, needed))| (*id, needed.file.expected.size)));
        self.read_blobs(sizes).await
    }

    /// Records a problem with a pack; it is then unknown what its commit needs.
    async fn read_pack(&mut self, names: &StoreNames, commit: CommitId) -> Result<(), Error> {
        self.check.packs += 1;
        let (retry, model, mut absent) = (&self.context.retry, names.model_of(commit), None);
        let problem = match insist(retry, || self.store.find_pack_past_caches(&commit)).await {
            Ok(Some(pack)) => match self.needs(model, commit, pack).await {
                Ok(needs) => {
                    self.note(commit, needs);
                    return Ok(());
                }
                Err(error) if !is_of_the_pack(&error) => return Err(error),
                Err(error) => failure(&error),
            },
            Ok(None) => {
                absent = names.absence(&self.store, commit);
                self.check.packs -= u64::from(absent.is_some());
                "it is missing".to_owned()
            }
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => failure(&error),
        };
        let damage = || StoreFinding::new(StorePart::Pack, &self.store.shown_pack(&commit), problem);
        let mut finding = absent.unwrap_or_else(damage);
        (finding.model, finding.commit) = (model.cloned(), Some(commit));
        if self.options.repair {
            match self.needs_by_hub(names, commit).await {
                Ok(needs) => self.note(commit, needs),
                Err(why) => finding.repair = RepairOutcome::Failed(why),
            }
        }
        self.check.findings.push(finding);
        Ok(())
    }

    pub(super) async fn needs(
        &self,
        model: Option<&ModelId>,
        commit: CommitId,
        pack: weight_store::Bytes,
    ) -> Result<Needs, Error> {
        let work = Work::on_commit(&self.context, model, commit, &self.watcher).await?;
        work.with_heartbeat(work.needs(&self.store, commit, pack)).await
    }

    fn note(&mut self, commit: CommitId, needs: Needs) {
        for needed in &needs.blobs {
            self.needed.entry(needed.id).or_insert_with(|| (commit, needed.clone()));
        }
        self.commits.insert(commit, needs);
    }

    async fn read_blobs(&mut self, sizes: BTreeMap<BlobId, u64>) -> Result<(), Error> {
        let (files, bytes) = (sizes.len(), sizes.values().sum());
        self.watcher.on_event(&Event::StoreWork { files, bytes });
        let (mut reading, mut blobs) = (JoinSet::new(), sizes.into_iter());
        loop {
            while reading.len() < AT_ONCE
                && let Some((id, size)) = blobs.next()
            {
                let (store, retry) = (self.store.clone(), self.context.retry.clone());
                let on_read = moved(&self.watcher);
                reading.spawn(async move {
                    let verdict = insist(&retry, || store.inspect_blob(&id, size, &on_read)).await;
                    (id, size, verdict)
                });
            }
            let Some(read) = reading.join_next().await else { return Ok(()) };
            let (id, size, verdict) = net::joined(read.map(Ok::<_, Error>))?;
            self.watcher.on_event(&Event::StoreFileDone);
            (self.check.blobs, self.check.bytes) = (self.check.blobs + 1, self.check.bytes + size);
            let problem = match verdict {
                Ok(BlobVerdict::Right) => continue,
                Ok(BlobVerdict::Missing) => "it is missing".to_owned(),
                Ok(BlobVerdict::Wrong(problem)) => problem,
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => failure(&error),
            };
            self.note_damage(id, problem);
        }
    }

    fn note_damage(&mut self, id: BlobId, problem: String) {
        let mut finding = StoreFinding::new(StorePart::Blob, &self.store.shown_blob(&id), problem);
        if let Some((commit, needed)) = self.needed.get(&id) {
            (finding.commit, finding.file) = (Some(*commit), Some(needed.file.path.clone()));
        }
        self.damaged.insert(id, self.check.findings.len());
        self.check.findings.push(finding);
    }
}

/// Whether the pack, or a file that it refers to, is at fault, rather than this machine or the network.
fn is_of_the_pack(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Refused | ErrorKind::NotCached)
}

/// Reports the bytes read.
pub(super) fn moved(watcher: &Arc<dyn Observer>) -> OnRead {
    let watcher = Arc::clone(watcher);
    OnRead::new(move |bytes| watcher.on_event(&Event::StoreBytes { bytes }))
}
