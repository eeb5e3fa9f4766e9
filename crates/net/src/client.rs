//! The one HTTP client: set up once, and sending requests with redirects followed by hand.

use std::collections::HashSet;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper_util::client::proxy::matcher::Matcher;
use parking_lot::Mutex;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Method, NoProxy, Proxy, Response, StatusCode, redirect};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use url::Url;
use url_parse::{Origin, Secrets};

use crate::answer::{Answer, Asked};
use crate::error::{Error, Hop};
use crate::floor::{Floor, Meter};
use crate::gate::{FILES, Gate};
use crate::headers::{header_text, server_wait};
use crate::limits::RateLimit;
use crate::redirect::{MAX_REDIRECTS, Redirects, is_redirect, problem_of, target};
use crate::settings::{CaCertificates, NetSettings, ProxySettings};
use crate::shown::SafeUrl;
use crate::task;
use crate::upload::Upload;

/// The HTTP client under everything that talks to servers.
///
/// ```
/// use net::{Client, Hop, NetSettings, Request};
///
/// # let server = local_hub::LocalHub::start();
/// # server.publish(&local_hub::ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
/// # let file = format!("{}/mlc-ai/tiny-q4f16_1-MLC/resolve/main/README.md", server.endpoint());
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let client = Client::new(NetSettings::default())?;
/// let request = Request::get(file.parse()?, "read", Hop::Hub);
/// let answer = client.send(request, &()).await?;
/// assert!(answer.status().is_success());
/// let text = answer.read(1 << 20).await?.ok_or("more than 1 MiB")?;
/// assert!(!text.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Cloning is cheap and shares the connections. They belong to the tokio runtime in which they were opened: make
/// a client for each runtime.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    /// Opens a connection for each request. Set up when it is needed, which takes as long as reading the system's
    /// certificates does.
    unpooled: OnceCell<reqwest::Client>,
    /// Who has answered before: a connection to them may be an old one.
    known: Mutex<HashSet<Origin>>,
    settings: NetSettings,
    /// Tells which requests go through a proxy.
    proxied: Matcher,
}

/// One request, with what becomes of it on its way.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method; it stays the same through redirects.
    pub method: Method,
    /// Where it is sent first.
    pub url: Url,
    /// Headers that every server on the way gets.
    pub headers: HeaderMap,
    /// Headers that may be secret. The first origin gets them, and once a redirect has led to another one, no
    /// server does.
    pub own_headers: HeaderMap,
    /// The body; it is sent again with each redirect.
    pub body: Bytes,
    /// What is attempted, to be followed by the URL in messages.
    pub action: &'static str,
    /// Who is asked.
    pub hop: Hop,
    /// Which redirects it follows.
    pub redirects: Redirects,
    /// What the server counts it with, as far as is known.
    pub lane: &'static str,
    /// Its answer is one of several that come at once. The [`Floor`](crate::Floor) is for all of them together, which
    /// is for their receiver to see.
    pub is_one_of_many: bool,
    /// How slowly the body may trickle, where that is not to be borne for as long as the client's
    /// [`floor`](NetSettings::floor) says.
    pub impatience: Option<Floor>,
}

impl Request {
    /// A plain request for what is at a URL, counted with [files](FILES), that follows redirects.
    pub fn get(url: Url, action: &'static str, hop: Hop) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            own_headers: HeaderMap::new(),
            body: Bytes::new(),
            action,
            hop,
            redirects: Redirects::Anywhere,
            lane: FILES,
            is_one_of_many: false,
            impatience: None,
        }
    }
}

/// A server's wish that requests come more slowly, or not at all for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// The server.
    pub origin: Origin,
    /// For how long, from now.
    pub wait: Duration,
    /// Requests still go out meanwhile, one at a time.
    pub is_spread: bool,
}

/// Learns what a request has to wait for. Called from the task that sends it, which must not be held up.
pub trait Watch: Sync {
    /// The request waits for a server's sake before it goes out, whatever was told of the server's limits before.
    fn waiting(&self, _wait: &Throttled) {}

    /// An answer has asked for longer waits than were known.
    fn throttled(&self, _news: &Throttled) {}
}

/// Nothing is watched.
impl Watch for () {}

impl Client {
    /// Sets up a client; nothing is sent yet. Blocks: the system's certificates are files.
    ///
    /// HTTP/1.1 only: a model's files come over connections of their own, not as streams that share one.
    ///
    /// # Errors
    /// [`Error::UnusableProxy`], [`Error::UnusableCertificates`] and [`Error::ClientSetup`].
    pub fn new(settings: NetSettings) -> Result<Self, Error> {
        let http = library(&settings, usize::MAX)?;
        let (unpooled, known) = (OnceCell::new(), Mutex::default());
        let proxied = matcher(&settings.proxy);
        Ok(Self(Arc::new(Inner { http, unpooled, known, settings, proxied })))
    }

