//! Metadata over the hub's API: for what git does not tell, or will not hand out.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod listing;
mod pages;
mod plain_files;

use bytes::Bytes;
use net::{Hop, Request, SafeUrl};
use reqwest::header::{self, HeaderMap};
use serde::Deserialize;
use url_parse::{CommitId, ModelId, Revision, Url};

use crate::client::{API, headers};
use crate::{Error, HubClient};

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
        let (info, _) = asked.map_err(|error| {
            if !is_no_api(&error) {
                return error;
            }
            let (model, revision) = (self.model.clone(), short.to_string());
            Error::NoShortCommits { model, revision, source: Box::new(error) }
        })?;
        let unusable = |problem| Error::UnusableAnswer { url: SafeUrl::of(&url), problem };
        let no_commit = unusable("it names no commit");
        let parsed =
            net::blocking(move || serde_json::from_slice(&net::standard_json(&info)).map_err(|_| no_commit));
        let info: Info = parsed.await?;
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

    /// One answer of the API: its JSON and its headers.
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
        let headers = answer.headers().clone();
        let too_much = || self.too_much("bytes in an answer of the API", MAX_ANSWER as u64);
        Ok((answer.read(MAX_ANSWER).await?.ok_or_else(too_much)?, headers))
    }

    fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.model.clone(), what, limit }
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
            | Error::Net(net::Error::BadRedirect { .. } | net::Error::TooManyRedirects { .. })
    )
}
