//! git's smart HTTP protocol for libgit2, over the hub client.
//!
//! libgit2 calls from a blocking thread and expects blocking streams; each call runs its request on the
//! runtime of the download and gives up when the download is cancelled.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use reqwest::Method;
use reqwest::header::{self, HeaderMap};
use tokio::runtime::Handle;
use url_parse::{ModelId, Revision, Url};

use super::cancel::CancelSignal;
use crate::client::{Answer, HubRequest, Redirects, header_text, headers};
use crate::error::SafeUrl;
use crate::refusal::{Asked, read_refusal};
use crate::{Error, HubClient};

/// One fetch: what the transport needs to know, and what it found out.
pub(super) struct Session {
    hub: HubClient,
    runtime: Handle,
    model: ModelId,
    revision: Option<Revision>,
    cancelled: CancelSignal,
    received: AtomicU64,
    /// The repository's URL, after the redirects of the first request.
    base: Mutex<Url>,
    /// The first failure with its full meaning; libgit2 only carries a message.
    failure: Mutex<Option<Error>>,
}

thread_local! {
    /// The session of the fetch that runs on this thread: libgit2's transport factory has no other way to it.
    static CURRENT: RefCell<Option<Arc<Session>>> = const { RefCell::new(None) };
}

/// The session set by [`Session::enter`] on this thread.
pub(super) fn current_session() -> Result<Arc<Session>, git2::Error> {
    CURRENT
        .with_borrow(Clone::clone)
        .ok_or_else(|| git2::Error::from_str("this URL scheme is private to mlc-weights"))
}

/// Ends the thread's session when a fetch is over, however it ends.
pub(super) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

impl Session {
    pub(super) fn new(
        hub: HubClient,
        runtime: Handle,
        model: ModelId,
        revision: Option<Revision>,
        cancelled: CancelSignal,
    ) -> Self {
        let base = Mutex::new(hub.endpoint().git_url(&model));
        let received = AtomicU64::new(0);
        Self { hub, runtime, model, revision, cancelled, received, base, failure: Mutex::new(None) }
    }

    /// Makes this the session of the current thread until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Entered {
        CURRENT.set(Some(Arc::clone(self)));
        Entered(())
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

    /// What went wrong: the failure noted by the transport, else what libgit2 says.
    pub(super) fn failure(&self, error: git2::Error) -> Error {
        if self.cancelled.is_cancelled() {
            return Error::Cancelled;
        }
        let noted = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        noted.unwrap_or_else(|| Error::Git {
            model: self.model.clone(),
            url: SafeUrl::of(&self.base()),
            source: Box::new(error),
        })
    }

    fn base(&self) -> Url {
        self.base.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the error for [`failure`](Self::failure); the first one is the cause of those after it.
    fn note(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Runs a future to its end from libgit2's thread, unless the download is cancelled first.
    fn block_on<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.block_on(async {
            tokio::select! {
                outcome = future => outcome,
                () = self.cancelled.cancelled() => Err(Error::Cancelled),
            }
        })
    }

    /// `GET info/refs`: what the repository offers. Remembers where redirects led.
    fn advertisement(&self) -> Result<Body, Error> {
        let action = "list the references of";
        let mut url = with_path(&self.base(), "/info/refs");
        url.set_query(Some("service=git-upload-pack"));
        let answer = self.block_on(self.hub.send(HubRequest {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            action,
            redirects: Redirects::Anywhere,
        }))?;
        let answer = self.accept(answer, "application/x-git-upload-pack-advertisement")?;
        if let Some(base) = without_path(&answer.url, "/info/refs") {
            *self.base.lock().unwrap_or_else(PoisonError::into_inner) = base;
        }
        Ok(Body { answer, action, chunk: Bytes::new() })
    }

    /// `POST git-upload-pack`: one round of the negotiation, the last of which brings the pack.
    fn upload_pack(&self, request: Bytes) -> Result<Body, Error> {
        let action = "fetch git objects from";
        let answer = self.block_on(self.hub.send(HubRequest {
            method: Method::POST,
            url: with_path(&self.base(), "/git-upload-pack"),
            headers: headers([
                (header::CONTENT_TYPE, "application/x-git-upload-pack-request"),
                (header::ACCEPT, "application/x-git-upload-pack-result"),
            ]),
            body: request,
            action,
            redirects: Redirects::Anywhere,
        }))?;
        let answer = self.accept(answer, "application/x-git-upload-pack-result")?;
        Ok(Body { answer, action, chunk: Bytes::new() })
    }

    /// Lets only git's own answers through: a status and a content type decide before a byte is read.
    fn accept(&self, answer: Answer, expected: &'static str) -> Result<Answer, Error> {
        if !answer.response.status().is_success() {
            let revision = self.revision.as_ref().map_or("HEAD", |revision| revision.as_str());
            let asked = Asked { model: &self.model, file: None, revision, endpoint: self.hub.endpoint() };
            let refusal = async { Ok(read_refusal(&asked, &answer.url, answer.response).await) };
            return Err(self.block_on(refusal)?);
        }
        let content_type = header_text(answer.response.headers(), header::CONTENT_TYPE).unwrap_or_default();
        if content_type.split(';').next().map(str::trim) != Some(expected) {
            let content_type = match content_type {
                "" => "no content type".to_owned(),
                other => other.chars().take(100).collect(),
            };
            return Err(Error::NotAHub { url: SafeUrl::of(&answer.url), content_type, expected });
        }
        Ok(answer)
    }

    /// Counts received bytes against the limit for metadata.
    fn count(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.hub.config().max_metadata_bytes;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.received.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > limit {
            let what = "bytes received";
            return Err(Error::TooMuchMetadata { model: self.model.clone(), what, limit });
        }
        Ok(())
    }
}

/// The transport that libgit2 drives: one for each remote.
pub(super) struct SmartHttp {
    session: Arc<Session>,
}

impl SmartHttp {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }
}

