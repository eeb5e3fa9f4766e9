//! Decides whether a model's files must be proven to belong to its commit, and whether they are.
//!
//! docs/security.md has the rules as a table.

use cache_layout::{CacheLayout, Hit, Slot};
use hf_transport::RepoSnapshot;
use url_parse::{CommitId, Endpoint, Proof, Revision};

use crate::Error;
use crate::context::Context;
use crate::proof_problem::ProofProblem;
use crate::receipts::receipt_about;

/// Checks a cached model.
///
/// # Errors
///
/// [`Error::Unproven`], if proof is required.
pub(crate) fn check_hit(context: &Context, slot: &Slot, hit: &Hit) -> Result<(), Error> {
    if context.require_proof { require(&context.layout, slot, hit) } else { Ok(()) }
}

fn require(layout: &CacheLayout, slot: &Slot, hit: &Hit) -> Result<(), Error> {
    let pinned = slot.model().revision().and_then(Revision::commit);
    let unproven = |commit: Option<CommitId>, problem| {
        let read_only_tier = hit.tier.is_read_only().then(|| hit.tier.path().to_owned());
        Err(Error::Unproven { model: slot.model().clone(), commit, problem, read_only_tier })
    };
    let Some(receipt) = receipt_about(layout, slot, &hit.path) else {
        return unproven(pinned, ProofProblem::NoReceipt);
    };
    if pinned.is_some_and(|pinned| pinned != receipt.commit) {
        return unproven(pinned, ProofProblem::OtherCommit);
    }
    match receipt.proof {
        Some(Proof::Git) => Ok(()),
        Some(_) => unproven(Some(receipt.commit), ProofProblem::NoGit),
        None => unproven(Some(receipt.commit), ProofProblem::OlderReceipt),
    }
}

/// Whether a hub's claim about a commit may be believed. An endpoint that could prove it must do so:
/// one that has served git, in this run or before any cached download, is not believed without. Blocks:
/// receipts are files.
///
/// # Errors
///
/// [`Error::Unproven`].
pub(crate) fn check_snapshot(
    context: &Context,
    slot: &Slot,
    snapshot: &RepoSnapshot,
    has_served_git: bool,
) -> Result<(), Error> {
    let problem = if snapshot.proof == Proof::Git {
        return Ok(());
    } else if context.require_proof {
        ProofProblem::NoGit
    // The application's own source is not the endpoint.
    } else if context.metadata.is_none()
        && (has_served_git || served_git_before(&context.layout, slot, &context.hub.endpoint))
    {
        ProofProblem::GitWithheld
    } else {
        return Ok(());
    };
    let (model, commit) = (slot.model().clone(), Some(snapshot.commit));
    Err(Error::Unproven { model, commit, problem, read_only_tier: None })
}

fn served_git_before(layout: &CacheLayout, slot: &Slot, endpoint: &Endpoint) -> bool {
    let others = layout.inventory().map(|inventory| inventory.entries).unwrap_or_default();
    let slots = others.iter().filter(|entry| !entry.tier.is_read_only()).map(|entry| &entry.slot);
    let mut receipts = std::iter::once(slot).chain(slots).filter_map(|slot| layout.receipt(slot));
    receipts.any(|receipt| receipt.proof == Some(Proof::Git) && receipt.endpoint.as_ref() == Some(endpoint))
}
