//! Metadata over git: a depth-1 fetch into a bare scratch repository, whose tree is then written out.

mod advertisement;
mod cancel;
mod export;
mod fetch;
mod library;
mod session;
mod transport;
mod wanted;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;

use self::cancel::{CancelOnDrop, CancelSignal};
use self::session::Session;
use crate::{Error, HubClient, MetadataRequest, MetadataSource, RepoSnapshot};

pub use self::library::keep_libgit2_configuration;

/// The metadata source for hubs that serve git over smart HTTP, as the Hugging Face hub does.
///
/// A fetch makes at most three requests whatever the length of the history, transfers one commit's tree and
/// blobs (for LFS files their pointers), and leaves nothing behind but the exported files. It needs no `git`
/// executable. libgit2 does the git protocol and opens no socket of its own: its requests go through the
/// [`HubClient`], with its token, proxy and time-outs.
///
/// Two things are process-wide, done once at the first fetch: a private URL scheme is registered with
/// libgit2, and libgit2's search paths for configuration are emptied, so that no `gitconfig` of the machine
/// can change a download. An application that configures libgit2 itself calls
/// [`keep_libgit2_configuration`] before.
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

#[async_trait]
impl MetadataSource for GitMetadata {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        let (cancel_on_drop, cancelled) = cancel::pair();
        let hub = self.hub.clone();
        let runtime = Handle::current();
        let job = tokio::task::spawn_blocking(move || {
            let outcome = fetch_blocking(hub, runtime, &request, cancelled);
            // Last, so that whoever lent the folders gets them back when nothing writes any more.
            drop(request);
            outcome
        });
        let outcome = match job.await {
            Ok(outcome) => outcome,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => Err(Error::Cancelled),
        };
        CancelOnDrop::disarm(cancel_on_drop);
        outcome
    }
}

fn fetch_blocking(
    hub: HubClient,
    runtime: Handle,
    request: &MetadataRequest,
    cancelled: CancelSignal,
) -> Result<RepoSnapshot, Error> {
    library::prepare()?;
    let scratch = tempfile::Builder::new()
        .prefix("mlc-weights-git-")
        .tempdir_in(&request.scratch_parent)
        .map_err(|source| disk("create a scratch folder in", &request.scratch_parent, source))?;
    let limit = hub.config().max_metadata_bytes;
    let session =
        Arc::new(Session::new(hub, runtime, request.model.clone(), request.revision.clone(), cancelled));
    let (repository, commit) = fetch::fetch_commit(&session, scratch.path())?;
    export::export_tree(&repository, commit, request, limit, session.cancelled())
}

fn disk(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Disk { action, path: path.to_owned(), source }
}
