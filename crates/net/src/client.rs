//! The one HTTP client. It is set up once and follows redirects itself.

use std::collections::HashSet;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Body as _;
use parking_lot::Mutex;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::OnceCell;
use tokio::time::sleep;
use url::Url;
use url_parse::{Origin, Secrets, fit_for_message};

use crate::answer::{Answer, Asked};
use crate::error::{Error, Hop};
use crate::floor::{Floor, Meter};
use crate::gate::{FILES, Gate};
use crate::headers::{header_text, server_wait};
use crate::limits::RateLimit;
use crate::reach::{Reach, TOO_NEAR};
use crate::redirect::{MAX_REDIRECTS, Redirects, is_redirect, problem_of, target};
use crate::settings::NetSettings;
use crate::setup::library;
use crate::shown::{RedactedUrl, SafeUrl};
use crate::task;
use crate::upload::Upload;
use crate::window::ROUNDING;

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
    /// One for each [`Reach`], so that the limit also covers name look-ups and kept connections.
    libraries: [Libraries; 4],
    /// Servers that have answered before, so that a connection to them may be a kept one.
    known: Mutex<HashSet<Origin>>,
    settings: NetSettings,
}

/// The HTTP library, restricted to addresses within a reach. Set up on first use, since loading the
/// system's certificates takes time.
#[derive(Default)]
struct Libraries {
    pooled: OnceCell<reqwest::Client>,
    /// Opens a connection for each request.
    unpooled: OnceCell<reqwest::Client>,
}

/// One request and the rules for sending it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method; redirects do not change it.
    pub method: Method,
    /// The first URL.
    pub url: Url,
    /// Headers sent to every server, also after redirects.
    pub headers: HeaderMap,
    /// Headers that may be secret. They are sent to the first origin only: never again once a redirect
    /// has left it.
    pub own_headers: HeaderMap,
    /// The body; it is sent again with each redirect.
    pub body: Bytes,
    /// What is attempted, for messages; the URL follows it.
    pub action: &'static str,
    /// The role of the server that is asked.
    pub hop: Hop,
    /// Which redirects it follows.
    pub redirects: Redirects,
    /// The rate limit of the server that this request counts towards, if known.
    pub lane: &'static str,
    /// This is one of several parallel requests. The [`Floor`](crate::Floor) then applies to all of
    /// them together, and the receiver must check it.
    pub is_one_of_many: bool,
    /// Whether a gzip-encoded body of a 200 response is decoded instead of refused. The response's
    /// `Content-Length` and similar headers then describe the encoded bytes.
    pub takes_gzip: bool,
    /// A stricter floor than the client's [`floor`](NetSettings::floor), for requests that are cheap to
    /// repeat.
    pub impatience: Option<Floor>,
    /// How near to this machine the server and its redirect targets may be. If a proxy resolves names,
    /// only literal addresses can be checked.
    pub reach: Reach,
}

impl Request {
    /// A plain GET that is counted with [files](FILES), follows redirects and accepts gzip.
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
            takes_gzip: true,
            impatience: None,
            reach: Reach::default(),
        }
    }
}

/// A server's request to slow down or to pause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// The server.
    pub origin: Origin,
    /// For how long, from now.
    pub pause: Duration,
    /// Whether requests still go out meanwhile, one at a time.
    pub is_spread: bool,
}

/// Is told what a request waits for. Called from the sending task, so it must not block.
pub trait Watch: Sync {
    /// The request waits because of the server's limits, whether or not these were reported before.
    fn waiting(&self, _news: &Throttled) {}

    /// A response asked for a longer wait than was known.
    fn throttled(&self, _news: &Throttled) {}
}

/// Nothing is watched.
impl Watch for () {}

impl Client {
    /// Sets up a client; nothing is sent yet. Blocks: the system's certificates are files.
    ///
    /// HTTP/1.1 only: each file uses a connection of its own instead of sharing one as a stream.
    ///
    /// # Errors
    /// [`Error::UnusableProxy`], [`Error::UnusableCertificates`] and [`Error::ClientSetup`].
    pub fn new(settings: NetSettings) -> Result<Self, Error> {
        let without_limit = library(&settings, usize::MAX, Reach::Loopback)?;
        let without_limit =
            Libraries { pooled: OnceCell::new_with(Some(without_limit)), unpooled: OnceCell::new() };
        let [public, private, link] = <[Libraries; 3]>::default();
        let (libraries, known) = ([public, private, link, without_limit], Mutex::default());
        Ok(Self(Arc::new(Inner { libraries, known, settings })))
    }

