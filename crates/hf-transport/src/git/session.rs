//! One fetch: its requests, and what they found out. git's smart HTTP protocol over the hub client.
//!
//! libgit2 calls from a blocking thread. Each call runs its request on the runtime of the download, and gives
//! up when the download is cancelled.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, Response};
use tokio::runtime::Handle;
use url_parse::{ModelId, Revision, Url};

use super::advertisement::Advertisement;
use super::body::Body;
use super::cancel::CancelSignal;
use super::wanted::DEFAULT_BRANCH;
use crate::api::Api;
use crate::client::{Answer, HubRequest, header_text, headers};
use crate::redirect::Redirects;
use crate::refusal::read_refusal;
use crate::shown::{HubWords, SafeUrl};
use crate::throttle::Lane;
use crate::words::fit_for_message;
use crate::{Error, HubClient};

/// Where the list of references is.
const INFO_REFS: &str = "/info/refs";
/// A list of references is held in memory. A thousand of them take about 64 KiB.
const MAX_LIST: usize = 64 << 20;

/// One fetch: what its requests need to know, and what they found out.
pub(super) struct Session {
    hub: HubClient,
    runtime: Handle,
    model: ModelId,
    revision: Option<Revision>,
    cancelled: CancelSignal,
    received: AtomicU64,
    learned: Mutex<Learned>,
}

struct Learned {
    /// The repository's URL, after the redirects of the first request.
    base: Url,
    offered: Arc<Advertisement>,
    /// The first failure with its full meaning; libgit2 only carries a message.
    failure: Option<Error>,
}

impl Session {
    pub(super) fn new(
        hub: HubClient,
        runtime: Handle,
        model: ModelId,
        revision: Option<Revision>,
        cancelled: CancelSignal,
    ) -> Self {
        let base = hub.endpoint().git_url(hub.renamed(&model).as_ref().unwrap_or(&model));
        let learned = Mutex::new(Learned { base, offered: Arc::default(), failure: None });
        Self { hub, runtime, model, revision, cancelled, received: AtomicU64::new(0), learned }
    }

    pub(super) fn model(&self) -> &ModelId {
        &self.model
    }

    pub(super) fn revision(&self) -> Option<&Revision> {
        self.revision.as_ref()
    }

    pub(super) fn cancelled(&self) -> &CancelSignal {
        &self.cancelled
    }

    /// The repository's URL for messages.
    pub(super) fn url(&self) -> SafeUrl {
        SafeUrl::of(&self.learned().base)
    }

    /// What the repository offers; nothing before [`advertisement`](Self::advertisement).
    pub(super) fn offered(&self) -> Arc<Advertisement> {
        Arc::clone(&self.learned().offered)
    }

    /// Keeps an error until libgit2 has given up because of it; the first one is the cause of those after it.
    pub(super) fn note_failure(&self, error: Error) {
        self.learned().failure.get_or_insert(error);
    }

