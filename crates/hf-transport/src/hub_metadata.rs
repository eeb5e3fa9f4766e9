//! Metadata over git, and over the hub's API where git is not enough.

use async_trait::async_trait;
use url_parse::{CommitId, ModelId, Revision};

use crate::api::{Api, OverApi};
use crate::git::{NamedOverGit, OverGit};
use crate::{Error, GitMetadata, HubClient, MetadataRequest, MetadataSource, RepoSnapshot};

/// The metadata source for hubs that serve git, the Hugging Face hub's API, or both.
///
/// What [`GitMetadata`] can fetch it fetches: by a name, alone by its id, else with the repository's whole history. The
/// names of git's objects prove then that the files are the commit's ([`Proof::Git`](crate::Proof)). The API is asked
/// in two cases:
///
/// - The revision is 7 to 39 hexadecimal digits, which name no branch and no tag: the API tells the commit that
///   they begin.
/// - The endpoint serves no git at all, as mirrors do: it answers git's first question with a refusal, a web page, or
///   git's older protocol. The API then tells the commit of a name and lists the commit's files. The plain ones are
///   fetched one by one and compared with the listed names of their git objects. (The API does not tell which are
///   executable; none is, then.) That these are the commit's is the hub's word ([`Proof::Word`](crate::Proof)).
///
/// What a hub with git does not hand out over git is not found, whatever its API says: an endpoint cannot choose to be
/// believed. Limits, outages and failures of the network are none of its answers, and lead to no other question.
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

    /// Asks the API, as the endpoint has answered git's question with `git`.
    async fn over_api(&self, request: &MetadataRequest, git: Error) -> Result<RepoSnapshot, Error> {
        tracing::info!(hub = %self.hub.endpoint(), answer = %git, "no git is served here: asking the hub's API");
        let api = match Api::new(&self.hub, &request.model).snapshot(request).await? {
            OverApi::Snapshot(snapshot) => {
                tracing::info!(commit = %snapshot.commit, "the metadata came over the hub's API");
                return Ok(snapshot);
            }
            OverApi::NotServed(api) => api,
        };
        Err(self.neither(&request.model, git, api))
    }

    /// The error of an endpoint that answered git's question with `git` and the API's with `api`.
    fn neither(&self, model: &ModelId, git: Error, api: Error) -> Error {
        // The endpoint serves git after all, and asks for a login.
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
