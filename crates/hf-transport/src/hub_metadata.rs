//! Metadata over git, and over the hub's API where git is not enough.

use async_trait::async_trait;
use url_parse::{CommitId, Revision};

use crate::api::Api;
use crate::{Error, GitMetadata, HubClient, MetadataRequest, MetadataSource, RepoSnapshot};

/// The metadata source for hubs that serve git, and perhaps the Hugging Face hub's API.
///
/// What [`GitMetadata`] can fetch it fetches: by a name, alone by its id, else with the repository's whole history. The
/// names of git's objects prove then that the files are the commit's ([`Proof::Git`](crate::Proof)). The API is asked
/// in two cases:
///
/// - The revision is 7 to 39 hexadecimal digits, which name no branch and no tag: the API tells the commit that
///   they begin.
/// - The revision is a commit, and the hub serves no git at all: the API lists its files. The plain ones are fetched
///   one by one and compared with the listed names of their git objects. (The API does not tell which are
///   executable; none is, then.) That these are the commit's is the hub's word ([`Proof::Word`](crate::Proof)).
///
/// A commit that a hub with git does not hand out over git is not found, whatever its API says: an endpoint cannot
/// choose to be believed.
#[derive(Clone, Debug)]
pub struct HubMetadata {
    hub: HubClient,
    git: GitMetadata,
}

impl HubMetadata {
    /// A source over the given hub.
    #[must_use]
    pub fn new(hub: HubClient) -> Self {
        Self { git: GitMetadata::new(hub.clone()), hub }
    }

    /// A commit that no name of the repository has to lead to.
    async fn commit(&self, request: MetadataRequest, commit: CommitId) -> Result<RepoSnapshot, Error> {
        let without_git = match self.git.fetch(request.clone()).await {
            Err(error @ Error::NoGit { .. }) => error,
            outcome => return outcome,
        };
        let listed = Api::new(&self.hub, &request.model).fetch(&request, commit).await?;
        listed.ok_or(without_git)
    }

    /// What may be a branch, a tag, or the beginning of a commit.
    async fn name(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        let short = request.revision.clone().filter(Revision::may_be_short_commit);
        match (self.git.fetch(request.clone()).await, short) {
            (Err(Error::RevisionNotFound { .. }), Some(short)) => {
                let commit = Api::new(&self.hub, &request.model).commit_of(&short).await?;
                self.commit(MetadataRequest { revision: Some(commit.into()), ..request }, commit).await
            }
            (outcome, _) => outcome,
        }
    }
}

#[async_trait]
impl MetadataSource for HubMetadata {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        match request.revision.as_ref().and_then(Revision::commit) {
            Some(commit) => self.commit(request, commit).await,
            None => self.name(request).await,
        }
    }
}