    /// The settings it was created with.
    pub fn settings(&self) -> &NetSettings {
        &self.0.settings
    }

    /// Sends a request and follows its redirects. If a kept connection turns out to be closed before a
    /// response begins, the request is sent again at once over a new one. Waits at the gate of each
    /// origin and records in it the limits that responses report. Returns a response of any status,
    /// except a redirect that is followed.
    ///
    /// # Errors
    /// [`Error::UnusableUrl`], [`Error::BadRedirect`], [`Error::TooManyRedirects`], [`Error::Proxy`],
    /// [`Error::ProxyLogin`], [`Error::UntrustedCertificate`], [`Error::Encoded`], [`Error::Transport`] and
    /// [`Error::Stalled`].
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
            if request.redirects == Redirects::NoNearer {
                step.limit = step.limit.min(step.reach(&response));
            }
            if Reach::of_host(&to) > step.limit {
                return Err(step.refused_redirect(&to));
            }
            if origin != step.origin && request.redirects == Redirects::WithinOrigin {
                return step.answer(response, Some(to));
            }
            tracing::debug!(from = %RedactedUrl(&step.url), to = %RedactedUrl(&to), "following a redirect");
            step.has_own_headers &= origin == step.origin;
            (step.url, step.origin) = (to, origin);
        }
        Err(Error::TooManyRedirects { url: SafeUrl::of(&request.url), limit: MAX_REDIRECTS })
    }

    /// Sends one request with a large body over a new connection. Redirects are not followed, since the
    /// body cannot be read twice. The request's own [`body`](Request::body) is ignored. Gives up when
    /// the server accepts no data, or does not answer after the last byte, for the
    /// [`upload_timeout`](NetSettings::upload_timeout).
    ///
    /// # Errors
    /// As [`send`](Self::send); [`Error::Transport`] also when the body ends too early.
    ///
    /// # Cancellation
    ///
    /// Dropping the future aborts the request.
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
    async fn pooled(&self, limit: Reach) -> Result<&reqwest::Client, Error> {
        self.set_up(&self.libraries(limit).pooled, usize::MAX, limit).await
    }

    async fn unpooled(&self, limit: Reach) -> Result<&reqwest::Client, Error> {
        self.set_up(&self.libraries(limit).unpooled, 0, limit).await
    }

    fn libraries(&self, limit: Reach) -> &Libraries {
        let [public, private, link, without_limit] = &self.libraries;
        match limit {
            Reach::Public => public,
            Reach::Private => private,
            Reach::Link => link,
            Reach::Loopback => without_limit,
        }
    }

    async fn set_up<'a>(
        &self,
        cell: &'a OnceCell<reqwest::Client>,
        idle_connections: usize,
        limit: Reach,
    ) -> Result<&'a reqwest::Client, Error> {
        let set_up = || {
            let settings = self.settings.clone();
            task::blocking(move || library(&settings, idle_connections, limit))
        };
        cell.get_or_try_init(set_up).await
    }
}

/// A request to one server on its way.
struct Step<'a> {
    client: &'a Inner,
    request: &'a Request,
    url: Url,
    origin: Origin,
    has_own_headers: bool,
    /// How near this server and its redirect targets may be.
    limit: Reach,
}

impl<'a> Step<'a> {
    fn first(client: &'a Inner, request: &'a Request) -> Result<Self, Error> {
        let (action, url) = (request.action, &request.url);
        let problem = problem_of(url).or_else(|| (Reach::of_host(url) > request.reach).then_some(TOO_NEAR));
        if let Some(problem) = problem {
            return Err(Error::UnusableUrl { action, url: SafeUrl::of(url), problem });
        }
        let origin = origin_of(request, url)?;
        Ok(Self { client, request, url: url.clone(), origin, has_own_headers: true, limit: request.reach })
    }

