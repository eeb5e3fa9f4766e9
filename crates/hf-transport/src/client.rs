//! The HTTP side of a hub: one client, one policy for redirects and for where the token may go.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url_parse::{Endpoint, ModelId, Origin, RepoPath, Url};

use crate::redirect::{self, Redirects, refuse_downgrade};
use crate::refusal::{Asked, is_bad_token};
use crate::shown::SafeUrl;
use crate::throttle::{Lane, OnThrottled, Throttled};
use crate::{Error, HubConfig, Token, http};

/// How many redirects one request may take; a rename and a resolve cache make two.
const MAX_REDIRECTS: usize = 10;

/// A client of one hub.
///
/// Cloning is cheap and shares the connections. They belong to the tokio runtime in which they were opened:
/// make a client for each runtime.
#[derive(Clone)]
pub struct HubClient {
    inner: Arc<Inner>,
    on_throttled: Option<OnThrottled>,
}

struct Inner {
    http: reqwest::Client,
    config: HubConfig,
    home: Origin,
    /// The token turned out to be invalid, and nobody had asked for it to be sent.
    token_is_dropped: AtomicBool,
    /// Present names of models that were asked for by an earlier one, or in other letter case.
    renamed: Mutex<HashMap<ModelId, ModelId>>,
}

/// One request to the hub.
pub(crate) struct HubRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What is attempted, to be followed by the URL in messages.
    pub(crate) action: &'static str,
    pub(crate) redirects: Redirects,
    pub(crate) lane: Lane,
}

/// An answer, and the URL it came from after redirects.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) url: Url,
    /// Where the answer points, for a redirect that was not followed.
    pub(crate) elsewhere: Option<Url>,
}

impl HubClient {
    /// Sets up a client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Error::UnusableProxy`], [`Error::UnusableCertificates`] and [`Error::ClientSetup`].
    pub fn new(config: HubConfig) -> Result<Self, Error> {
        let http = http::client(&config)?;
        let home = config.endpoint.origin();
        let token_is_dropped = AtomicBool::new(false);
        let renamed = Mutex::default();
        let inner = Arc::new(Inner { http, config, home, token_is_dropped, renamed });
        Ok(Self { inner, on_throttled: None })
    }

    /// The same client, whose requests tell when the hub limits their rate. `tell` is called from the task that
    /// received the answer, and must not block.
    #[must_use]
    pub fn on_throttled_do(mut self, tell: impl Fn(&Throttled) + Send + Sync + 'static) -> Self {
        self.on_throttled = Some(OnThrottled(Arc::new(tell)));
        self
    }

    pub(crate) fn on_throttled(&self) -> Option<&OnThrottled> {
        self.on_throttled.as_ref()
    }