impl SmartSubtransport for SmartHttp {
    fn action(&self, _url: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let session = Arc::clone(&self.session);
        match service {
            // Asked for at once, so that a refusal ends the connection and not the first read.
            Service::UploadPackLs => match session.advertisement() {
                Ok(body) => Ok(Box::new(Exchange { session, request: Vec::new(), body: Some(body) })),
                Err(error) => {
                    let message = libgit2_message(&error);
                    session.note(error);
                    Err(git2::Error::new(git2::ErrorCode::GenericError, git2::ErrorClass::Http, message))
                }
            },
            Service::UploadPack => Ok(Box::new(Exchange { session, request: Vec::new(), body: None })),
            Service::ReceivePackLs | Service::ReceivePack => {
                Err(git2::Error::from_str("this transport only fetches"))
            }
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One request and its answer: what is written becomes the body, the first read sends it.
struct Exchange {
    session: Arc<Session>,
    request: Vec<u8>,
    body: Option<Body>,
}

impl Write for Exchange {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.body.is_some() {
            return Err(io::Error::other("the request has already been sent"));
        }
        self.request.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_or_fail(buffer).map_err(|error| {
            let message = libgit2_message(&error);
            self.session.note(error);
            io::Error::other(message)
        })
    }
}

impl Exchange {
    fn read_or_fail(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let body = match &mut self.body {
            Some(body) => body,
            none => none.insert(self.session.upload_pack(std::mem::take(&mut self.request).into())?),
        };
        body.read(&self.session, buffer)
    }
}

/// An answer's body, read chunk by chunk.
struct Body {
    answer: Answer,
    action: &'static str,
    chunk: Bytes,
}

impl Body {
    fn read(&mut self, session: &Session, buffer: &mut [u8]) -> Result<usize, Error> {
        while self.chunk.is_empty() {
            let Answer { response, url, .. } = &mut self.answer;
            let next = async {
                let chunk = response.chunk().await;
                chunk.map_err(|error| session.hub.transport_error(self.action, url, error))
            };
            let Some(chunk) = session.block_on(next)? else { return Ok(0) };
            session.count(chunk.len())?;
            self.chunk = chunk;
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// An error as libgit2 can carry it: it must hold no NUL.
fn libgit2_message(error: &Error) -> String {
    error.to_string().replace('\0', " ")
}

fn with_path(base: &Url, tail: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}{tail}", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn without_path(url: &Url, tail: &str) -> Option<Url> {
    let path = url.path().strip_suffix(tail)?.to_owned();
    let mut base = url.clone();
    base.set_path(&path);
    base.set_query(None);
    Some(base)
}
