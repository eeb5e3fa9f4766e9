//! The life of one download, from a miss to a whole directory in the cache.

mod carry_over;
mod dry_run;
mod finish;
mod metadata;
mod shards;
mod warnings;

use std::sync::Arc;

use cache_layout::{Hit, Published, Purpose, Slot, Tier};
use hf_transport::{HubClient, HubConfig};
use url_parse::CommitId;

use self::carry_over::Edits;
pub(crate) use self::dry_run::plan;
use crate::context::SharedContext;
use crate::decision::Decision;
use crate::lease::{Lease, beat, blocking};
use crate::look::{commit_of, look, restored_commit, serve, warn};
use crate::plan::Plan;
use crate::{Error, Event, Model, Observer, Outcome, Repair, Request, Warning, lock_wait};

/// Answers a request: from the cache, else by a download.
pub(crate) async fn download(context: SharedContext, request: Request) -> Result<Model, Error> {
    let slot = context.layout.slot(request.model());
    if let Looked::Served(model) = look_and_serve(&context, &slot, &request, true).await? {
        return Ok(model);
    }
    let lock = lock_wait::acquire(&context, &slot, request.watcher().as_ref()).await?;
    // Again: the wait, however short, is when another process may have done the work.
    let purpose = match look_and_serve(&context, &slot, &request, false).await? {
        Looked::Served(model) => return Ok(model),
        Looked::Missing(purpose) => purpose,
    };
    let (shared, wanted) = (Arc::clone(&context), slot.clone());
    let run = blocking(move || Ok(shared.layout.begin_run(&wanted, purpose)?)).await?;
    let lease = Lease::new(run, lock);
    let (shared, wanted) = (Arc::clone(&context), slot.clone());
    let restored = match purpose {
        Purpose::Redo => None,
        _ => blocking(move || Ok(restored_commit(&shared.layout, &wanted))).await?,
    };
    let (config, hub) = hub_of(&context).await?;
    let watcher = Arc::clone(request.watcher());
    let hub = hub.on_throttled_do(move |throttled| watcher.on_event(&Event::Throttled(throttled)));
    let work = Work { context, request, slot, lease: Arc::clone(&lease), config, hub, purpose, restored };
    let failure = tokio::select! {
        outcome = work.carry_out() => match outcome {
            Ok(model) => return Ok(model),
            Err(error) => error,
        },
        never = beat(&lease) => match never {},
    };
    // Where locks do nothing, a faster run may have published the model, and cleared what this one stood on.
    match look_and_serve(&work.context, &work.slot, &work.request, false).await {
        Ok(Looked::Served(model)) => Ok(model),
        _ => Err(failure),
    }
}

/// A client of the hub, and its settings: for each download anew, as connections belong to a runtime.
async fn hub_of(context: &SharedContext) -> Result<(HubConfig, HubClient), Error> {
    let shared = Arc::clone(context);
    // Blocking, as the system's certificates are files too.
    blocking(move || {
        let mut config = shared.hub.clone();
        config.ca_certificates = shared.certificates.load()?;
        let hub = HubClient::new(config.clone())?;
        Ok((config, hub))
    })
    .await
}

enum Looked {
    Served(Model),
    Missing(Purpose),
}

async fn look_and_serve(
    context: &SharedContext,
    slot: &Slot,
    request: &Request,
    first: bool,
) -> Result<Looked, Error> {
    let (context, slot, request) = (Arc::clone(context), slot.clone(), request.clone());
    blocking(move || {
        let (decision, lookup) = look(&context, &slot, &request)?;
        if first {
            warn(&context, &request, &decision, &lookup);
        }
        Ok(match decision {
            Decision::Serve(hit) => Looked::Served(serve(&context, &slot, hit)),
            Decision::Download(purpose) => Looked::Missing(purpose),
        })
    })
    .await
}

/// A download under way: everything its steps share.
struct Work {
    context: SharedContext,
    request: Request,
    slot: Slot,
    lease: Arc<Lease>,
    config: HubConfig,
    hub: HubClient,
    purpose: Purpose,
    /// The commit that what is to be mended comes from, if that is known.
    restored: Option<CommitId>,
}

impl Work {
    async fn carry_out(&self) -> Result<Model, Error> {
        self.warn_of_exposed_token();
        let snapshot = self.snapshot().await;
        self.warn_of_what_the_hub_said();
        let snapshot = snapshot?;
        self.note_commit(&snapshot.commit);
        let commit = snapshot.commit;
        let described = self.describe(&snapshot).await?;
        let mut plan = Plan::new(self.request.model().id(), &snapshot, &described.manifest)?;
        // A manifest or configuration that is an LFS file is in the tree already.
        plan.fetches.retain(|file| described.fetched.iter().all(|known| known.path != file.path));
        for path in &plan.unlisted {
            self.observer().on_event(&Event::Warning(Warning::UnlistedShard { path }));
        }
        plan.log(&commit);
        let bytes_received = described.bytes_received + self.fetch(&snapshot, &plan).await?;
        self.finish_tree(snapshot, &described, &plan).await?;
        let published = self.publish().await?;
        let path = published.path().to_owned();
        let tier = Tier::Writable(self.context.layout.home().join("model_weights"));
        let commit = match published {
            Published::Ours(_) => Some(commit),
            // Whole too, but not necessarily of the commit that was fetched here.
            Published::SomeoneElse(_) => {
                let (context, slot) = (Arc::clone(&self.context), self.slot.clone());
                let hit = Hit { path: path.clone(), tier: tier.clone() };
                blocking(move || Ok(commit_of(&context.layout, &slot, &hit))).await?
            }
        };
        tracing::info!(path = %path.display(), bytes = bytes_received, "downloaded");
        Ok(Model { path, tier, commit, outcome: Outcome::Downloaded { bytes_received } })
    }

    /// Everything that follows is about this commit.
    fn note_commit(&self, commit: &CommitId) {
        tracing::Span::current().record("commit", tracing::field::display(commit));
        self.observer().on_event(&Event::Commit { commit });
    }

    /// What a repair takes for edited.
    fn edits(&self) -> Edits {
        match self.request.repairs() {
            None => Edits::All,
            Some(Repair::Damaged) => Edits::Config,
            Some(Repair::DamagedAndModified) => Edits::None,
        }
    }

    fn observer(&self) -> &dyn Observer {
        self.request.watcher().as_ref()
    }
}
