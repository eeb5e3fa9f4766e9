//! The fetch itself: one commit, depth 1, into a bare repository that is thrown away afterwards.

use std::path::Path;
use std::sync::Arc;

use git2::{
    AutotagOption, Direction, FetchOptions, Oid, Remote, RemoteCallbacks, Repository, RepositoryInitOptions,
};
use url_parse::Revision;

use super::library::SCHEME;
use super::smart_http::Session;
use crate::Error;
use crate::error::HubWords;

/// Where the fetched commit is filed in the scratch repository.
const FETCHED: &str = "refs/mlc-weights/fetched";
const DEFAULT_BRANCH: &str = "HEAD";

/// Fetches the commit that the session's revision stands for, and nothing older.
pub(super) fn fetch_commit(session: &Arc<Session>, scratch: &Path) -> Result<(Repository, Oid), Error> {
    let _entered = session.enter();
    let failed = |error| session.failure(error);
    let repository =
        Repository::init_opts(scratch, RepositoryInitOptions::new().bare(true).external_template(false))
            .map_err(failed)?;
    let commit = {
        let mut remote = repository.remote_anonymous(&format!("{SCHEME}://repository")).map_err(failed)?;
        // One connection for listing and fetching: the list tells a missing branch from an empty repository,
        // which a fetch alone reports as success.
        remote.connect(Direction::Fetch).map_err(failed)?;
        let wanted = wanted_reference(session, &remote)?;
        remote.fetch(&[format!("+{wanted}:{FETCHED}")], Some(&mut options(session)), None).map_err(failed)?;
        let reference = repository.find_reference(FETCHED).map_err(failed)?;
        reference.peel_to_commit().map_err(failed)?.id()
    };
    Ok((repository, commit))
}

fn options(session: &Arc<Session>) -> FetchOptions<'static> {
    let mut callbacks = RemoteCallbacks::new();
    // Called while the pack is indexed too, when no request is under way that could notice.
    let cancelled = session.cancelled().clone();
    callbacks.transfer_progress(move |_| !cancelled.is_cancelled());
    let mut options = FetchOptions::new();
    options.depth(1).download_tags(AutotagOption::None).update_fetchhead(false).remote_callbacks(callbacks);
    options
}

/// The advertised name to ask for; a commit that no name points at is asked for by its id.
fn wanted_reference(session: &Session, remote: &Remote<'_>) -> Result<String, Error> {
    let heads = remote.list().map_err(|error| session.failure(error))?;
    if heads.is_empty() {
        return Err(Error::EmptyRepository { model: session.model().clone() });
    }
    let is_advertised = |name: &str| heads.iter().any(|head| head.name() == name);
    let wanted = match session.revision() {
        None => is_advertised(DEFAULT_BRANCH).then(|| DEFAULT_BRANCH.to_owned()),
        Some(revision) => candidates(revision)
            .into_iter()
            .find(|name| is_advertised(name))
            .or_else(|| revision.commit().map(|commit| commit.to_string())),
    };
    wanted.ok_or_else(|| Error::RevisionNotFound {
        model: session.model().clone(),
        revision: session.revision().map_or(DEFAULT_BRANCH, Revision::as_str).to_owned(),
        hub_says: HubWords::default(),
    })
}

/// A revision's possible full names, in git's own order of preference for remote names.
fn candidates(revision: &Revision) -> Vec<String> {
    let name = revision.as_str();
    if name.starts_with("refs/") {
        return vec![name.to_owned()];
    }
    vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
}
