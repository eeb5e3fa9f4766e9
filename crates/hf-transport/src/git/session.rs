//! The requests of one fetch, by git's smart HTTP protocol over the hub client.
//!
//! A fetch has a blocking thread. Each call runs its request on the download's runtime, and stops when
//! the download is cancelled.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use net::{Answer, ForeignText, Hop, Request, SafeUrl, ServerWords, header_text};
use reqwest::Method;
use reqwest::header::{self, HeaderValue};
use tokio::runtime::Handle;
use url_parse::{CommitId, ModelId, RepoPath, Revision, Url};

use super::advertisement::{Advertisement, Unusable, is_dumb};
use super::cancel::CancelSignal;
use super::task::Task;
use crate::client::{GIT, headers};
use crate::metadata::DEFAULT_BRANCH;
use crate::{Error, HubClient};

/// The path of the list of references.
const INFO_REFS: &str = "/info/refs";
/// A list of references is held in memory. A thousand take about 64 KiB.
const MAX_LIST: usize = 16 << 20;

/// The result of the first request.
pub(super) enum Offer {
    /// The advertised references, and the time by the hub's clock.
    Git(Advertisement, Option<SystemTime>),
    /// The response of a server without git, or of a git server that does not have the repository.
    NoGit(Error),
}

/// The state of one fetch.
pub(super) struct Session {
    hub: HubClient,
    runtime: Handle,
    task: Task,
    received: AtomicU64,
    /// The repository's URL, after the redirects of the first request.
    base: OnceLock<Url>,
}

impl Session {
    pub(super) fn new(
        hub: HubClient,
        runtime: Handle,
        model: ModelId,
        revision: Option<Revision>,
        cancelled: CancelSignal,
    ) -> Self {
        let task = Task { model, revision, cancelled, max_bytes: hub.config().max_metadata_bytes };
        Self { hub, runtime, task, received: AtomicU64::new(0), base: OnceLock::new() }
    }

    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    pub(super) fn model(&self) -> &ModelId {
        &self.task.model
    }

    pub(super) fn revision(&self) -> Option<&Revision> {
        self.task.revision.as_ref()
    }

    /// The repository's URL for messages.
    pub(super) fn url(&self) -> SafeUrl {
        SafeUrl::of(&self.base())
    }

    fn base(&self) -> Url {
        let first =
            || self.hub.endpoint().git_url(self.hub.renamed(self.model()).as_ref().unwrap_or(self.model()));
        self.base.get().cloned().unwrap_or_else(first)
    }

    /// The caller's limit on metadata.
    pub(super) fn max_bytes(&self) -> u64 {
        self.task.max_bytes
    }

