//! The fetch itself: one commit, without its history where the server can do that, into a bare repository
//! that is thrown away afterwards.

use std::path::Path;
use std::sync::Arc;

use git2::{
    AutotagOption, Direction, ErrorClass, FetchOptions, ObjectType, Odb, Oid, RemoteCallbacks, Repository,
    RepositoryInitOptions,
};
use net::{ForeignError, SafeUrl, ServerWords};
use url_parse::{ModelId, Revision};

use super::library::SCHEME;
use super::session::Session;
use super::transport;
use super::wanted::{FETCHED, Means, Wanted, revision_not_found};
use crate::Error;

/// Tags of tags of tags are followed so far.
const MAX_TAGS: usize = 8;
/// A tag is loaded whole.
const MAX_TAG_BYTES: usize = 1 << 20;

/// What a fetch brought.
pub(super) enum Fetched {
    /// The commit that the session's revision stands for, in this repository.
    Commit(Repository, Oid),
    /// The server does not hand out the commit by its id, as it says.
    NotAlone(ServerWords),
}

/// Fetches the commit that the session's revision stands for.
pub(super) fn fetch_commit(session: &Arc<Session>, means: Means, scratch: &Path) -> Result<Fetched, Error> {
    let _entered = transport::enter(session);
    let failed = |error: git2::Error| failure(session, scratch, &error);
    let mut options = RepositoryInitOptions::new();
    let repository =
        Repository::init_opts(scratch, options.bare(true).external_template(false)).map_err(failed)?;
    let wanted = {
        let mut remote = repository.remote_anonymous(&format!("{SCHEME}://repository")).map_err(failed)?;
        // One connection for listing and fetching: a fetch alone would report a missing branch as success.
        remote.connect(Direction::Fetch).map_err(failed)?;
        let wanted = decide(session, means)?;
        let Some(refspec) = wanted.refspec() else { return Ok(Fetched::NotAlone(ServerWords::none())) };
        let mut options = fetch_options(session, &wanted);
        match (remote.fetch(&[refspec], Some(&mut options), None).map_err(failed), wanted) {
            (Ok(()), wanted) => wanted,
            // What else a server refuses may come another time.
            (Err(Error::GitRefused { hub_says, .. }), Wanted::Commit(_)) => {
                return Ok(Fetched::NotAlone(hub_says));
            }
            (Err(error), _) => return Err(error),
        }
    };
    let commit = find(session, &repository, &wanted)?;
    Ok(Fetched::Commit(repository, commit))
}

fn decide(session: &Session, means: Means) -> Result<Wanted, Error> {
    let offered = session.offered();
    if offered.is_empty() {
        return Err(Error::EmptyRepository { model: session.model().clone() });
    }
    Wanted::decide(means, session.revision(), &offered).ok_or_else(|| not_found(session))
}

fn fetch_options(session: &Session, wanted: &Wanted) -> FetchOptions<'static> {
    let mut callbacks = RemoteCallbacks::new();
    // Called while the pack is indexed too, when no request is under way that could notice.
    let cancelled = session.cancelled().clone();
    callbacks.transfer_progress(move |_| !cancelled.is_cancelled());
    let mut options = FetchOptions::new();
    options.download_tags(AutotagOption::None).update_fetchhead(false).remote_callbacks(callbacks);
    let is_everything = matches!(wanted, Wanted::Everything(_));
    if !is_everything && session.offered().offers("shallow") {
        options.depth(1);
    } else {
        tracing::warn!(
            model = %session.model(),
            "the server cannot hand out this commit alone: fetching the history with it"
        );
    }
    options
}

/// The commit, now that it has come.
fn find(session: &Session, repository: &Repository, wanted: &Wanted) -> Result<Oid, Error> {
    let broken = |error| Error::broken_commit(session.model(), error);
    let odb = repository.odb().map_err(broken)?;
    if let Wanted::Everything(commit) = wanted {
        let id = Oid::from_str(&commit.to_string()).map_err(broken)?;
        let is_commit = matches!(odb.read_header(id), Ok((_, ObjectType::Commit)));
        return if is_commit { Ok(id) } else { Err(not_found(session)) };
    }
    let fetched = repository.refname_to_id(FETCHED).map_err(broken)?;
    let id = peel(session, repository, &odb, fetched)?;
    match session.revision().and_then(Revision::commit) {
        Some(asked) if asked.to_string() != id.to_string() => Err(not_found(session)),
        _ => Ok(id),
    }
}

/// The commit that an object leads to: itself, or what a tag is for.
fn peel(session: &Session, repository: &Repository, odb: &Odb<'_>, mut id: Oid) -> Result<Oid, Error> {
    let broken = |error| Error::broken_commit(session.model(), error);
    for _ in 0..=MAX_TAGS {
        let (size, kind) = odb.read_header(id).map_err(broken)?;
        match kind {
            ObjectType::Commit => return Ok(id),
            ObjectType::Tag if size > MAX_TAG_BYTES => {
                return Err(session.too_much("bytes in a tag", MAX_TAG_BYTES as u64));
            }
            ObjectType::Tag => id = repository.find_tag(id).map_err(broken)?.target_id(),
            _ => break,
        }
    }
    Err(broken(git2::Error::from_str("the reference leads to no commit")))
}

fn not_found(session: &Session) -> Error {
    revision_not_found(session.model(), session.revision(), ServerWords::none())
}

/// What went wrong in libgit2: the failure that the transport noted, else what libgit2 says.
fn failure(session: &Session, scratch: &Path, error: &git2::Error) -> Error {
    if session.cancelled().is_cancelled() {
        return net::Error::Cancelled.into();
    }
    let class = error.class();
    // It may be the server's words.
    let source = ForeignError::of(error, &session.secrets());
    session
        .take_failure()
        .unwrap_or_else(|| libgit2_failure(session.model(), session.url(), scratch, class, source))
}

fn libgit2_failure(
    model: &ModelId,
    url: SafeUrl,
    scratch: &Path,
    class: ErrorClass,
    source: ForeignError,
) -> Error {
    let model = model.clone();
    match class {
        ErrorClass::Os | ErrorClass::Filesystem => Error::Scratch { model, path: scratch.to_owned(), source },
        _ => Error::Git { model, url, source },
    }
}

#[cfg(test)]
mod tests {
    use git2::ErrorCode;
    use net::Secrets;
    use url_parse::ErrorKind;

    use super::*;

    #[test]
    fn a_full_disk_is_no_trouble_of_the_network() {
        let model = ModelId::new("mlc-ai", "Llama").unwrap();
        let url = SafeUrl::of(&"https://huggingface.co/mlc-ai/Llama".parse().unwrap());
        for (class, kind, message) in [
            (ErrorClass::Os, ErrorKind::Disk, "cannot keep the git metadata of mlc-ai/Llama in scratch"),
            (
                ErrorClass::Filesystem,
                ErrorKind::Disk,
                "cannot keep the git metadata of mlc-ai/Llama in scratch",
            ),
            (
                ErrorClass::Indexer,
                ErrorKind::Network,
                "cannot fetch git metadata of mlc-ai/Llama from https://huggingface.co/mlc-ai/Llama",
            ),
        ] {
            let error = git2::Error::new(ErrorCode::GenericError, class, "cannot extend packfile");
            let source = ForeignError::of(&error, &Secrets::default());
            let error = libgit2_failure(&model, url.clone(), Path::new("scratch"), class, source);
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
            assert_eq!(error.is_transient(), kind == ErrorKind::Network);
        }
    }
}
