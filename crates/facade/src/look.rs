//! Looking for a model in the cache.

use std::path::Path;

use cache_layout::{CacheLayout, Completeness, Hit, Lookup, Receipt, Slot};
use shard_fetch::{MANIFEST_NAMES, ModelDirState, digest_file, inspect_model_dir, inspect_model_dir_lacking};
use url_parse::{CommitId, Revision};

use crate::decision::{Decision, decide, is_forced};
use crate::{Error, Event, Model, Outcome, Request, Warning, builder::Context};

/// Looks through the tiers and decides what the request comes to. Reads only.
pub(crate) fn look(context: &Context, slot: &Slot, request: &Request) -> Result<(Decision, Lookup), Error> {
    let policy = request.policy_or(context.policy);
    let forced = is_forced(request, policy)?;
    let lookup = context.layout.look_up(slot, &|dir| inspect(&context.layout, slot, dir))?;
    Ok((decide(request, policy, forced, lookup.clone())?, lookup))
}

/// Tells the observer what deserves a look about a decision.
pub(crate) fn warn(context: &Context, request: &Request, decision: &Decision, lookup: &Lookup) {
    let observer = request.watcher();
    for entry in &lookup.passed_over {
        tracing::warn!(model = %request.model(), "passed over: {entry}");
        observer.on_event(&Event::Warning(Warning::PassedOver(entry)));
    }
    let forced = is_forced(request, request.policy_or(context.policy)).unwrap_or(false);
    if let Decision::Serve(hit) = decision
        && forced
    {
        let tier = hit.tier.path();
        tracing::warn!(model = %request.model(), tier = %tier.display(), "a forced download was answered by a read-only tier");
        observer.on_event(&Event::Warning(Warning::ForceAnsweredByReadOnlyTier { tier }));
    }
}

/// A hit as the caller gets it.
///
/// In the writable tier a model that has only the manifest's older name gets the newer one beside it, which
/// is the only one that today's runtimes open. Where that cannot be written the model is returned as it is.
pub(crate) fn serve(context: &Context, slot: &Slot, hit: Hit) -> Model {
    if !hit.tier.is_read_only()
        && let Err(error) = add_newer_name(context, slot, &hit.path)
    {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(entry = %hit.path.display(), error, "cannot add the manifest's newer name");
    }
    let commit = commit_of(&context.layout, slot, &hit);
    Model { path: hit.path, tier: hit.tier, commit, outcome: Outcome::Cached }
}

/// The commit of what was found, as far as it is known. A receipt knows of the writable tier's entry only.
pub(crate) fn commit_of(layout: &CacheLayout, slot: &Slot, hit: &Hit) -> Option<CommitId> {
    let asked = slot.model().revision().and_then(Revision::commit);
    let written = || layout.receipt(slot).filter(|receipt| is_about(receipt, &hit.path));
    asked.or_else(|| if hit.tier.is_read_only() { None } else { written().map(|receipt| receipt.commit) })
}

fn add_newer_name(context: &Context, slot: &Slot, entry: &Path) -> Result<(), Error> {
    let [newer, older] = MANIFEST_NAMES;
    if !entry.join(newer).exists() {
        context.layout.add_alias(slot, &older.parse()?, &newer.parse()?)?;
    }
    Ok(())
}

/// Whether a directory is a whole model, files that its commit never had left aside.
pub(crate) fn inspect(layout: &CacheLayout, slot: &Slot, dir: &Path) -> Completeness {
    let state = match inspect_model_dir(dir) {
        // Only now is the receipt worth reading.
        ModelDirState::Missing(missing) => match layout.receipt(slot) {
            Some(receipt) if !receipt.lacking.is_empty() && is_about(&receipt, dir) => {
                inspect_model_dir_lacking(dir, &receipt.lacking.into_iter().collect())
            }
            _ => ModelDirState::Missing(missing),
        },
        state => state,
    };
    match state {
        ModelDirState::NoDirectory => Completeness::Absent,
        ModelDirState::Missing(missing) => Completeness::Incomplete { missing },
        ModelDirState::Whole => Completeness::Whole,
    }
}

/// Whether a receipt is about this directory, which another program may have replaced since.
fn is_about(receipt: &Receipt, dir: &Path) -> bool {
    MANIFEST_NAMES
        .iter()
        .filter_map(|name| digest_file(&dir.join(name)).ok())
        .any(|manifest| manifest.sha256.is_some_and(|digest| *digest.as_bytes() == receipt.manifest_sha256))
}