    /// What it was set up with.
    pub fn settings(&self) -> &NetSettings {
        &self.0.settings
    }

    /// Sends a request and follows its redirects. A request over a kept connection that was closed before an answer
    /// began is sent again at once, over a new one. Waits at the gates of the servers' origins, and tells those
    /// what the answers say of limits. The answer has any status but that of a redirect which is followed.
    ///
    /// # Errors
    /// [`Error::UnusableUrl`], [`Error::BadRedirect`], [`Error::TooManyRedirects`], [`Error::ProxyLogin`],
    /// [`Error::UntrustedCertificate`], [`Error::Encoded`], [`Error::Transport`] and [`Error::Stalled`].
    ///
    /// # Cancellation
    /// Dropping the future drops the request and its connection.
    pub async fn send(&self, request: Request, watch: &dyn Watch) -> Result<Answer, Error> {
        let mut step = Step::first(&self.0, &request)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = step.send(watch).await?;
            if request.redirects == Redirects::Nowhere || !is_redirect(response.status().as_u16()) {
                return step.answer(response, None);
            }
            let location = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
            let to = target(&step.url, location, &step.secrets())?;
            let origin = origin_of(&request, &to)?;
            if origin != step.origin && request.redirects == Redirects::WithinOrigin {
                return step.answer(response, Some(to));
            }
            tracing::debug!(from = %SafeUrl::of(&step.url), to = %SafeUrl::of(&to), "following a redirect");
            step.has_own_headers &= origin == step.origin;
            (step.url, step.origin) = (to, origin);
        }
        Err(Error::TooManyRedirects { url: SafeUrl::of(&request.url), limit: MAX_REDIRECTS })
    }

    /// Sends one request with a body that may be large, over a new connection, and follows no redirect: what was read
    /// once cannot be sent again. The [`body`](Request::body) of the request is not looked at. A server that takes
    /// nothing of the body for the [`upload_timeout`](NetSettings::upload_timeout), or does not answer for so long when
    /// it has all, is given up.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`Error::Transport`] also when the body ends too early.
    ///
    /// # Cancellation
    /// Dropping the future breaks the request off.
    pub async fn upload(&self, request: Request, body: Upload, watch: &dyn Watch) -> Result<Answer, Error> {
        let step = Step::first(&self.0, &request)?;
        let response = step.upload(body, watch).await?;
        step.answer(response, None)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Inner {
    async fn unpooled(&self) -> Result<&reqwest::Client, Error> {
        let set_up = || {
            let settings = self.settings.clone();
            task::blocking(move || library(&settings, 0))
        };
        self.unpooled.get_or_try_init(set_up).await
    }
}

/// A request at one server of its way.
struct Step<'a> {
    client: &'a Inner,
    request: &'a Request,
    url: Url,
    origin: Origin,
    has_own_headers: bool,
}

impl<'a> Step<'a> {
    fn first(client: &'a Inner, request: &'a Request) -> Result<Self, Error> {
        let (action, url) = (request.action, &request.url);
        if let Some(problem) = problem_of(url) {
            return Err(Error::UnusableUrl { action, url: SafeUrl::of(url), problem });
        }
        let origin = origin_of(request, url)?;
        Ok(Self { client, request, url: url.clone(), origin, has_own_headers: true })
    }

    async fn send(&self, watch: &dyn Watch) -> Result<Response, Error> {
        self.wait_at_gate(watch).await;
        let asked = self.asked();
        let response = match self.exchange(&self.client.http, &asked).await? {
            // An idle connection that the server closes may look open until it is used.
            Err(error) if is_cut(&error) && self.client.known.lock().contains(&self.origin) => {
                tracing::debug!(url = %SafeUrl::of(&self.url), "a kept connection was closed: asking over a new one");
                self.exchange(self.client.unpooled().await?, &asked).await?
            }
            outcome => outcome,
        };
        self.received(response, &asked, watch)
    }

    async fn upload(&self, body: Upload, watch: &dyn Watch) -> Result<Response, Error> {
        self.wait_at_gate(watch).await;
        let mut asked = self.asked();
        asked.idle = self.client.settings.upload_timeout;
        let (http, handed) = (self.client.unpooled().await?, body.handed());
        let builder = http.request(self.request.method.clone(), self.url.clone()).headers(self.headers());
        let mut sending = pin!(builder.body(reqwest::Body::wrap(body)).send());
        let mut before = 0;
        let response = loop {
            if let Ok(response) = timeout(asked.idle, &mut sending).await {
                break response;
            }
            let now = handed.load(Ordering::Relaxed);
            if now == before {
                return Err(asked.stalled());
            }
            before = now;
        };
        self.received(response, &asked, watch)
    }