    pub(super) fn take_failure(&self) -> Option<Error> {
        self.learned().failure.take()
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failed exchange as this crate's error.
    pub(super) fn transport_error(&self, action: &'static str, url: &Url, error: reqwest::Error) -> Error {
        self.hub.transport_error(action, url, error)
    }

    /// Runs a future to its end from libgit2's thread, unless the download is cancelled first.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.block_on(async {
            tokio::select! {
                // First, as a runtime that shuts down cancels, and can drive no request any more.
                biased;
                () = self.cancelled.cancelled() => Err(Error::Cancelled),
                outcome = future => outcome,
            }
        })
    }

    /// `GET info/refs`: what the repository offers, whole. Remembers where redirects led.
    pub(super) fn advertisement(&self) -> Result<Bytes, Error> {
        let mut url = with_path(&self.learned().base, INFO_REFS);
        url.set_query(Some("service=git-upload-pack"));
        let request = HubRequest {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            action: "list the references of",
            redirects: Redirects::Anywhere,
            lane: Lane::Git,
        };
        let mut body = self.ask(request, "application/x-git-upload-pack-advertisement")?;
        let base = without_path(body.url(), INFO_REFS).ok_or_else(|| Error::BadRedirect {
            url: self.url(),
            target: SafeUrl::of(body.url()).to_string(),
            problem: "it leads to no git repository",
        })?;
        let mut list = BytesMut::new();
        while let Some(chunk) = body.next(self)? {
            if list.len().saturating_add(chunk.len()) > MAX_LIST {
                return Err(self.too_much("bytes of references", MAX_LIST as u64));
            }
            list.extend_from_slice(&chunk);
        }
        self.hub.found_at(&self.model, &base);
        let list = list.freeze();
        let offered = Arc::new(Advertisement::parse(&list));
        let mut learned = self.learned();
        learned.base = base;
        learned.offered = offered;
        Ok(list)
    }

    /// `POST git-upload-pack`: one round of the negotiation, the last of which brings the pack.
    pub(super) fn upload_pack(&self, request: Bytes) -> Result<Body, Error> {
        let url = with_path(&self.learned().base, "/git-upload-pack");
        let request = HubRequest {
            method: Method::POST,
            url,
            headers: headers([
                (header::CONTENT_TYPE, "application/x-git-upload-pack-request"),
                (header::ACCEPT, "application/x-git-upload-pack-result"),
            ]),
            body: request,
            action: "fetch git objects from",
            redirects: Redirects::Anywhere,
            lane: Lane::Git,
        };
        let mut body = self.ask(request, "application/x-git-upload-pack-result")?;
        match body.refusal(self)? {
            None => Ok(body),
            Some(words) => Err(Error::GitRefused {
                model: self.model.clone(),
                url: SafeUrl::of(body.url()),
                hub_says: HubWords {
                    message: fit_for_message(&words, self.hub.config().token.as_ref()),
                    request_id: None,
                },
            }),
        }
    }

    /// Sends a request and lets only git's own answers through: status and content type decide before a byte
    /// of the body is used.
    fn ask(&self, request: HubRequest, expected: &'static str) -> Result<Body, Error> {
        let action = request.action;
        let is_list = request.method == Method::GET;
        let answer = self.block_on(self.hub.send(request))?;
        if !answer.response.status().is_success() {
            let is_unknown = is_list && is_unknown_path(&answer.response);
            let refusal = self.refusal(answer);
            return Err(if is_unknown { self.unless_without_git(refusal) } else { refusal });
        }
        let content_type = header_text(answer.response.headers(), header::CONTENT_TYPE).unwrap_or_default();
        if content_type.split(';').next().map(str::trim) != Some(expected) {
            let error = Error::not_a_hub(&answer.url, content_type, expected);
            // A page stands in front of the hub, if it is one, and would answer any question about it too.
            let is_page = content_type.starts_with("text/html");
            return Err(if is_list && !is_page { self.unless_without_git(error) } else { error });
        }
        Ok(Body::new(answer, action))
    }

    /// What an answer means that no git server gives: a hub whose API knows the model serves no git.
    fn unless_without_git(&self, error: Error) -> Error {
        let is_known = self.block_on(async { Ok(Api::new(&self.hub, &self.model).knows_model().await) });
        match is_known {
            Ok(true) => Error::NoGit {
                model: self.model.clone(),
                endpoint: self.hub.endpoint().clone(),
                source: Box::new(error),
            },
            Ok(false) => error,
            Err(cancelled) => cancelled,
        }
    }

    fn refusal(&self, answer: Answer) -> Error {
        let revision = self.revision.as_ref().map_or(DEFAULT_BRANCH, Revision::as_str);
        let asked = self.hub.asked(&self.model, None, revision);
        let patience = self.hub.config().idle_timeout;
        let refusal = read_refusal(&asked, &answer.url, answer.response, patience);
        self.block_on(async { Ok(refusal.await) }).unwrap_or_else(|cancelled| cancelled)
    }

    /// Counts received bytes against the limit for metadata.
    pub(super) fn count(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.hub.config().max_metadata_bytes;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match self.received.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > limit {
            true => Err(self.too_much("bytes to receive", limit)),
            false => Ok(()),
        }
    }

    pub(super) fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.model.clone(), what, limit }
    }
}

/// The answer of a server that knows nothing at that address; a hub that does gives its refusals a code.
fn is_unknown_path(response: &Response) -> bool {
    matches!(response.status().as_u16(), 404 | 405 | 501) && !response.headers().contains_key("x-error-code")
}

fn with_path(base: &Url, tail: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}{tail}", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn without_path(url: &Url, tail: &str) -> Option<Url> {
    let path = url.path().strip_suffix(tail)?;
    let mut base = url.clone();
    base.set_path(path);
    base.set_query(None);
    Some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_what_the_request_was_made_of() {
        for base in ["https://hub/user/repo", "http://127.0.0.1:8080/prefix/user/repo.git"] {
            let base = Url::parse(base).unwrap();
            let mut url = with_path(&base, INFO_REFS);
            url.set_query(Some("service=git-upload-pack"));
            assert_eq!(without_path(&url, INFO_REFS), Some(base));
        }
        assert_eq!(without_path(&Url::parse("https://hub/login?next=/info/refs").unwrap(), INFO_REFS), None);
    }
}
