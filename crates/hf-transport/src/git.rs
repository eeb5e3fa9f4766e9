//! Metadata over git: a depth-1 fetch into a bare scratch repository, whose tree is then written out.

mod advertisement;
mod cancel;
mod export;
mod fetch;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod library;
mod negotiation;
pub mod pack;
mod packets;
mod plain;
mod session;
mod shelf;
mod wanted;

use std::path::Path;

use async_trait::async_trait;
use net::ServerWords;
use tokio::runtime::Handle;
use url_parse::{DiskError, shown};

use self::cancel::{CancelOnDrop, CancelSignal};
use self::fetch::Fetched;
use self::session::Session;
use self::wanted::{Means, revision_not_found};
use crate::kept::Kept;
use crate::{Error, HubClient, MetadataRequest, MetadataSource, RepoSnapshot};

pub use self::library::keep_libgit2_configuration;

/// The metadata source for hubs that serve git over smart HTTP, as the Hugging Face hub does.
///
/// A fetch makes at most two requests whatever the length of the history, transfers one commit's tree and
/// blobs (for LFS files their pointers), and leaves nothing behind but the exported files. It needs no `git`
/// executable. The requests go through the [`HubClient`], with its token, proxy and time-outs. A pack is kept in a
/// file and looked through, object by object, before libgit2 unpacks it: one that is over a limit, or contradicts
/// itself, is refused.
///
/// From a server that cannot hand out one commit alone (it does not know `shallow`, or the revision is a commit
/// that no name points at and the server gives out none by their ids) the history is fetched too, up to
/// [`max_metadata_bytes`](crate::HubConfig::max_metadata_bytes).
///
/// Three things are process-wide, done once at the first fetch. libgit2's search paths for configuration are
/// emptied, so that no `gitconfig` of the machine can change a download. Its check that a repository belongs to the
/// user is turned off, as there is no configuration left that could allow a scratch folder on a file system that
/// shows other owners. And the memory that it keeps as a cache is bounded. An application that uses libgit2 on its
/// own calls [`keep_libgit2_configuration`] first, which leaves out all of it, or uses none of it while the first
/// fetch begins.
#[derive(Clone, Debug)]
pub struct GitMetadata {
    hub: HubClient,
}

impl GitMetadata {
    /// A source over the given hub.
    #[must_use]
    pub fn new(hub: HubClient) -> Self {
        Self { hub }
    }
}

/// What came of a fetch by some means.
enum Outcome {
    Snapshot(RepoSnapshot),
    /// The server does not hand out this commit alone: it has no name, and was refused by its id, in the server's
    /// words.
    NotAlone(ServerWords),
    /// Nobody serves git there.
    NoGit(Error),
}

/// What git has of a revision.
pub(crate) enum OverGit {
    Snapshot(RepoSnapshot),
    /// Nobody serves git there, or not of this model; what the server answered to the first question.
    NotServed(Error),
}

impl GitMetadata {
    /// As [`fetch`](MetadataSource::fetch), but tells where no git is served.
    pub(crate) async fn ask(&self, request: MetadataRequest) -> Result<OverGit, Error> {
        let mut words = ServerWords::none();
        for means in [Means::Alone, Means::WithHistory] {
            match self.fetch_by(means, request.clone()).await? {
                Outcome::Snapshot(snapshot) => return Ok(OverGit::Snapshot(snapshot)),
                Outcome::NoGit(answered) => return Ok(OverGit::NotServed(answered)),
                Outcome::NotAlone(said) => words = said,
            }
        }
        Err(revision_not_found(&request.model, request.revision.as_ref(), words))
    }

    /// As [`fetch`](MetadataSource::fetch), but only by these means.
    async fn fetch_by(&self, means: Means, request: MetadataRequest) -> Result<Outcome, Error> {
        let (cancel_on_drop, cancelled) = cancel::pair();
        let hub = self.hub.clone();
        let runtime = Handle::current();
        let span = tracing::debug_span!("git", model = %request.model);
        let outcome = net::blocking(move || {
            let outcome = span.in_scope(|| fetch_blocking(hub, runtime, means, &request, cancelled));
            // Last, so that their owner gets the folders back when nothing writes any more.
            drop(request);
            outcome
        })
        .await;
        CancelOnDrop::disarm(cancel_on_drop);
        outcome
    }
}

#[async_trait]
impl MetadataSource for GitMetadata {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        match self.ask(request).await? {
            OverGit::Snapshot(snapshot) => Ok(snapshot),
            OverGit::NotServed(answered) => Err(answered),
        }
    }
}

fn fetch_blocking(
    hub: HubClient,
    runtime: Handle,
    means: Means,
    request: &MetadataRequest,
    cancelled: CancelSignal,
) -> Result<Outcome, Error> {
    if cancelled.is_cancelled() {
        // It waited for a thread too long.
        return Err(net::Error::Cancelled.into());
    }
    library::prepare()?;
    let scratch = tempfile::Builder::new()
        .prefix("mlc-weights-git-")
        .tempdir_in(&request.scratch_parent)
        .map_err(|source| DiskError::new("create a scratch folder in", &request.scratch_parent, source))?;
    let outcome = fetch_and_export(hub, runtime, means, request, cancelled, scratch.path());
    let folder = scratch.path().to_owned();
    if let Err(error) = scratch.close() {
        tracing::warn!(folder = %shown(&folder), %error, "cannot remove a scratch folder");
    }
    outcome
}

fn fetch_and_export(
    hub: HubClient,
    runtime: Handle,
    means: Means,
    request: &MetadataRequest,
    cancelled: CancelSignal,
    scratch: &Path,
) -> Result<Outcome, Error> {
    let kept = request.keep_in.as_deref().map(Kept::in_folder);
    let session = Session::new(hub, runtime, request.model.clone(), request.revision.clone(), cancelled);
    let fetched = match fetch::fetch_commit(&session, means, scratch, kept.as_ref())? {
        Fetched::Commit(commit) => commit,
        Fetched::NotAlone(words) => return Ok(Outcome::NotAlone(words)),
        Fetched::NoGit(answered) => return Ok(Outcome::NoGit(answered)),
    };
    export::export_tree(&fetched, request, &session, kept.as_ref()).map(Outcome::Snapshot)
}
