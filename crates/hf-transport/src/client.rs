//! The HTTP side of a hub: one client, one policy for redirects and for where the token may go.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use url_parse::{Endpoint, Origin, Url};

use crate::redirect::{self, Redirects, refuse_downgrade};
use crate::shown::SafeUrl;
use crate::{Error, HubConfig, ProxySettings};

/// How many redirects one request may take; a rename and a resolve cache make two.
const MAX_REDIRECTS: usize = 10;

/// A client of one hub.
///
/// Cloning is cheap and shares the connections. They belong to the tokio runtime in which they were opened:
/// make a client for each runtime.
#[derive(Clone)]
pub struct HubClient {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    config: HubConfig,
    home: Origin,
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
    /// [`Error::UnusableProxy`] and [`Error::ClientSetup`].
    pub fn new(config: HubConfig) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(config.user_agent.clone())
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(config.connect_timeout)
            .read_timeout(config.idle_timeout)
            .no_proxy();
        for proxy in proxies(&config.proxy)? {
            builder = builder.proxy(proxy);
        }
        let http =
            builder.build().map_err(|error| Error::ClientSetup { source: Box::new(error.without_url()) })?;
        let home = config.endpoint.origin();
        Ok(Self { inner: Arc::new(Inner { http, config, home }) })
    }

    /// The hub that this client talks to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.config.endpoint
    }

    pub(crate) fn config(&self) -> &HubConfig {
        &self.inner.config
    }

    /// The `Authorization` header for a URL: the token, on the endpoint's own origin only.
    pub(crate) fn authorization_for(&self, url: &Url) -> Option<HeaderValue> {
        let token = self.inner.config.token.as_ref()?;
        (Origin::of(url).as_ref() == Some(&self.inner.home)).then(|| token.header())
    }

    /// Sends one request, following redirects by hand. Any status but a redirect's is left to the caller.
    pub(crate) async fn send(&self, request: HubRequest) -> Result<Answer, Error> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_once(&request, &url).await?;
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
        let mut builder =
            self.inner.http.request(request.method.clone(), url.clone()).headers(request.headers.clone());
        if let Some(authorization) = self.authorization_for(url) {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        let response =
            builder.send().await.map_err(|error| self.transport_error(request.action, url, error))?;
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
        Error::Transport { action, url, source: Box::new(error.without_url()) }
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

/// The proxies of the settings for an HTTP client, in the order in which it asks them.
fn proxies(settings: &ProxySettings) -> Result<Vec<reqwest::Proxy>, Error> {
    type Make = fn(&str) -> reqwest::Result<reqwest::Proxy>;
    let kinds: [(&'static str, &Option<String>, Make); 3] = [
        ("http", &settings.http, |url| reqwest::Proxy::http(url)),
        ("https", &settings.https, |url| reqwest::Proxy::https(url)),
        ("all", &settings.all, |url| reqwest::Proxy::all(url)),
    ];
    let exceptions = settings.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
    kinds
        .into_iter()
        .filter_map(|(scheme, value, make)| value.as_deref().map(|value| (scheme, value, make)))
        .map(|(scheme, value, make)| match make(value) {
            Ok(proxy) => Ok(proxy.no_proxy(exceptions.clone())),
            Err(_) => Err(Error::UnusableProxy { scheme }),
        })
        .collect()
}
