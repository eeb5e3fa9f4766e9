//! Metadata over the hub's API: for hubs without git, and for what git cannot tell.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod listing;
mod pages;
mod plain_files;
mod siblings;

use bytes::Bytes;
use net::{Hop, Request, SafeUrl};
use reqwest::header::{self, HeaderMap};
use serde::Deserialize;
use url_parse::{CommitId, ModelId, Revision, Url};

use crate::client::{API, headers};
use crate::metadata::DEFAULT_BRANCH;
use crate::{Error, HubClient, RepoSnapshot};

/// A page of a thousand entries with long paths has some hundred KiB.
const MAX_ANSWER: usize = 16 << 20;
const JSON: &str = "application/json";

/// The API for one model.
pub(crate) struct Api<'a> {
    hub: &'a HubClient,
    model: &'a ModelId,
}

/// The response that names a revision's commit. Its other fields are not needed.
#[derive(Deserialize)]
struct Info {
    sha: String,
}

/// What the API has for a revision.
pub(crate) enum OverApi {
    Snapshot(RepoSnapshot),
    /// The API does not exist here; the server's response.
    NotServed(Error),
}

impl<'a> Api<'a> {
    pub(crate) fn new(hub: &'a HubClient, model: &'a ModelId) -> Self {
        Self { hub, model }
    }

    /// The commit that an abbreviated commit id stands for, if it is not a name.
    ///
    /// # Errors
    ///
    /// [`Error::RevisionNotFound`] if the hub knows none, [`Error::NoShortCommits`] if it has no such
    /// API.
    pub(crate) async fn whole_commit(&self, short: &Revision) -> Result<CommitId, Error> {
        let commit = self.commit_of(Some(short)).await.map_err(|error| {
            if !error.is_not_served() && !matches!(error, Error::MissingOrPrivate { .. }) {
                return error;
            }
            let (model, revision) = (self.model.clone(), short.to_string());
            Error::NoShortCommits { model, revision, source: Box::new(error) }
        })?;
        if commit.to_string().starts_with(short.as_str()) {
            return Ok(commit);
        }
        let url = SafeUrl::of(&self.revision_url(Some(short)));
        Err(Error::UnusableAnswer { url, problem: "it names a commit that begins differently" })
    }

    /// The commit that a revision resolves to; `None` is the default branch.
    pub(crate) async fn commit_of(&self, revision: Option<&Revision>) -> Result<CommitId, Error> {
        let url = self.revision_url(revision);
        let name = revision.map_or(DEFAULT_BRANCH, Revision::as_str);
        let (info, _) = self.get(&url, "ask for the commit at", name).await?;
        let no_commit =
            || Error::UnusableAnswer { url: SafeUrl::of(&url), problem: "it does not name a commit" };
        let unread = no_commit();
        let parsed =
            net::blocking(move || serde_json::from_slice(&net::standard_json(&info)).map_err(|_| unread));
        let info: Info = parsed.await?;
        info.sha.parse().map_err(|_| no_commit())
    }

    fn revision_url(&self, revision: Option<&Revision>) -> Url {
        self.hub.endpoint().revision_url(&self.present_model(), revision)
    }

    /// The model's current name, as far as the hub has told it.
    fn present_model(&self) -> ModelId {
        self.hub.renamed(self.model).unwrap_or_else(|| self.model.clone())
    }

    /// One response of the API: its JSON and its headers.
    async fn get(
        &self,
        url: &Url,
        action: &'static str,
        revision: &str,
    ) -> Result<(Bytes, HeaderMap), Error> {
        let request = Request {
            headers: headers([(header::ACCEPT, JSON)]),
            lane: API,
            ..Request::get(url.clone(), action, Hop::Hub)
        };
        let answer = self.hub.send(request).await?;
        if !answer.status().is_success() {
            return Err(self.hub.asked(self.model, None, revision).refused(answer).await);
        }
        if answer.media_type() != JSON {
            return Err(Error::not_a_hub(answer, JSON).await);
        }
        self.hub.found_at(self.model, answer.url());
        let headers = answer.headers().clone();
        let too_much = || self.too_much("bytes in an answer of the API", MAX_ANSWER as u64);
        Ok((answer.read(MAX_ANSWER).await?.ok_or_else(too_much)?, headers))
    }

    fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.model.clone(), what, limit }
    }
}
