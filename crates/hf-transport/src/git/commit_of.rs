//! Resolves a name to a commit, using only the list of references.

use std::time::SystemTime;

use tokio::runtime::Handle;
use url_parse::{CommitId, ModelId, Revision};

use super::cancel::{self, CancelOnDrop};
use super::session::{Offer, Session};
use super::wanted::named_commit;
use crate::{Error, HubClient};

/// The commit that a name resolves to, according to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedCommit {
    /// The commit.
    pub commit: CommitId,
    /// When the hub said so, by its own clock, if it sent the time.
    pub seen_at: Option<SystemTime>,
}

/// What git has for a name.
pub(crate) enum NamedOverGit {
    Commit(NamedCommit),
    /// There is no git server, or not for this model; the server's response.
    NotServed(Error),
}

impl HubClient {
    /// Resolves a branch, a tag or the default branch (`None`) to a commit: one attempt, one request,
    /// for git's list of references. 40 hexadecimal digits also count as a name here.
    ///
    /// # Errors
    ///
    /// [`Error::RevisionNotFound`] and [`Error::EmptyRepository`]; the hub's refusals, including that
    /// of a server without git; and any failure to get a list of references.
    ///
    /// # Cancellation
    /// Dropping the future stops the work.
    #[tracing::instrument(name = "commit_of", level = "debug", skip_all, fields(%model))]
    pub async fn commit_of(
        &self,
        model: &ModelId,
        revision: Option<&Revision>,
    ) -> Result<NamedCommit, Error> {
        match self.name_over_git(model, revision).await? {
            NamedOverGit::Commit(named) => Ok(named),
            NamedOverGit::NotServed(answered) => Err(answered),
        }
    }

    /// Like [`commit_of`](Self::commit_of), but reports that no git is served.
    pub(crate) async fn name_over_git(
        &self,
        model: &ModelId,
        revision: Option<&Revision>,
    ) -> Result<NamedOverGit, Error> {
        let (cancel_on_drop, cancelled) = cancel::pair();
        let (model, revision) = (model.clone(), revision.cloned());
        let session = Session::new(self.clone(), Handle::current(), model, revision, cancelled);
        let outcome = net::blocking(move || {
            let (offered, seen_at) = match session.advertisement()? {
                Offer::Git(offered, seen_at) => (offered, seen_at),
                Offer::NoGit(answered) => return Ok(NamedOverGit::NotServed(answered)),
            };
            if offered.is_empty() {
                return Err(Error::EmptyRepository { model: session.model().clone() });
            }
            let commit = named_commit(session.revision(), &offered);
            let commit = commit.ok_or_else(|| session.task().not_among(&offered))?;
            Ok(NamedOverGit::Commit(NamedCommit { commit, seen_at }))
        })
        .await;
        CancelOnDrop::disarm(cancel_on_drop);
        outcome
    }
}