    async fn send(&self, watch: &dyn Watch) -> Result<Response, Error> {
        self.wait_at_gate(watch).await;
        let asked = self.asked();
        let response = match self.exchange(self.client.pooled(self.limit).await?, &asked).await? {
            // An idle connection that the server has closed may look open until it is used.
            Err(error) if is_cut(&error) && self.client.known.lock().contains(&self.origin) => {
                tracing::debug!(url = %RedactedUrl(&self.url), "an idle connection was closed: repeating the request over a new one");
                self.exchange(self.client.unpooled(self.limit).await?, &asked).await?
            }
            outcome => outcome,
        };
        self.received(response, &asked, watch)
    }

    async fn upload(&self, body: Upload, watch: &dyn Watch) -> Result<Response, Error> {
        self.wait_at_gate(watch).await;
        let mut asked = self.asked();
        asked.idle = self.client.settings.upload_timeout;
        let (http, handed) = (self.client.unpooled(self.limit).await?, body.handed());
        let headers = self.headers(body.is_end_stream());
        let builder = http.request(self.request.method.clone(), self.url.clone()).headers(headers);
        let mut sending = pin!(builder.body(reqwest::Body::wrap(body)).send());
        let mut before = 0;
        let response = loop {
            if let Some(response) = task::within(asked.idle, &mut sending).await {
                break response;
            }
            let now = handed.load(Ordering::Relaxed);
            if now == before {
                return Err(asked.stalled(false));
            }
            before = now;
        };
        self.received(response, &asked, watch)
    }

    async fn wait_at_gate(&self, watch: &dyn Watch) {
        let gate = self.gate();
        while let Some(wait) = gate.enter(self.request.lane, Instant::now()) {
            watch.waiting(&Throttled { origin: self.origin.clone(), pause: wait, is_spread: false });
            sleep(wait).await;
        }
    }

