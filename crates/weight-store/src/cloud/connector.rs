//! Connects `object_store` to the one HTTP client.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http_body::Body as _;
use net::{Answer, Client, ForeignError, Hop, ProxySettings, Redirects, Request, SafeUrl, Secrets, Upload};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpService,
};
use parking_lot::Mutex;
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, StatusCode};
use tokio::sync::OnceCell;
use url_parse::{Origin, Url, causes};

use super::clock::StoreClock;
use crate::Error;
use crate::backend::{date_of, refused};

/// Responses are short: a token, an error, a thousand names.
const MAX_ANSWER: usize = 16 << 20;
/// Larger bodies are sent over a connection of their own, with a longer time-out.
const LARGE: usize = 64 << 10;
/// A service that issues credentials is nearby. Where none exists, connecting to its address may never
/// complete.
const NEAR: Duration = Duration::from_secs(2);
/// The library derives the result of a condition from these statuses.
const UNDERSTOOD: [StatusCode; 4] =
    [StatusCode::NOT_MODIFIED, StatusCode::NOT_FOUND, StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED];

/// Makes the library use our client.
#[derive(Clone, Debug)]
pub(super) struct Connector(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    /// The store's address, for messages.
    store: SafeUrl,
    /// A client without proxies.
    direct: OnceCell<Client>,
    /// The server of the bucket, if the settings name it.
    endpoint: Mutex<Option<Origin>>,
    clock: Arc<StoreClock>,
    /// Signs again with the store's time. `None` if the cloud does not support it.
    resigner: OnceLock<Box<dyn Resigner>>,
}

/// Replaces the signature of a request that the library has signed.
#[async_trait]
pub(super) trait Resigner: Send + Sync + fmt::Debug {
    /// Signs as if it were this time. Leaves unsigned requests alone.
    async fn resign(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        at: SystemTime,
    ) -> object_store::Result<()>;
}

impl Connector {
    pub(super) fn new(client: Client, store: SafeUrl) -> Self {
        let (direct, endpoint) = (OnceCell::new(), Mutex::default());
        let (clock, resigner) = (Arc::default(), OnceLock::new());
        Self(Arc::new(Shared { client, store, direct, endpoint, clock, resigner }))
    }

    /// The store's clock.
    pub(super) fn clock(&self) -> Arc<StoreClock> {
        Arc::clone(&self.0.clock)
    }

    /// Sets the signer for requests that were refused because of their time.
    #[cfg(feature = "s3")]
    pub(super) fn resign_by(&self, resigner: impl Resigner + 'static) {
        // Only one is ever set for a bucket.
        let _ = self.0.resigner.set(Box::new(resigner));
    }

    /// Records the server that the settings name for the bucket. Over plain http, only this server is
    /// reached through proxies: any other such server issues credentials and is nearby.
    pub(super) fn bucket_is_at(&self, endpoint: &str) -> object_store::Result<()> {
        let origin = endpoint.parse::<Url>().ok().as_ref().and_then(Origin::of);
        let problem =
            || object_store::Error::Generic { store: "bucket", source: "its endpoint is no URL".into() };
        *self.0.endpoint.lock() = Some(origin.ok_or_else(problem)?);
        Ok(())
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.0.exchange(request).await.map_err(|error| {
            let kind = HttpErrorKind::Unknown;
            HttpError::new(kind, Carried(Mutex::new(Some(error))))
        })
    }
}

impl Shared {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Error> {
        let (parts, body) = request.into_parts();
        let body = bytes_of(body);
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| self.no_url(&error))?;
        let shown = SafeUrl::of(&url);
        let mut request = Request::get(url, "ask", Hop::Store);
        request.method = parts.method;
        request.redirects = Redirects::Nowhere;
        // Any of them may be secret.
        request.own_headers = parts.headers;
        let mut answer = self.ask(request.clone(), body.clone()).await?;
        let is_signed = request.own_headers.contains_key(header::AUTHORIZATION);
        if is_signed && answer.status() == StatusCode::FORBIDDEN {
            let date = date_of(answer.headers());
            if self.clock.learn(date) {
                answer = match (self.resigner.get(), date) {
                    (None, Some(theirs)) => return Err(Error::wrong_clock("ask", &shown, theirs)),
                    _ => self.ask(request, body).await?,
                };
            }
        }
        if answer.status().is_success() || UNDERSTOOD.contains(&answer.status()) {
            return whole(answer, shown).await;
        }
        Err(refused(answer, "ask", &shown).await)
    }

    async fn ask(&self, mut request: Request, body: Bytes) -> Result<Answer, Error> {
        if self.clock.offset() != 0
            && let Some(resigner) = self.resigner.get()
        {
            let (method, headers) = (&request.method, &mut request.own_headers);
            resigner.resign(method, &request.url, headers, self.clock.now()).await.map_err(|error| {
                let carried = causes(&error).find_map(|cause| cause.downcast_ref::<Carried>()?.take());
                carried.unwrap_or_else(|| self.no_url(&error))
            })?;
        }
        let client = self.client_for(&request.url).await?;
        if body.len() > LARGE {
            return Ok(client.upload(request, Upload::of(body), &()).await?);
        }
        request.body = body;
        Ok(client.send(request, &()).await?)
    }

    /// A setting that should be a URL, such as the address of a credentials service, is not one.
    fn no_url(&self, error: &(dyn StdError + 'static)) -> Error {
        let source = ForeignError::of(error, &Secrets::default());
        Error::Bucket { action: "get credentials for, or reach,", url: self.store.clone(), source }
    }

    async fn client_for(&self, url: &Url) -> Result<&Client, Error> {
        if url.scheme() == "https" || Origin::of(url) == *self.endpoint.lock() {
            return Ok(&self.client);
        }
        let set_up = || {
            let mut settings = self.client.settings().clone();
            settings.proxy = ProxySettings::default();
            settings.connect_timeout = settings.connect_timeout.min(NEAR);
            net::blocking(move || Ok::<_, Error>(Client::new(settings)?))
        };
        self.direct.get_or_try_init(set_up).await
    }
}

/// The library's bodies are in memory, in one piece as far as we supplied them.
fn bytes_of(mut body: HttpRequestBody) -> Bytes {
    if let Some(bytes) = body.as_bytes() {
        return bytes.clone();
    }
    let mut context = Context::from_waker(Waker::noop());
    let mut pieces = Vec::new();
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
        pieces.extend(frame.into_data());
    }
    match pieces.as_slice() {
        [piece] => piece.clone(),
        pieces => pieces.concat().into(),
    }
}

async fn whole(answer: Answer, url: SafeUrl) -> Result<HttpResponse, Error> {
    let mut response = HttpResponse::new(Bytes::new().into());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    let body = answer.read(MAX_ANSWER).await?;
    *response.body_mut() = body.ok_or(Error::TooLarge { url, limit: MAX_ANSWER as u64 })?.into();
    Ok(response)
}

/// One of our errors on its way through the library, which wraps it in its own.
pub(super) struct Carried(Mutex<Option<Error>>);

impl Carried {
    pub(super) fn take(&self) -> Option<Error> {
        self.0.lock().take()
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carried")
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.lock() {
            Some(error) => error.fmt(f),
            None => f.write_str("it was told before"),
        }
    }
}

impl StdError for Carried {}