    /// Runs a future on the fetch's thread, unless the download is cancelled first.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.block_on(async {
            tokio::select! {
                // Checked first, since a runtime that shuts down cancels, and cannot run requests any
                // more.
                biased;
                () = self.task.cancelled.cancelled() => Err(net::Error::Cancelled.into()),
                outcome = future => outcome,
            }
        })
    }

    /// `GET info/refs`: the advertised references. Remembers where redirects led.
    pub(super) fn advertisement(&self) -> Result<Offer, Error> {
        let mut url = with_path(&self.base(), INFO_REFS);
        url.set_query(Some("service=git-upload-pack"));
        let request = Request { lane: GIT, ..Request::get(url, "list the references of", Hop::Hub) };
        let mut body = match self.ask(request, "application/x-git-upload-pack-advertisement") {
            Ok(body) => body,
            Err(error) if error.is_not_served() || matches!(error, Error::MissingOrPrivate { .. }) => {
                return Ok(Offer::NoGit(error));
            }
            Err(error) => return Err(error),
        };
        self.hub.serves_git();
        let date = header_text(body.answer.headers(), header::DATE);
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let base = without_path(body.url(), INFO_REFS).ok_or_else(|| {
            let target = body.answer.fit(&SafeUrl::of(body.url()).to_string()).unwrap_or("nowhere".into());
            net::Error::bad_redirect(self.url(), target, "it does not lead to a git repository")
        })?;
        let mut list = BytesMut::new();
        while let Some(chunk) = body.next(self)? {
            if list.len().saturating_add(chunk.len()) > MAX_LIST {
                return Err(self.too_much("bytes of references", MAX_LIST as u64));
            }
            list.extend_from_slice(&chunk);
        }
        self.hub.found_at(self.model(), &base);
        let base = self.base.get_or_init(|| base);
        let offered = Advertisement::read(list).map_err(|unusable| match unusable {
            Unusable::Refusal(words) => self.refused(&body, &words),
            Unusable::Format(format) => Error::ObjectFormat {
                model: self.model().clone(),
                url: SafeUrl::of(base),
                format: body.fit(&format).unwrap_or("nothing".into()),
            },
            Unusable::Malformed => self.failed("the list of references is not what git sends"),
        })?;
        Ok(Offer::Git(offered, date))
    }

    /// `POST git-upload-pack`: one round of the negotiation; the last one returns the pack.
    pub(super) fn upload_pack(&self, request: Bytes) -> Result<Body, Error> {
        let url = with_path(&self.base(), "/git-upload-pack");
        let request = Request {
            method: Method::POST,
            headers: headers([
                (header::CONTENT_TYPE, "application/x-git-upload-pack-request"),
                (header::ACCEPT, "application/x-git-upload-pack-result"),
            ]),
            body: request,
            lane: GIT,
            ..Request::get(url, "fetch git objects from", Hop::Hub)
        };
        self.ask(request, "application/x-git-upload-pack-result")
    }

    /// One plain file of the commit, from this byte on or, if the hub prefers, from the start. `None`
    /// if the file has no such byte.
    pub(super) fn plain_file(
        &self,
        commit: &CommitId,
        path: &RepoPath,
        from: u64,
    ) -> Result<Option<Body>, Error> {
        let model = self.hub.renamed(self.model()).unwrap_or_else(|| self.model().clone());
        let url = self.hub.endpoint().resolve_url(&model, commit, path);
        let mut request = Request::get(url, "fetch", Hop::Hub);
        if from > 0
            && let Ok(range) = HeaderValue::try_from(format!("bytes={from}-"))
        {
            request.headers.insert(header::RANGE, range);
        }
        let answer = self.block_on(self.hub.send(request))?;
        match answer.status().as_u16() {
            200 => Ok(Some(Body { answer, first_byte: 0 })),
            206 if begins_at(&answer, from) => Ok(Some(Body { answer, first_byte: from })),
            206 | 416 if from > 0 => Ok(None),
            _ => {
                let revision = commit.to_string();
                let asked = self.hub.asked(self.model(), Some(path), &revision);
                Err(self
                    .block_on(async { Ok(asked.refused(answer).await) })
                    .unwrap_or_else(|cancelled| cancelled))
            }
        }
    }

    /// git refused in a response of status 200, with this message.
    pub(super) fn refused(&self, body: &Body, words: &[u8]) -> Error {
        Error::GitRefused {
            model: self.model().clone(),
            url: SafeUrl::of(body.url()),
            hub_says: ServerWords { message: body.fit(words), ..ServerWords::none() },
        }
    }

    /// A response of the right type that is not valid git.
    pub(super) fn failed(&self, problem: &'static str) -> Error {
        Error::Git { model: self.model().clone(), url: self.url(), source: problem.into() }
    }

    /// Sends a request and accepts only git's own responses: status and content type are checked before
    /// the body is used.
    fn ask(&self, request: Request, expected: &'static str) -> Result<Body, Error> {
        let is_list = request.method == Method::GET;
        let suffixed = is_list.then(|| with_suffix(&request)).flatten();
        let mut answer = self.block_on(self.hub.send(request))?;
        // Some git servers know a repository only by its folder's name, which ends in `.git`.
        if let Some(suffixed) = suffixed
            && is_unknown_path(&answer)
        {
            let other = self.block_on(self.hub.send(suffixed))?;
            if !is_unknown_path(&other) {
                answer = other;
            }
        }
        if !answer.status().is_success() {
            return Err(self.refusal(answer));
        }
        let mut body = Body { answer, first_byte: 0 };
        if body.answer.media_type() == expected {
            return Ok(body);
        }
        let is_page = body.answer.media_type() == "text/html";
        if is_list && !is_page && self.begins_as_dumb(&mut body) {
            return Err(Error::DumbGit { model: self.model().clone(), url: self.url() });
        }
        self.block_on(async { Err(Error::not_a_hub(body.answer, expected).await) })
    }

    fn begins_as_dumb(&self, body: &mut Body) -> bool {
        let mut start = BytesMut::new();
        while let Ok(Some(chunk)) = body.next(self) {
            start.extend_from_slice(&chunk);
            if let Some(is_dumb) = is_dumb(&start) {
                return is_dumb;
            }
        }
        false
    }

    fn refusal(&self, answer: Answer) -> Error {
        let revision = self.revision().map_or(DEFAULT_BRANCH, Revision::as_str);
        let asked = self.hub.asked(self.model(), None, revision);
        self.block_on(async { Ok(asked.refused(answer).await) }).unwrap_or_else(|cancelled| cancelled)
    }

    /// Counts received bytes against the limit on metadata.
    fn count(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.max_bytes();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.received.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > limit {
            return Err(self.too_much("bytes to receive", limit));
        }
        Ok(())
    }

    pub(super) fn too_much(&self, what: &'static str, limit: u64) -> Error {
        self.task.too_much(what, limit)
    }
}