    fn received(
        &self,
        response: reqwest::Result<Response>,
        asked: &Asked,
        watch: &dyn Watch,
    ) -> Result<Response, Error> {
        let response = response.map_err(|error| asked.failed(error, false))?;
        self.client.known.lock().insert(self.origin.clone());
        self.observe(&response, watch);
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(asked.wants_proxy_login());
        }
        Ok(response)
    }

    /// Sends the request and waits for the response's head, within the idle time-out.
    async fn exchange(
        &self,
        http: &reqwest::Client,
        asked: &Asked,
    ) -> Result<reqwest::Result<Response>, Error> {
        let Request { method, body, .. } = self.request;
        let mut builder =
            http.request(method.clone(), self.url.clone()).headers(self.headers(body.is_empty()));
        if !body.is_empty() {
            builder = builder.body(body.clone());
        }
        task::within(asked.idle, builder.send()).await.ok_or_else(|| asked.stalled(false))
    }

    fn headers(&self, is_empty: bool) -> HeaderMap {
        let Request { method, headers, own_headers, .. } = self.request;
        let mut all = headers.clone();
        if self.has_own_headers {
            all.extend(own_headers.clone());
        }
        all.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if is_empty && [Method::PUT, Method::POST].contains(method) {
            // Some servers, nginx among them, take a request without a length to have no body at all.
            all.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        all
    }

    /// Reads the limits from a response, whatever its status.
    fn observe(&self, response: &Response, watch: &dyn Watch) {
        let (gate, headers, now) = (self.gate(), response.headers(), Instant::now());
        let held = server_wait(headers, response.status());
        if let Some(wait) = held
            && gate.hold_for(wait, now)
        {
            watch.throttled(&Throttled { origin: self.origin.clone(), pause: wait, is_spread: false });
        }
        let limit = header_text(headers, "ratelimit").and_then(|text| text.parse::<RateLimit>().ok());
        // Another refusal costs little. Only a request that was refused adds what the header may have
        // rounded off.
        let rounded = if held.is_some() { ROUNDING } else { Duration::ZERO };
        let limit = limit.map(|limit| RateLimit { reset: limit.reset.saturating_sub(rounded), ..limit });
        // While all requests wait, none are spread.
        if let Some(wait) = limit.and_then(|limit| gate.observe(self.request.lane, limit, now))
            && held.is_none_or(|held| held < wait)
        {
            watch.throttled(&Throttled { origin: self.origin.clone(), pause: wait, is_spread: true });
        }
    }

    fn answer(&self, response: Response, elsewhere: Option<Url>) -> Result<Answer, Error> {
        let had_own_headers = self.has_own_headers && !self.request.own_headers.is_empty();
        let reach = self.reach(&response);
        Answer::new(self.asked(), response, elsewhere, had_own_headers, reach)
    }

    /// How near the server that answered is. With a proxy, the address is the proxy's.
    fn reach(&self, response: &Response) -> Reach {
        let peer = response.remote_addr().filter(|_| self.client.settings.proxy.for_url(&self.url).is_none());
        Reach::of_host(&self.url).max(peer.map_or(Reach::Public, |peer| Reach::of(peer.ip())))
    }

    fn refused_redirect(&self, to: &Url) -> Error {
        let target = fit_for_message(&SafeUrl::of(to).to_string(), &self.secrets());
        let target = target.unwrap_or("nowhere".into());
        Error::BadRedirect { url: SafeUrl::of(&self.url), target, problem: TOO_NEAR }
    }

    fn asked(&self) -> Asked {
        let NetSettings { floor, idle_timeout: idle, .. } = self.client.settings;
        Asked {
            action: self.request.action,
            url: self.url.clone(),
            origin: self.origin.clone(),
            hop: self.request.hop,
            proxy: self.client.settings.proxy.for_url(&self.url).cloned(),
            idle,
            secrets: self.secrets(),
            has_body: self.request.method != Method::HEAD,
            bandwidth: self.client.settings.bandwidth.clone(),
            held_until: None,
            takes_gzip: self.request.takes_gzip,
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
}

/// Whether an open connection ended before a response began.
fn is_cut(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

fn origin_of(request: &Request, url: &Url) -> Result<Origin, Error> {
    let (action, problem) = (request.action, "the URL has no host");
    Origin::of(url).ok_or_else(|| Error::UnusableUrl { action, url: SafeUrl::of(url), problem })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::settings::CaCertificates;

    fn refused(change: impl FnOnce(&mut NetSettings)) -> Error {
        let mut settings = NetSettings::default();
        change(&mut settings);
        Client::new(settings).unwrap_err()
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused() {
        // Longer than the HTTP library allows for its own URLs; it would then bypass the proxy.
        let proxy = format!("http://s3cret{}@proxy", "x".repeat(1 << 16));
        let error = refused(|settings| settings.proxy.all = Some(proxy.parse().unwrap()));
        assert!(matches!(error, Error::UnusableProxy { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("s3cret"));
        let error = refused(|settings| settings.user_agent = "line\nfeed".to_owned());
        assert!(matches!(error, Error::ClientSetup { .. }), "{error:?}");
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            let error = refused(|settings| settings.ca_certificates = CaCertificates::only(pem));
            assert!(matches!(error, Error::UnusableCertificates { .. }), "{pem}: {error:?}");
        }
    }

    /// Answers one request on each connection, then closes it without an answer when the second
    /// arrives. Connections from number `dead_from` on are closed at their first request. Counts its
    /// connections.
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
    async fn addresses_that_are_too_near_are_not_reached() {
        let (url, opened) = closing_server(1).await;
        let client = Client::new(NetSettings::default()).unwrap();
        let ask = async |url: &str, reach| {
            let request = Request::get(url.parse().unwrap(), "read", Hop::DataHost);
            client.send(Request { reach, ..request }, &()).await
        };
        for reach in [Reach::Public, Reach::Private, Reach::Link] {
            let error = ask(url.as_str(), reach).await.unwrap_err();
            assert!(matches!(error, Error::UnusableUrl { problem: TOO_NEAR, .. }), "{error:?}");
        }
        // A name is only checked when it is resolved.
        let named = url.as_str().replace("127.0.0.1", "localhost");
        let request = Request::get(named.parse().unwrap(), "read", Hop::DataHost);
        let step = Step { limit: Reach::Public, ..Step::first(&client.0, &request).unwrap() };
        let error = step.send(&()).await.unwrap_err();
        assert!(matches!(error, Error::UnusableUrl { problem: TOO_NEAR, .. }), "{error:?}");
        assert_eq!(opened.load(Ordering::SeqCst), 0, "no connection was opened");

        let answer = ask(url.as_str(), Reach::Loopback).await.unwrap();
        assert_eq!(answer.reach(), Reach::Loopback);
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
