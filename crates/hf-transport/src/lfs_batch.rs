//! Locates many large files at a time, with git-lfs's batch API.
//! <https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md>

pub(crate) mod answer;

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use net::{Answer, Hop, Reach, Redirects, Request, SafeUrl, ServerWords};
use reqwest::Method;
use reqwest::header::{self, HeaderMap};
use serde::Serialize;
use url_parse::{ModelId, RepoPath, Url, hex};

use self::answer::{Place, Problem, Speaker};
use crate::client::{GIT, headers};
use crate::{Error, HubClient, LfsPointer};

const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";
/// A hundred objects with long signed URLs and headers have some hundred KiB.
const MAX_ANSWER: usize = 4 << 20;

/// The current location of an LFS object's bytes.
#[derive(Clone)]
#[non_exhaustive]
pub struct LocatedObject {
    /// The URL of the bytes. Its query may contain a signature, which is secret.
    pub url: Url,
    /// Credentials for the URL's own origin only.
    pub headers: HeaderMap,
    /// When it expires, if the server says so.
    pub expires_at: Option<SystemTime>,
    /// How near to this machine the URL and its redirect targets may be: no nearer than the server that
    /// named it.
    pub reach: Reach,
}

impl fmt::Debug for LocatedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocatedObject")
            .field("url", &SafeUrl::of(&self.url))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("expires_at", &self.expires_at)
            .field("reach", &self.reach)
            .finish()
    }
}

#[derive(Serialize)]
struct WantedBatch {
    operation: &'static str,
    transfers: [&'static str; 1],
    hash_algo: &'static str,
    objects: Vec<WantedObject>,
}

#[derive(Serialize)]
struct WantedObject {
    oid: String,
    size: u64,
}

impl HubClient {
    /// The most objects in one request.
    pub const MAX_BATCH: usize = 100;

    /// Asks the hub for the locations of a model's LFS objects: one attempt, one request. The objects
    /// must be distinct, and at most [`MAX_BATCH`](Self::MAX_BATCH); their paths are for messages. The
    /// results are in the same order.
    ///
    /// A response may not direct the client just anywhere: not to plain http if the hub was asked over
    /// https, and not to a server nearer to this machine than the hub is ([`Reach`]). Only headers with
    /// credentials are accepted.
    ///
    /// # Errors
    ///
    /// The hub's refusals, [`Error::NotAHub`], [`Error::UnusableAnswer`] and [`Error::Net`]. A
    /// permanent refusal is remembered: [`has_refused_batches`](Self::has_refused_batches). For a
    /// single object, [`Error::ObjectRefused`] and [`Error::UnusableObject`].
    #[tracing::instrument(name = "locate", level = "debug", skip_all, fields(%model, objects = objects.len()))]
    pub async fn locate_objects(
        &self,
        model: &ModelId,
        objects: &[(RepoPath, LfsPointer)],
    ) -> Result<Vec<Result<LocatedObject, Error>>, Error> {
        let outcome = self.ask_for_objects(model, objects).await;
        if let Err(error) = &outcome
            && !error.is_transient()
        {
            tracing::debug!(%error, "this hub does not support batches");
            self.refuses_batches();
        }
        outcome
    }

    async fn ask_for_objects(
        &self,
        model: &ModelId,
        objects: &[(RepoPath, LfsPointer)],
    ) -> Result<Vec<Result<LocatedObject, Error>>, Error> {
        let present = self.renamed(model);
        let url = self.endpoint().lfs_batch_url(present.as_ref().unwrap_or(model));
        let request = Request {
            method: Method::POST,
            headers: headers([(header::ACCEPT, MEDIA_TYPE), (header::CONTENT_TYPE, MEDIA_TYPE)]),
            body: body(objects),
            redirects: Redirects::WithinOrigin,
            lane: GIT,
            ..Request::get(url, "ask for the locations of files at", Hop::Hub)
        };
        let mut answer = self.send(request).await?;
        if answer.media_type() == MEDIA_TYPE || answer.headers().contains_key("lfs-authenticate") {
            self.serves_lfs();
        }
        if answer.elsewhere().is_some() {
            let problem = "it redirects to another address, which may be the one to name as the endpoint";
            return Err(Error::UnusableAnswer { url: SafeUrl::of(answer.url()), problem });
        }
        if !answer.status().is_success() {
            return Err(self.asked(model, None, "HEAD").refused(answer).await);
        }
        if ![MEDIA_TYPE, "application/json"].contains(&answer.media_type()) {
            return Err(Error::not_a_hub(answer, MEDIA_TYPE).await);
        }
        let places = read(&mut answer, objects).await?;
        let located = places.into_iter().zip(objects).map(|(place, (path, _))| match place {
            Ok(place) => Ok(self.located(place, answer.reach())),
            Err(problem) => Err(refused(&answer, problem, model, path)),
        });
        Ok(located.collect())
    }

    /// The token is added for the hub's own origin, unless the hub provides other credentials for it.
    fn located(&self, place: Place, reach: Reach) -> LocatedObject {
        let Place { url, mut headers, expires_at, is_authenticated } = place;
        if !is_authenticated
            && !headers.contains_key(header::AUTHORIZATION)
            && let Some(token) = self.authorization_for(&url)
        {
            headers.insert(header::AUTHORIZATION, token);
        }
        LocatedObject { url, headers, expires_at, reach }
    }
}

fn body(objects: &[(RepoPath, LfsPointer)]) -> Bytes {
    let objects =
        objects.iter().map(|(_, pointer)| WantedObject { oid: hex(&pointer.oid), size: pointer.size });
    let wanted = WantedBatch {
        operation: "download",
        transfers: ["basic"],
        hash_algo: "sha256",
        objects: objects.collect(),
    };
    // Strings and numbers always serialize.
    serde_json::to_vec(&wanted).unwrap_or_default().into()
}

async fn read(
    answer: &mut Answer,
    objects: &[(RepoPath, LfsPointer)],
) -> Result<Vec<Result<Place, Problem>>, Error> {
    let unusable =
        |answer: &Answer, problem| Error::UnusableAnswer { url: SafeUrl::of(answer.url()), problem };
    let body = answer.body(MAX_ANSWER).await?.ok_or_else(|| unusable(answer, "it is too long"))?;
    let asked: Vec<LfsPointer> = objects.iter().map(|(_, pointer)| *pointer).collect();
    let speaker = Speaker { url: answer.url().clone(), reach: answer.reach(), now: SystemTime::now() };
    // Parsing some megabytes of JSON must not hold up other tasks.
    let places = net::blocking(move || Ok::<_, Error>(answer::read(&body, &asked, &speaker))).await?;
    places.map_err(|problem| unusable(answer, problem))
}

fn refused(answer: &Answer, problem: Problem, model: &ModelId, path: &RepoPath) -> Error {
    let (model, path, url) = (model.clone(), path.clone(), SafeUrl::of(answer.url()));
    match problem {
        Problem::Refused { code, message } => {
            let message = message.and_then(|words| answer.fit(&words));
            let hub_says = ServerWords { message, ..ServerWords::none() };
            Error::ObjectRefused { model, path, url, code, hub_says }
        }
        Problem::Unusable(problem) => Error::UnusableObject { model, path, url, problem },
    }
}
