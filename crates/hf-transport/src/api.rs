//! Metadata over the hub's API: for what git does not tell, or will not hand out.

mod listing;
mod pages;
mod plain_files;

use bytes::{Bytes, BytesMut};
use reqwest::Method;
use reqwest::header::{self, HeaderMap};
use serde::Deserialize;
use url_parse::{CommitId, ModelId, Revision, Url};

use crate::client::{Answer, HubRequest, header_text, headers};
use crate::redirect::Redirects;
use crate::refusal::read_refusal;
use crate::shown::SafeUrl;
use crate::throttle::Lane;
use crate::{Error, HubClient, MetadataRequest, RepoSnapshot};

/// A page of a thousand entries with long paths takes some hundred KiB.
const MAX_ANSWER: usize = 16 << 20;
const JSON: &str = "application/json";

/// The API of one model.
pub(crate) struct Api<'a> {
    hub: &'a HubClient,
    model: &'a ModelId,
}

/// What tells a revision's commit. More is in it, which is not needed.
#[derive(Deserialize)]
struct Info {
    sha: String,
}

impl<'a> Api<'a> {
    pub(crate) fn new(hub: &'a HubClient, model: &'a ModelId) -> Self {
        Self { hub, model }
    }

    /// The commit that a short one begins.
    ///
    /// # Errors
    ///
    /// [`Error::RevisionNotFound`] when the hub knows none, [`Error::NoShortCommits`] when it has no such API.
    pub(crate) async fn commit_of(&self, short: &Revision) -> Result<CommitId, Error> {
        let url = self.hub.endpoint().revision_url(self.model, short);
        let asked = self.get(&url, "ask for the commit at", short.as_str()).await;
        let (info, _) = asked.map_err(|error| match is_no_api(&error) {
            true => Error::NoShortCommits {
                model: self.model.clone(),
                revision: short.to_string(),
                source: Box::new(error),
            },
            false => error,
        })?;
        let unusable = |problem| Error::UnusableAnswer { url: SafeUrl::of(&url), problem };
        let info: Info = serde_json::from_slice(&info).map_err(|_| unusable("it names no commit"))?;
        match info.sha.parse::<CommitId>() {
            Ok(commit) if info.sha.starts_with(short.as_str()) => Ok(commit),
            Ok(_) => Err(unusable("it names a commit that begins otherwise")),
            Err(_) => Err(unusable("it names no commit")),
        }
    }

    /// Whether the API is there, and has the model.
    pub(crate) async fn knows_model(&self) -> bool {
        let Ok(main) = "main".parse::<Revision>() else { return false };
        let url = self.hub.endpoint().revision_url(self.model, &main);
        matches!(
            self.get(&url, "ask for the model at", main.as_str()).await,
            Ok(_) | Err(Error::RevisionNotFound { .. })
        )
    }

    /// Lists a commit and writes its plain files; `None`, and nothing written, when the hub has no such API.
    pub(crate) async fn fetch(
        &self,
        request: &MetadataRequest,
        commit: CommitId,
    ) -> Result<Option<RepoSnapshot>, Error> {
        match listing::list(self, commit).await {
            Ok(listed) => plain_files::fetch(self.hub, request, commit, listed).await.map(Some),
            Err(error) if is_no_api(&error) => {
                tracing::debug!(model = %self.model, %error, "this hub lists no files");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// One answer of the API: its JSON and its headers.
    async fn get(
        &self,
        url: &Url,
        action: &'static str,
        revision: &str,
    ) -> Result<(Bytes, HeaderMap), Error> {
        let request = HubRequest {
            method: Method::GET,
            url: url.clone(),
            headers: headers([(header::ACCEPT, JSON)]),
            body: Bytes::new(),
            action,
            redirects: Redirects::Anywhere,
            lane: Lane::Api,
        };
        let answer = self.hub.send(request).await?;
        if !answer.response.status().is_success() {
            let asked = self.hub.asked(self.model, None, revision);
            let patience = self.hub.config().idle_timeout;
            return Err(read_refusal(&asked, &answer.url, answer.response, patience).await);
        }
        let headers = answer.response.headers().clone();
        let content_type = header_text(&headers, header::CONTENT_TYPE).unwrap_or_default();
        if content_type.split(';').next().map(str::trim) != Some(JSON) {
            return Err(Error::not_a_hub(&answer.url, content_type, JSON));
        }
        let too_much = || self.too_much("bytes in an answer of the API", MAX_ANSWER as u64);
        Ok((read(self.hub, answer, action, MAX_ANSWER).await?.ok_or_else(too_much)?, headers))
    }

    fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.model.clone(), what, limit }
    }
}

/// An answer's body; `None` when it is longer than `limit`.
async fn read(
    hub: &HubClient,
    mut answer: Answer,
    action: &'static str,
    limit: usize,
) -> Result<Option<Bytes>, Error> {
    let mut body = BytesMut::new();
    loop {
        let chunk = answer.response.chunk().await;
        match chunk.map_err(|error| hub.transport_error(action, &answer.url, error))? {
            Some(chunk) if body.len() + chunk.len() > limit => return Ok(None),
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Ok(Some(body.freeze())),
        }
    }
}

/// Whether an answer is that of a server without this API. A hub that has it says in other words what it lacks.
fn is_no_api(error: &Error) -> bool {
    matches!(
        error,
        Error::MissingOrPrivate { .. }
            | Error::UnexpectedStatus { .. }
            | Error::NotAHub { .. }
            | Error::UnusableAnswer { .. }
            | Error::BadRedirect { .. }
            | Error::TooManyRedirects { .. }
    )
}
