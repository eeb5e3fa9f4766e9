//! Metadata over git, and over the hub's API where git is not enough.

use async_trait::async_trait;
use url_parse::{CommitId, ModelId, Revision};

use crate::api::{Api, OverApi};
use crate::git::{NamedOverGit, OverGit};
use crate::{Error, GitMetadata, HubClient, MetadataRequest, MetadataSource, RepoSnapshot};

/// The metadata source for hubs that serve git, the Hugging Face hub's API, or both.
///
/// Whatever [`GitMetadata`] can fetch is fetched with it: by a name, alone by its id, or else with the
/// repository's whole history. The ids of git's objects then prove that the files belong to the commit
/// ([`Proof::Git`](crate::Proof)). The API is used in two cases:
///
/// - The revision has 7 to 39 hexadecimal digits and is not the name of a branch or tag: the API
///   resolves the abbreviated commit.
/// - The endpoint serves no git at all, as with some mirrors: it answers the first git request with a
///   refusal, a web page or git's "dumb" protocol. The API then resolves the name and lists the
///   commit's files. The plain ones are fetched one by one and checked against the listed ids of their
///   git objects. (The API does not tell which files are executable, so none is.) That they belong to
///   the commit is the hub's claim ([`Proof::Word`](crate::Proof)).
///
/// If a hub with git does not provide a commit over git, it counts as missing whatever the API says: an
/// endpoint cannot choose to be believed instead of proving. A rate limit, an outage or a network
/// failure is not an answer to git's request, and does not lead to the API.
#[derive(Clone, Debug)]
pub struct HubMetadata {
    hub: HubClient,
    git: GitMetadata,
}

impl HubMetadata {
    /// A source for this hub.
    #[must_use]
    pub fn new(hub: HubClient) -> Self {
        Self { git: GitMetadata::new(hub.clone()), hub }
    }

    /// Uses the API after the endpoint answered git's request with `git`.
    async fn over_api(&self, request: &MetadataRequest, git: Error) -> Result<RepoSnapshot, Error> {
        tracing::info!(hub = %self.hub.endpoint(), answer = %git, "the hub serves no git: using its API");
        let api = match Api::new(&self.hub, &request.model).snapshot(request).await? {
            OverApi::Snapshot(snapshot) => {
                tracing::info!(commit = %snapshot.commit, "the metadata came over the hub's API");
                return Ok(snapshot);
            }
            OverApi::NotServed(api) => api,
        };
        Err(self.neither(&request.model, git, api))
    }

    /// The error if the endpoint answered git's request with `git` and the API's with `api`.
    fn neither(&self, model: &ModelId, git: Error, api: Error) -> Error {
        // The endpoint does serve git, but requires a login.
        if matches!(git, Error::MissingOrPrivate { .. }) {
            return git;
        }
        let endpoint = Box::new(self.hub.endpoint().clone());
        Error::NoMetadata { model: model.clone(), endpoint, git: Box::new(git), source: Box::new(api) }
    }
}

#[async_trait]
impl MetadataSource for HubMetadata {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, Error> {
        let short = request.revision.clone().filter(Revision::may_be_short_commit);
        match (self.git.ask(request.clone()).await, short) {
            (Ok(OverGit::Snapshot(snapshot, _)), _) => Ok(snapshot),
            (Ok(OverGit::NotServed(answer)), _) => self.over_api(&request, answer).await,
            (Err(Error::RevisionNotFound { .. }), Some(short)) => {
                let commit = Api::new(&self.hub, &request.model).whole_commit(&short).await?;
                self.fetch(MetadataRequest { revision: Some(commit.into()), ..request }).await
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn commit_of(
        &self,
        model: &ModelId,
        revision: Option<&Revision>,
    ) -> Result<Option<CommitId>, Error> {
        let (api, short) = (Api::new(&self.hub, model), revision.filter(|name| name.may_be_short_commit()));
        let commit = match (self.hub.name_over_git(model, revision).await, short) {
            (Ok(NamedOverGit::Commit(named)), _) => named.commit,
            (Ok(NamedOverGit::NotServed(git)), _) => match api.commit_of(revision).await {
                Err(error) if error.is_not_served() => return Err(self.neither(model, git, error)),
                outcome => outcome?,
            },
            (Err(Error::RevisionNotFound { .. }), Some(short)) => api.whole_commit(short).await?,
            (Err(error), _) => return Err(error),
        };
        Ok(Some(commit))
    }
}