    async fn wait_at_gate(&self, watch: &dyn Watch) {
        let gate = self.gate();
        while let Some(wait) = gate.enter(self.request.lane, Instant::now()) {
            watch.waiting(&Throttled { origin: self.origin.clone(), wait, is_spread: false });
            sleep(wait).await;
        }
    }

    fn received(
        &self,
        response: reqwest::Result<Response>,
        asked: &Asked,
        watch: &dyn Watch,
    ) -> Result<Response, Error> {
        let response = response.map_err(|error| asked.failed(error, self.is_proxied()))?;
        self.client.known.lock().insert(self.origin.clone());
        self.observe(&response, watch);
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(asked.wants_proxy_login());
        }
        Ok(response)
    }

    /// Sends the request and waits for the head of the answer, as long as a server may be silent.
    async fn exchange(
        &self,
        http: &reqwest::Client,
        asked: &Asked,
    ) -> Result<reqwest::Result<Response>, Error> {
        let Request { method, body, .. } = self.request;
        let mut builder = http.request(method.clone(), self.url.clone()).headers(self.headers());
        if !body.is_empty() {
            builder = builder.body(body.clone());
        }
        timeout(asked.idle, builder.send()).await.map_err(|_| asked.stalled())
    }

    fn headers(&self) -> HeaderMap {
        let Request { headers, own_headers, .. } = self.request;
        let mut all = headers.clone();
        if self.has_own_headers {
            all.extend(own_headers.clone());
        }
        all.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        all
    }

    /// Reads the limits from an answer, whatever its status.
    fn observe(&self, response: &Response, watch: &dyn Watch) {
        let (gate, headers, now) = (self.gate(), response.headers(), Instant::now());
        let held = server_wait(headers, response.status());
        if let Some(wait) = held
            && gate.hold_for(wait, now)
        {
            watch.throttled(&Throttled { origin: self.origin.clone(), wait, is_spread: false });
        }
        let limit = header_text(headers, "ratelimit").and_then(|text| text.parse::<RateLimit>().ok());
        // While all requests wait, none are spread.
        if let Some(wait) = limit.and_then(|limit| gate.observe(self.request.lane, limit, now))
            && held.is_none_or(|held| held < wait)
        {
            watch.throttled(&Throttled { origin: self.origin.clone(), wait, is_spread: true });
        }
    }

    fn answer(&self, response: Response, elsewhere: Option<Url>) -> Result<Answer, Error> {
        let had_own_headers = self.has_own_headers && !self.request.own_headers.is_empty();
        Answer::new(self.asked(), response, elsewhere, had_own_headers)
    }

    fn asked(&self) -> Asked {
        let NetSettings { floor, idle_timeout: idle, .. } = self.client.settings;
        Asked {
            action: self.request.action,
            url: self.url.clone(),
            origin: self.origin.clone(),
            hop: self.request.hop,
            idle,
            secrets: self.secrets(),
            has_body: self.request.method != Method::HEAD,
            meter: (!self.request.is_one_of_many).then(|| match self.request.impatience {
                Some(floor) => Meter::impatient(floor),
                None => Meter::new(floor, idle),
            }),
        }
    }

    fn secrets(&self) -> Secrets {
        let values = self.request.own_headers.values();
        Secrets::of(&self.url, values.filter_map(|value| value.to_str().ok()))
    }

    fn gate(&self) -> Gate {
        self.client.settings.gates.for_origin(&self.origin.to_string())
    }

    fn is_proxied(&self) -> bool {
        self.url.as_str().parse().is_ok_and(|uri| self.client.proxied.intercept(&uri).is_some())
    }
}

/// The HTTP library, which keeps so many idle connections to a host.
fn library(settings: &NetSettings, idle_connections: usize) -> Result<reqwest::Client, Error> {
    let builder = reqwest::Client::builder()
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(idle_connections)
        .no_proxy();
    let builder = proxies(&settings.proxy)?.into_iter().fold(builder, ClientBuilder::proxy);
    trusting(builder, &settings.ca_certificates)?
        .build()
        .map_err(|error| Error::ClientSetup { source: error.without_url().into() })
}

