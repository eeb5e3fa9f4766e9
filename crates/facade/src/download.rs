//! A download from the cache miss to a whole directory.

mod carry_over;
mod dry_run;
mod fill;
mod finish;
mod for_push;
mod metadata;
mod needs;
mod newest;
mod push;
mod reuse;
mod shards;
mod store_check;
mod store_copy;
mod store_list;
mod store_names;
mod store_repair;
mod stored;
mod work;

use cache_layout::{Run, Tier};
use hf_transport::RepoSnapshot;

pub(crate) use self::dry_run::plan;
pub(crate) use self::for_push::ForPush;
use self::metadata::Described;
pub(crate) use self::newest::newest_commit;
pub(crate) use self::push::push;
pub(crate) use self::store_check::Checker;
pub(crate) use self::store_copy::Copier;
pub(crate) use self::store_list::list;
use self::work::Work;
use crate::context::SharedContext;
use crate::lease::Lease;
use crate::look::{Answer, KnownDir, Query};
use crate::plan::Plan;
use crate::store_clock::warn_of_clock;
use crate::{Error, MetadataOrigin, Model, Outcome, Request, Warning, lock_wait};

/// Answers a request from the cache, or else by a download.
pub(crate) async fn download(
    context: SharedContext,
    request: Request,
    for_push: Option<ForPush>,
) -> Result<Model, Error> {
    let (request, progress) = fill::counted(&context, request);
    let query = Query::new(context, request);
    query.log_policy();
    if let Answer::Found(model) = look(&query, true).await? {
        return Ok(model);
    }
    let lock = lock_wait::acquire(&query).await?;
    // Looks again, since another process may have done the work while this one waited.
    let purpose = match look(&query, false).await? {
        Answer::Found(model) => return Ok(model),
        Answer::Missing(purpose) => purpose,
    };
    let work = Work::begin(&query, purpose, Some(lock)).await?.telling_of_limits();
    let for_push = for_push.or_else(|| progress.is_some().then(ForPush::default));
    let work = work.counting(progress).keeping(for_push);
    let outcome = work.with_heartbeat(work.carry_out()).await;
    work.fill_store(&outcome).await;
    let failure = match outcome {
        Ok(model) => return Ok(model),
        Err(failure) => failure,
    };
    // Without locks, a faster run may have published the model and removed files that this one relied
    // on.
    match look(&query, false).await {
        Ok(Answer::Found(model)) => Ok(model),
        _ => Err(failure),
    }
}

async fn look(query: &Query, first: bool) -> Result<Answer, Error> {
    query
        .on_disk(move |query| {
            let (decision, lookup) = query.look()?;
            if first {
                query.warn(&decision, &lookup);
            }
            Ok(Answer::new(decision, |hit| query.serve(hit)))
        })
        .await
}

impl Work {
    /// Plans on a thread for blocking work, since a commit may have a hundred thousand files.
    async fn plan(
        &self,
        snapshot: RepoSnapshot,
        described: Described,
    ) -> Result<(RepoSnapshot, Described, Plan), Error> {
        let plan = move |lease: &Lease, _: &Run| {
            let mut plan = Plan::new(lease.slot.model().id(), &snapshot, &described.manifest)?;
            // A manifest or configuration in LFS is already in the tree.
            plan.fetches.retain(|file| described.fetched.iter().all(|known| known.path != file.path));
            plan.log(&snapshot.commit);
            Ok((snapshot, described, plan))
        };
        self.lease.on_disk(plan).await
    }

    async fn carry_out(&self) -> Result<Model, Error> {
        if !self.stores.is_only() {
            self.warn_of_exposed_token();
        }
        let snapshot = self.snapshot().await;
        self.warn_of_what_the_hub_said();
        for (_, store) in self.stores.in_use() {
            warn_of_clock(store, self.observer());
        }
        let snapshot = snapshot?;
        self.note_commit(&snapshot);
        let own = self.known_of(&snapshot);
        let described = self.describe(&snapshot).await?;
        let (snapshot, described, plan) = self.plan(snapshot, described).await?;
        for path in &snapshot.left_out {
            self.warn(Warning::UnfitName { path });
        }
        for path in &plan.unlisted {
            self.warn(Warning::UnlistedShard { path });
        }
        let bytes = described.bytes + self.fetch(&snapshot, &plan).await?;
        self.finish_tree(snapshot, described, plan).await?;
        let (path, KnownDir { commit, proof, metadata }) = self.publish(own).await?;
        tracing::info!(path = %url_parse::shown(&path), ?bytes, "downloaded");
        let tier = Tier::Writable(self.context.layout.home().join("model_weights"));
        let outcome = Outcome::Downloaded {
            bytes_received: bytes.received,
            bytes_from_store: bytes.from_store,
            bytes_copied: bytes.copied,
        };
        Ok(Model { path, tier, commit, proof, metadata, outcome })
    }

    /// The description of a tree made from this.
    fn known_of(&self, snapshot: &RepoSnapshot) -> KnownDir {
        let metadata = if self.stores.has_given_snapshot() {
            MetadataOrigin::Store
        } else if self.context.metadata.is_some() {
            MetadataOrigin::Application
        } else {
            MetadataOrigin::Hub
        };
        KnownDir { commit: Some(snapshot.commit), proof: Some(snapshot.proof), metadata: Some(metadata) }
    }
}
