//! Looks for a model in the cache.

use std::path::Path;

use cache_layout::{CacheLayout, Completeness, Hit, Lookup, Purpose, Receipt, Slot};
use shard_fetch::{
    MANIFEST_NAMES, Manifest, ModelDirState, inspect_model_dir, inspect_model_dir_lacking, read_metadata_file,
};
use url_parse::{CommitId, Proof, Revision, shown};

use crate::context::SharedContext;
use crate::decision::{Decision, decide, is_forced};
use crate::proof::check_hit;
use crate::receipts::receipt_about;
use crate::threads::blocking;
use crate::{Error, Event, MetadataOrigin, Model, Outcome, Request, Warning};

/// A request, with everything needed to answer it.
#[derive(Clone)]
pub(crate) struct Query {
    pub(crate) context: SharedContext,
    pub(crate) request: Request,
    pub(crate) slot: Slot,
}

/// What the cache has for a request.
pub(crate) enum Answer {
    Found(Model),
    Missing(Purpose),
}

impl Answer {
    pub(crate) fn new(decision: Decision, model: impl FnOnce(Hit) -> Model) -> Self {
        match decision {
            Decision::Serve(hit) => Self::Found(model(hit)),
            Decision::Download(purpose) => Self::Missing(purpose),
        }
    }
}

impl Query {
    pub(crate) fn new(context: SharedContext, request: Request) -> Self {
        let slot = context.layout.slot(request.model());
        Self { context, request, slot }
    }

    /// Logs the policy, as MLC-LLM does on each call.
    pub(crate) fn log_policy(&self) {
        let policy = self.request.policy_or(self.context.policy);
        tracing::info!(%policy, "download cache policy, one of ON, OFF, REDO, READONLY");
    }

    /// Runs a job on a thread for blocking work.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let query = self.clone();
        blocking(move || job(&query)).await
    }

    /// Searches the tiers and decides how to answer the request. Reads only.
    pub(crate) fn look(&self) -> Result<(Decision, Lookup), Error> {
        let Self { context, request, slot } = self;
        let policy = request.policy_or(context.policy);
        let forced = is_forced(request, policy)?;
        let lookup = context.layout.look_up(slot, &|dir| inspect(&context.layout, slot, dir))?;
        let has_entry = request.is_about_own_copy() && slot.entry().symlink_metadata().is_ok();
        let decision = decide(request, policy, forced, has_entry, lookup.clone())?;
        if let Decision::Serve(hit) = &decision {
            check_hit(context, slot, hit)?;
        }
        Ok((decision, lookup))
    }

    /// Warns the observer about unusual circumstances of a decision.
    pub(crate) fn warn(&self, decision: &Decision, lookup: &Lookup) {
        let Self { context, request, .. } = self;
        let observer = request.watcher();
        for entry in &lookup.passed_over {
            tracing::warn!(model = %request.model(), reason = %entry, "skipping an incomplete model");
            observer.on_event(&Event::Warning(Warning::PassedOver(entry)));
        }
        let forced = is_forced(request, request.policy_or(context.policy)).unwrap_or(false);
        if let Decision::Serve(hit) = decision
            && forced
        {
            let tier = hit.tier.path();
            tracing::warn!(model = %request.model(), tier = %shown(tier), "a forced download was answered by a read-only tier");
            observer.on_event(&Event::Warning(Warning::ForceAnsweredByReadOnlyTier { tier }));
        }
    }

    /// Converts a hit to the caller's result.
    ///
    /// In the writable tier, a model with only the manifest's older name also gets the newer one, the
    /// only one that current runtimes open. If it cannot be written, the model is returned unchanged.
    /// The use is recorded there too.
    pub(crate) fn serve(&self, hit: Hit) -> Model {
        if !hit.tier.is_read_only() {
            if let Err(error) = self.add_newer_name(&hit.path) {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(entry = %shown(&hit.path), error, "cannot add the manifest's newer name");
            }
            self.context.layout.note_use(&self.slot);
        }
        tracing::info!(path = %shown(&hit.path), "using cached weights");
        self.found(hit)
    }

    /// The same without writing anything.
    pub(crate) fn found(&self, hit: Hit) -> Model {
        let KnownDir { commit, proof, metadata } = known_of(&self.context.layout, &self.slot, &hit.path);
        Model { path: hit.path, tier: hit.tier, commit, proof, metadata, outcome: Outcome::Cached }
    }

    fn add_newer_name(&self, entry: &Path) -> Result<(), Error> {
        let [newer, older] = MANIFEST_NAMES;
        if !entry.join(newer).exists() {
            self.context.layout.add_alias(&self.slot, &older.parse()?, &newer.parse()?)?;
        }
        Ok(())
    }
}

/// What is known about a whole directory.
pub(crate) struct KnownDir {
    pub(crate) commit: Option<CommitId>,
    pub(crate) proof: Option<Proof>,
    pub(crate) metadata: Option<MetadataOrigin>,
}

/// The requested commit takes precedence over a receipt of another one.
pub(crate) fn known_of(layout: &CacheLayout, slot: &Slot, dir: &Path) -> KnownDir {
    let asked = slot.model().revision().and_then(Revision::commit);
    let receipt = receipt_about(layout, slot, dir);
    let receipt = receipt.filter(|receipt| asked.is_none_or(|asked| asked == receipt.commit));
    KnownDir {
        commit: asked.or(receipt.as_ref().map(|receipt| receipt.commit)),
        proof: receipt.as_ref().and_then(|receipt| receipt.proof),
        metadata: receipt.map(|_| MetadataOrigin::Receipt),
    }
}

/// The receipt of the download that created the writable tier's entry. If there is no manifest to
/// compare with, the receipt is trusted, since a repaired model is verified anyway.
pub(crate) fn mended_receipt(layout: &CacheLayout, slot: &Slot) -> Option<Receipt> {
    let entry = layout.existing_entry(slot)?;
    let has_manifest = MANIFEST_NAMES.iter().any(|name| {
        let bytes = read_metadata_file(&entry, name).and_then(Result::ok);
        bytes.is_some_and(|bytes| Manifest::parse(&bytes, name).is_ok())
    });
    if has_manifest { receipt_about(layout, slot, &entry) } else { layout.receipt(slot) }
}

/// Whether a directory is a whole model, apart from files that its commit never had.
pub(crate) fn inspect(layout: &CacheLayout, slot: &Slot, dir: &Path) -> Completeness {
    match inspect_model_dir(dir) {
        // Only now is it worth reading the receipt.
        ModelDirState::Missing(missing) => match receipt_about(layout, slot, dir) {
            Some(receipt) if !receipt.lacking.is_empty() => inspect_with(Some(&receipt), dir),
            _ => Completeness::Incomplete { missing },
        },
        state => completeness(state),
    }
}

/// The same with a receipt that was already looked up.
pub(crate) fn inspect_with(receipt: Option<&Receipt>, dir: &Path) -> Completeness {
    let lacking = receipt.map(|receipt| receipt.lacking.iter().cloned().collect()).unwrap_or_default();
    completeness(inspect_model_dir_lacking(dir, &lacking))
}

fn completeness(state: ModelDirState) -> Completeness {
    match state {
        ModelDirState::NoDirectory => Completeness::Absent,
        ModelDirState::Missing(missing) => Completeness::Incomplete { missing },
        ModelDirState::Whole => Completeness::Whole,
    }
}
