//! Which commit a name stands for, by the list of references alone.

use std::time::SystemTime;

use tokio::runtime::Handle;
use url_parse::{CommitId, ModelId, Revision};

use super::cancel::{self, CancelOnDrop};
use super::session::{Offer, Session};
use super::wanted::named_commit;
use crate::{Error, HubClient};

/// The commit that a name stands for, by the hub's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedCommit {
    /// The commit.
    pub commit: CommitId,
    /// When the hub said so, by its own clock, if it told the time.
    pub seen_at: Option<SystemTime>,
}

/// What git says of a name.
pub(crate) enum NamedOverGit {
    Commit(NamedCommit),
    /// Nobody serves git there, or not of this model; what the server answered.
    NotServed(Error),
}

impl HubClient {
    /// Asks which commit a branch, a tag or the default branch (`None`) stands for: one attempt, one request, of git's
    /// list of references. 40 hexadecimal digits are a name here too.
    ///
    /// # Errors
    /// [`Error::RevisionNotFound`] and [`Error::EmptyRepository`]; the hub's refusals, that of a server without git
    /// too; and what else can go wrong with a list of references.
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

    /// The same, but tells where no git is served.
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
