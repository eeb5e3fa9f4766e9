//! A request to one server, from its gate to the head of the response.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http_body::Body as _;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use tokio::time::sleep;
use url::Url;
use url_parse::{Origin, Secrets, fit_for_message};

use crate::answer::{Answer, Asked};
use crate::error::Error;
use crate::floor::Meter;
use crate::gate::Gate;
use crate::headers::{header_text, server_wait};
use crate::limits::RateLimit;
use crate::pools::Pools;
use crate::reach::{Reach, TOO_NEAR};
use crate::redirect::problem_of;
use crate::request::{Request, Throttled, Watch};
use crate::settings::NetSettings;
use crate::shown::{RedactedUrl, SafeUrl};
use crate::task;
use crate::upload::Upload;
use crate::window::ROUNDING;

/// A request to one server on its way.
pub(crate) struct Step<'a> {
    pools: &'a Pools,
    request: &'a Request,
    pub(crate) url: Url,
    pub(crate) origin: Origin,
    pub(crate) has_own_headers: bool,
    /// How near this server and its redirect targets may be.
    pub(crate) limit: Reach,
}

impl<'a> Step<'a> {
    pub(crate) fn first(pools: &'a Pools, request: &'a Request) -> Result<Self, Error> {
        let (action, url) = (request.action, &request.url);
        let problem = problem_of(url).or_else(|| (Reach::of_host(url) > request.reach).then_some(TOO_NEAR));
        if let Some(problem) = problem {
            return Err(Error::UnusableUrl { action, url: SafeUrl::of(url), problem });
        }
        let origin = origin_of(request, url)?;
        Ok(Self { pools, request, url: url.clone(), origin, has_own_headers: true, limit: request.reach })
    }

    pub(crate) async fn send(&self, watch: &dyn Watch) -> Result<Response, Error> {
        self.wait_at_gate(watch).await;
        let asked = self.asked();
        let response = match self.exchange(self.pools.pooled(self.limit).await?, &asked).await? {
            // An idle connection that the server has closed may look open until it is used.
            Err(error) if is_cut(&error) && self.pools.known.lock().contains(&self.origin) => {
                tracing::debug!(url = %RedactedUrl(&self.url), "an idle connection was closed: repeating the request over a new one");
                self.exchange(self.pools.unpooled(self.limit).await?, &asked).await?
            }
            outcome => outcome,
        };
        self.received(response, &asked, watch)
    }

    pub(crate) async fn upload(&self, body: Upload, watch: &dyn Watch) -> Result<Response, Error> {
        self.wait_at_gate(watch).await;
        let mut asked = self.asked();
        asked.idle = self.pools.settings.upload_timeout;
        let (http, handed) = (self.pools.unpooled(self.limit).await?, body.handed());
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
        self.pools.known.lock().insert(self.origin.clone());
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

    pub(crate) fn answer(&self, response: Response, elsewhere: Option<Url>) -> Result<Answer, Error> {
        let had_own_headers = self.has_own_headers && !self.request.own_headers.is_empty();
        let reach = self.reach(&response);
        Answer::new(self.asked(), response, elsewhere, had_own_headers, reach)
    }

    /// How near the server that answered is. With a proxy, the address is the proxy's.
    pub(crate) fn reach(&self, response: &Response) -> Reach {
        let peer = response.remote_addr().filter(|_| self.pools.settings.proxy.for_url(&self.url).is_none());
        Reach::of_host(&self.url).max(peer.map_or(Reach::Public, |peer| Reach::of(peer.ip())))
    }

    pub(crate) fn refused_redirect(&self, to: &Url) -> Error {
        let target = fit_for_message(&SafeUrl::of(to).to_string(), &self.secrets());
        let target = target.unwrap_or("nowhere".into());
        Error::BadRedirect { url: SafeUrl::of(&self.url), target, problem: TOO_NEAR }
    }

    fn asked(&self) -> Asked {
        let NetSettings { floor, idle_timeout: idle, .. } = self.pools.settings;
        Asked {
            action: self.request.action,
            url: self.url.clone(),
            origin: self.origin.clone(),
            hop: self.request.hop,
            proxy: self.pools.settings.proxy.for_url(&self.url).cloned(),
            idle,
            secrets: self.secrets(),
            has_body: self.request.method != Method::HEAD,
            bandwidth: self.pools.settings.bandwidth.clone(),
            held_until: None,
            takes_gzip: self.request.takes_gzip,
            meter: (!self.request.is_one_of_many).then(|| match self.request.impatience {
                Some(floor) => Meter::impatient(floor),
                None => Meter::new(floor, idle),
            }),
        }
    }

    pub(crate) fn secrets(&self) -> Secrets {
        let values = self.request.own_headers.values();
        Secrets::of(&self.url, values.filter_map(|value| value.to_str().ok()))
    }

    fn gate(&self) -> Gate {
        self.pools.settings.gates.for_origin(&self.origin.to_string())
    }
}

/// Whether an open connection ended before a response began.
fn is_cut(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

pub(crate) fn origin_of(request: &Request, url: &Url) -> Result<Origin, Error> {
    let (action, problem) = (request.action, "the URL has no host");
    Origin::of(url).ok_or_else(|| Error::UnusableUrl { action, url: SafeUrl::of(url), problem })
}
