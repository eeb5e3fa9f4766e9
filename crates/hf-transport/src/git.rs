//! Metadata over git: a depth-1 fetch into a bare scratch repository, whose tree is then written out.

mod advertisement;
mod cancel;
mod commit_of;
mod export;
mod fetch;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod library;
mod make_pack;
mod negotiation;
pub mod pack;
mod pack_metadata;
mod packets;
mod plain;
mod scratch;
mod session;
mod shelf;
mod task;
mod unpack;
mod wanted;

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use net::ServerWords;
use tokio::runtime::Handle;

use self::cancel::CancelOnDrop;
use self::fetch::Fetched;
use self::make_pack::make_pack;
use self::scratch::with_scratch;
use self::session::Session;
use self::wanted::{Means, revision_not_found};
use crate::kept::Kept;
use crate::{Error, HubClient, MetadataRequest, MetadataSource, RepoSnapshot};

pub use self::commit_of::NamedCommit;
pub(crate) use self::commit_of::NamedOverGit;
pub use self::library::keep_libgit2_configuration;
pub use self::pack_metadata::PackMetadata;

/// The metadata source for hubs that serve git over smart HTTP, as the Hugging Face hub does.
///
/// A fetch makes at most two requests, however long the history, transfers one commit's tree and blobs
/// (pointers instead of LFS files), and leaves nothing behind except the exported files. It needs no
/// `git` executable. Requests go through the [`HubClient`], with its token, proxy and time-outs. A pack
/// is spooled to a file and scanned object by object before libgit2 unpacks it: a pack that exceeds a
/// limit or contradicts itself is refused.
///
/// Some servers cannot send one commit alone: they lack `shallow`, or no name points at the commit and
/// they do not serve commits by id. From these the history is fetched too, up to
/// [`max_metadata_bytes`](crate::HubConfig::max_metadata_bytes).
///
/// The first fetch changes three process-wide settings of libgit2. The search paths for configuration
/// are emptied, so that no `gitconfig` on the machine can affect a download. The check that a
/// repository belongs to the user is disabled, since without configuration there is no other way to
/// allow a scratch folder on a file system that reports other owners. And its cache memory is limited.
/// An application that uses libgit2 itself should call [`keep_libgit2_configuration`] first, which
/// prevents all of this, or not use libgit2 while the first fetch begins.
#[derive(Clone, Debug)]
pub struct GitMetadata {
    hub: HubClient,
}

impl GitMetadata {
    /// A source for this hub.
    #[must_use]
    pub fn new(hub: HubClient) -> Self {
        Self { hub }
    }
}

/// The result of one way to fetch.
enum Outcome {
    /// With the commit's pack, if requested.
    Snapshot(RepoSnapshot, Vec<u8>),
    /// The server does not send this commit alone: it has no name, and requesting it by id was refused
    /// with this message.
    NotAlone(ServerWords),
    /// There is no git server.
    NoGit(Error),
}

/// What git has for a revision.
pub(crate) enum OverGit {
    /// With the commit's pack, if requested.
    Snapshot(RepoSnapshot, Vec<u8>),
    /// There is no git server, or not for this model; the response to the first request.
    NotServed(Error),
}

impl GitMetadata {
    /// Like [`fetch`](MetadataSource::fetch), but reports that no git is served.
    pub(crate) async fn ask(&self, request: MetadataRequest) -> Result<OverGit, Error> {
        self.fetch_by_any_means(request, false).await
    }

    /// Like [`fetch`](MetadataSource::fetch), and also returns a git pack of exactly this commit,
    /// without its history, of at most 64 MiB, for [`PackMetadata`].
    ///
    /// # Errors
    ///
    /// As `fetch`; [`Error::TooMuchMetadata`] also for a larger pack.
    pub async fn fetch_with_pack(&self, request: MetadataRequest) -> Result<(RepoSnapshot, Bytes), Error> {
        match self.fetch_by_any_means(request, true).await? {
            OverGit::Snapshot(snapshot, pack) => Ok((snapshot, pack.into())),
            OverGit::NotServed(answered) => Err(answered),
        }
    }

    async fn fetch_by_any_means(&self, request: MetadataRequest, wants_pack: bool) -> Result<OverGit, Error> {
        let mut words = ServerWords::none();
        for means in [Means::Alone, Means::WithHistory] {
            match self.fetch_by(means, request.clone(), wants_pack).await? {
                Outcome::Snapshot(snapshot, pack) => return Ok(OverGit::Snapshot(snapshot, pack)),
                Outcome::NoGit(answered) => return Ok(OverGit::NotServed(answered)),
                Outcome::NotAlone(said) => words = said,
            }
        }
        Err(revision_not_found(&request.model, request.revision.as_ref(), words))
    }

    async fn fetch_by(
        &self,
        means: Means,
        request: MetadataRequest,
        wants_pack: bool,
    ) -> Result<Outcome, Error> {
        let (cancel_on_drop, cancelled) = cancel::pair();
        let span = tracing::debug_span!("git", model = %request.model);
        let (model, revision) = (request.model.clone(), request.revision.clone());
        let session = Session::new(self.hub.clone(), Handle::current(), model, revision, cancelled);
        let outcome = net::blocking(move || {
            let outcome = span.in_scope(|| {
                with_scratch(&session.task().cancelled, &request, |scratch| {
                    fetch_and_export(&session, means, &request, wants_pack, scratch)
                })
            });
            // Dropped last, so that the owner gets the folders back only when nothing writes there.
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
            OverGit::Snapshot(snapshot, _) => Ok(snapshot),
            OverGit::NotServed(answered) => Err(answered),
        }
    }
}

/// The result of a fetch, with the commit's pack if requested.
fn fetch_and_export(
    session: &Session,
    means: Means,
    request: &MetadataRequest,
    wants_pack: bool,
    scratch: &Path,
) -> Result<Outcome, Error> {
    let kept = request.keep_in.as_deref().map(Kept::in_folder);
    let fetched = match fetch::fetch_commit(session, means, scratch, kept.as_ref())? {
        Fetched::Commit(commit) => commit,
        Fetched::NotAlone(words) => return Ok(Outcome::NotAlone(words)),
        Fetched::NoGit(answered) => return Ok(Outcome::NoGit(answered)),
    };
    let beside = kept.as_ref().map(|kept| (session, kept));
    let snapshot = export::export_tree(&fetched, request, session.task(), beside)?;
    let pack = wants_pack.then(|| make_pack(&fetched, session.task(), scratch)).transpose()?;
    Ok(Outcome::Snapshot(snapshot, pack.unwrap_or_default()))
}