/// Whether a connection was there, and ended before an answer began.
fn is_cut(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

fn origin_of(request: &Request, url: &Url) -> Result<Origin, Error> {
    let (action, problem) = (request.action, "the URL has no host");
    Origin::of(url).ok_or_else(|| Error::UnusableUrl { action, url: SafeUrl::of(url), problem })
}

/// Whether these proxies can be used, as far as that shows without a connection.
///
/// # Errors
/// [`Error::UnusableProxy`] for the first that cannot.
pub fn check_proxies(settings: &ProxySettings) -> Result<(), Error> {
    proxies(settings).map(drop)
}

/// The proxies of the settings, in the order in which they are asked: those for one scheme first.
fn proxies(settings: &ProxySettings) -> Result<Vec<Proxy>, Error> {
    type Make = fn(&str) -> reqwest::Result<Proxy>;
    if settings.excludes_all() {
        return Ok(Vec::new());
    }
    let kinds: [(&'static str, &Option<String>, Make); 3] = [
        ("http", &settings.http, |url| Proxy::http(url)),
        ("https", &settings.https, |url| Proxy::https(url)),
        ("all", &settings.all, |url| Proxy::all(url)),
    ];
    let exceptions = settings.no_proxy.as_deref().and_then(NoProxy::from_string);
    let mut proxies = Vec::new();
    for (scheme, url, make) in kinds {
        if let Some(url) = url {
            let proxy = make(url).map_err(|_| Error::UnusableProxy { scheme })?;
            proxies.push(proxy.no_proxy(exceptions.clone()));
        }
    }
    Ok(proxies)
}

/// The same proxies as the HTTP library matches them, which it does not tell.
fn matcher(settings: &ProxySettings) -> Matcher {
    if settings.excludes_all() {
        return Matcher::builder().build();
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Matcher::builder()
        .http(text(&settings.http))
        .https(text(&settings.https))
        .all(text(&settings.all))
        .no(text(&settings.no_proxy))
        .build()
}

fn trusting(builder: ClientBuilder, trusted: &CaCertificates) -> Result<ClientBuilder, Error> {
    let mut given = Vec::new();
    for pem in trusted.pem() {
        let certificates = Certificate::from_pem_bundle(pem);
        given.extend(certificates.map_err(|error| Error::UnusableCertificates { source: error.into() })?);
    }
    match (given.is_empty(), trusted.includes_system()) {
        (true, true) => Ok(builder),
        (true, false) => Err(Error::UnusableCertificates { source: "no certificate was given".into() }),
        (false, true) => Ok(builder.tls_certs_merge(given)),
        (false, false) => Ok(builder.tls_certs_only(given)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn refused(change: impl FnOnce(&mut NetSettings)) -> Error {
        let mut settings = NetSettings::default();
        change(&mut settings);
        assert!(!format!("{settings:?}").contains("s3cret"));
        Client::new(settings).unwrap_err()
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_without_showing_them() {
        let error = refused(|settings| settings.proxy.https = Some("http://user:s3cret@[".to_owned()));
        assert_eq!(error.to_string(), "the proxy for https is not a usable URL");
        let error = refused(|settings| settings.user_agent = "line\nfeed".to_owned());
        assert!(matches!(error, Error::ClientSetup { .. }), "{error:?}");
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            let error = refused(|settings| settings.ca_certificates = CaCertificates::only(pem));
            assert!(matches!(error, Error::UnusableCertificates { .. }), "{pem}: {error:?}");
        }
    }

    /// A server that answers one request on each connection and closes it, without an answer, when the second has
    /// arrived; the connections from this number on are closed at their first. Counts its connections.
    async fn closing_server(dead_from: usize) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let _read = connection.read(&mut head).await;
                    if number < dead_from {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        connection.write_all(answer).await.unwrap();
                        let _read = connection.read(&mut head).await;
                    }
                });
            }
        });
        (url, opened)
    }

    async fn ask(client: &Client, url: &Url) -> Result<Bytes, Error> {
        let answer = client.send(Request::get(url.clone(), "read", Hop::DataHost), &()).await?;
        Ok(answer.read(10).await?.unwrap())
    }

    #[tokio::test]
    async fn a_kept_connection_that_is_closed_when_it_is_used_is_no_failure() {
        let client = Client::new(NetSettings::default()).unwrap();
        let (url, opened) = closing_server(usize::MAX).await;
        for _ in 0..4 {
            assert_eq!(ask(&client, &url).await.unwrap(), "ok");
        }
        assert!(opened.load(Ordering::SeqCst) <= 4);
    }

    #[tokio::test]
    async fn a_new_connection_that_is_closed_is_a_failure() {
        let client = Client::new(NetSettings::default()).unwrap();
        let (url, opened) = closing_server(0).await;
        assert!(matches!(ask(&client, &url).await, Err(Error::Transport { .. })));
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        let (url, opened) = closing_server(1).await;
        ask(&client, &url).await.unwrap();
        assert!(matches!(ask(&client, &url).await, Err(Error::Transport { .. })));
        assert_eq!(opened.load(Ordering::SeqCst), 2);
    }
}