    /// The hub that this client talks to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.config.endpoint
    }

    /// What a refusal has to know of a request for this.
    pub(crate) fn asked<'a>(
        &'a self,
        model: &'a ModelId,
        file: Option<&'a RepoPath>,
        revision: &'a str,
    ) -> Asked<'a> {
        let HubConfig { endpoint, token, .. } = self.config();
        Asked { model, file, revision, endpoint, token: token.as_ref() }
    }

    pub(crate) fn config(&self) -> &HubConfig {
        &self.inner.config
    }

    /// Whether the hub did not accept a token that was [found](crate::Token::found_by_itself), so that requests go
    /// without it.
    pub fn has_dropped_token(&self) -> bool {
        self.inner.token_is_dropped.load(Ordering::Relaxed)
    }

    /// The present name of a model, if a redirect of the hub has told that it was renamed, or is written in other
    /// letter case. Requests that come after use it.
    pub fn renamed(&self, model: &ModelId) -> Option<ModelId> {
        self.inner.renamed.lock().unwrap_or_else(PoisonError::into_inner).get(model).cloned()
    }

    /// Takes note of where a model was found.
    pub(crate) fn found_at(&self, model: &ModelId, url: &Url) {
        let Some(present) = self.endpoint().model_at(url).filter(|present| present != model) else { return };
        tracing::info!(%model, %present, "the hub has this model under another name");
        let mut renamed = self.inner.renamed.lock().unwrap_or_else(PoisonError::into_inner);
        renamed.insert(model.clone(), present);
    }

    /// The `Authorization` header for a URL: the token, on the endpoint's own origin only.
    pub(crate) fn authorization_for(&self, url: &Url) -> Option<HeaderValue> {
        let Inner { config, home, .. } = &*self.inner;
        let token = config.token.as_ref().filter(|token| token.is_for(&config.endpoint))?;
        let is_sent = Origin::of(url).as_ref() == Some(home) && !self.has_dropped_token();
        is_sent.then(|| token.header())
    }

    /// Gives up a token that was found, when an answer says that it is no good. Whether it did, so that the request
    /// is to be sent again.
    fn drop_token(&self, answer: &Response, was_sent: bool) -> bool {
        let is_explicit = self.inner.config.token.as_ref().is_none_or(Token::is_explicit);
        if is_explicit || !was_sent || !is_bad_token(answer.status(), answer.headers()) {
            return false;
        }
        if !self.inner.token_is_dropped.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                hub = %self.endpoint(),
                "the hub does not accept the token that a login has left: going on without it"
            );
        }
        true
    }

    /// Sends one request, following redirects by hand. Any status but a redirect's is left to the caller.
    pub(crate) async fn send(&self, request: HubRequest) -> Result<Answer, Error> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_once(&request, &url).await?;
            if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                return Err(Error::ProxyLogin { action: request.action, url: SafeUrl::of(&url) });
            }
            let Some(target) = redirect::target(&url, response.status(), response.headers())? else {
                return Ok(Answer { response, url, elsewhere: None });
            };
            if Origin::of(&target) != Origin::of(&url) {
                refuse_downgrade(&url, &target)?;
                if request.redirects == Redirects::WithinOrigin {
                    return Ok(Answer { response, url, elsewhere: Some(target) });
                }
            }
            tracing::debug!(from = %SafeUrl::of(&url), to = %SafeUrl::of(&target), "following a redirect");
            url = target;
        }
        Err(Error::TooManyRedirects { url: SafeUrl::of(&request.url), limit: MAX_REDIRECTS })
    }

    async fn send_once(&self, request: &HubRequest, url: &Url) -> Result<Response, Error> {
        let authorization = self.authorization_for(url);
        let was_sent = authorization.is_some();
        let response = self.send_as(request, url, authorization).await?;
        match self.drop_token(&response, was_sent) {
            true => self.send_as(request, url, None).await,
            false => Ok(response),
        }
    }

    async fn send_as(
        &self,
        request: &HubRequest,
        url: &Url,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, Error> {
        self.pass(request.lane, url).await;
        let mut builder =
            self.inner.http.request(request.method.clone(), url.clone()).headers(request.headers.clone());
        if let Some(authorization) = authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        let response =
            builder.send().await.map_err(|error| self.transport_error(request.action, url, error))?;
        self.observe(request.lane, url, &response);
        tracing::debug!(
            method = %request.method, url = %SafeUrl::of(url), status = response.status().as_u16(), "asked the hub"
        );
        Ok(response)
    }

    /// A failed exchange as this crate's error, without the URL that the HTTP library puts into its own.
    pub(crate) fn transport_error(&self, action: &'static str, url: &Url, error: reqwest::Error) -> Error {
        let url = SafeUrl::of(url);
        if error.is_timeout() && !error.is_connect() {
            return Error::Stalled { action, url, idle: self.inner.config.idle_timeout };
        }
        let source = Box::new(error.without_url());
        if http::is_untrusted_certificate(&*source) {
            return Error::UntrustedCertificate { action, url, source };
        }
        match http::is_proxy_login(&*source) {
            true => Error::ProxyLogin { action, url },
            false => Error::Transport { action, url, source },
        }
    }
}

impl std::fmt::Debug for HubClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubClient").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

/// A few request headers.
pub(crate) fn headers<const N: usize>(pairs: [(HeaderName, &'static str); N]) -> HeaderMap {
    pairs.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

/// The value of a header, if it is there and is text.
pub(crate) fn header_text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