/// The body of a response as it arrives.
pub(super) struct Body {
    answer: Answer,
    first_byte: u64,
}

impl Body {
    /// The position of its first byte in the whole.
    pub(super) fn first_byte(&self) -> u64 {
        self.first_byte
    }

    /// The URL that it came from, after redirects.
    fn url(&self) -> &Url {
        self.answer.url()
    }

    /// Makes its text fit for a message.
    fn fit(&self, words: &[u8]) -> Option<ForeignText> {
        self.answer.fit(&String::from_utf8_lossy(words))
    }

    /// The next piece, never empty; `None` at the end.
    pub(super) fn next(&mut self, session: &Session) -> Result<Option<Bytes>, Error> {
        loop {
            let next = async { Ok(self.answer.chunk().await?) };
            let Some(chunk) = session.block_on(next)? else { return Ok(None) };
            session.count(chunk.len())?;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }
}

/// Whether a partial response is the requested part.
fn begins_at(answer: &Answer, from: u64) -> bool {
    let range = header_text(answer.headers(), header::CONTENT_RANGE);
    let first =
        range.and_then(|range| range.trim().strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok());
    first == Some(from)
}

/// Whether a server knows nothing at this address; a hub that does gives its refusals a code.
fn is_unknown_path(answer: &Answer) -> bool {
    matches!(answer.status().as_u16(), 404 | 405 | 501) && !answer.headers().contains_key("x-error-code")
}

/// The same request for `repo.git`; `None` if it is that already.
fn with_suffix(list: &Request) -> Option<Request> {
    let repository = list.url.path().strip_suffix(INFO_REFS)?;
    let mut request = list.clone();
    request.url.set_path(&format!("{repository}.git{INFO_REFS}"));
    (!repository.ends_with(".git")).then_some(request)
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
    fn the_base_is_the_url_without_gits_suffix() {
        for base in ["https://hub/user/repo", "http://127.0.0.1:8080/prefix/user/repo.git"] {
            let base = Url::parse(base).unwrap();
            let mut url = with_path(&base, INFO_REFS);
            url.set_query(Some("service=git-upload-pack"));
            assert_eq!(without_path(&url, INFO_REFS), Some(base));
        }
        assert_eq!(without_path(&Url::parse("https://hub/login?next=/info/refs").unwrap(), INFO_REFS), None);
    }
}
