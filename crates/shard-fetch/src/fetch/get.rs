//! One request for the bytes of a file, redirects included.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use net_policy::{FILES, Gate, Gates, RateLimit, ServerWait};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE, RETRY_AFTER};
use reqwest::{Client, Response};
use tokio::time::{sleep, timeout};
use url_parse::{Origin, RepoPath, Url};

use super::answer::{Verdict, Wanted, is_web_page, judge};
use super::client::is_untrusted_certificate;
use super::redirect::{self, MAX_REDIRECTS};
use super::setback::{Passing, Setback};
use super::words;
use crate::{Error, Location};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The client with its limits.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) client: Client,
    /// How long until an answer's headers are there, connecting included.
    pub(super) answer_timeout: Duration,
    /// How long until the next bytes are there.
    pub(super) idle_timeout: Duration,
    pub(super) gates: Gates,
}

/// The body of an answer that holds bytes of the file.
pub(super) struct Body {
    /// Who sends it.
    pub(super) host: Origin,
    /// The first byte's place in the file.
    pub(super) from: u64,
    /// The place after the last byte.
    pub(super) until: u64,
    response: Response,
    idle_timeout: Duration,
}

impl Body {
    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        match timeout(self.idle_timeout, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(BodyError::Broken(error.without_url())),
            Err(_) => Err(BodyError::Silence(self.idle_timeout)),
        }
    }
}

/// Why no further bytes come.
pub(super) enum BodyError {
    Broken(reqwest::Error),
    Silence(Duration),
}

/// Told how long a request has to wait for a server's sake.
pub(super) type OnWait<'a> = &'a (dyn Fn(Duration) + Sync);

/// Waits until no server's wish holds requests at this gate any longer.
pub(super) async fn pass(gate: &Gate, on_wait: OnWait<'_>) {
    while let Some(wait) = gate.enter(FILES, Instant::now()) {
        on_wait(wait);
        sleep(wait).await;
    }
}

/// A request on its way from host to host.
struct Hop<'a> {
    network: &'a Network,
    file: &'a RepoPath,
    wanted: Wanted,
    on_wait: OnWait<'a>,
    url: Url,
    host: Origin,
    /// Those of the location while on its own origin, then none.
    headers: HeaderMap,
}

/// What a hop led to.
enum Step {
    Arrived(Body),
    Onward(Url),
}

/// Asks for `wanted` at `location`, and where that redirects to.
pub(super) async fn get(
    network: &Network,
    file: &RepoPath,
    location: &Location,
    wanted: Wanted,
    on_wait: OnWait<'_>,
) -> Result<Body, Setback> {
    let unusable = |problem| Setback::Final(Error::UnusableLocation { file: file.clone(), problem });
    redirect::check(&location.url).map_err(unusable)?;
    let host = Origin::of(&location.url).ok_or_else(|| unusable("the URL has no host"))?;
    let (url, headers) = (location.url.clone(), location.headers.clone());
    let mut hop = Hop { network, file, wanted, on_wait, url, host, headers };
    for _ in 0..=MAX_REDIRECTS {
        match hop.request().await? {
            Step::Arrived(body) => return Ok(body),
            Step::Onward(url) => hop.move_on(url)?,
        }
    }
    Err(hop.bad_redirect("it leads on more than five times"))
}

impl Hop<'_> {
    async fn request(&self) -> Result<Step, Setback> {
        pass(&self.gate(), self.on_wait).await;
        let sent = self.network.client.get(self.url.clone()).headers(self.all_headers()).send();
        let response = match timeout(self.network.answer_timeout, sent).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return Err(self.failed(error.without_url()));
            }
            Err(_) => return Err(self.passing(Passing::Silence(self.network.answer_timeout))),
        };
        self.observe(&response);
        match self.judge(&response) {
            Verdict::Bytes { from, until } => Ok(Step::Arrived(Body {
                host: self.host.clone(),
                from,
                until,
                response,
                idle_timeout: self.network.idle_timeout,
            })),
            Verdict::Redirect => redirect::target(&self.url, response.headers().get(LOCATION))
                .map(Step::Onward)
                .map_err(|problem| self.bad_redirect(problem)),
            Verdict::Malformed(problem) => Err(self.passing(Passing::Malformed(problem))),
            Verdict::Mismatch(mismatch) => Err(Setback::Mismatch { host: Some(self.host.clone()), mismatch }),
            verdict @ (Verdict::Refused | Verdict::WebPage | Verdict::Denied | Verdict::Trouble) => {
                Err(self.turned_away(verdict, response).await)
            }
        }
    }

    /// A hub that serves bytes itself counts requests for them too.
    fn observe(&self, response: &Response) {
        let header = response.headers().get(RATE_LIMIT).and_then(|value| value.to_str().ok());
        if let Some(limit) = header.and_then(|text| text.parse::<RateLimit>().ok()) {
            self.gate().observe(FILES, limit, Instant::now());
        }
    }

    fn judge(&self, response: &Response) -> Verdict {
        match is_web_page(response.status(), response.headers(), self.file) {
            true => Verdict::WebPage,
            false => judge(response.status(), response.headers(), self.wanted),
        }
    }

    /// The location's headers with the two that every request has.
    fn all_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Ok(range) = HeaderValue::from_str(&self.wanted.range()) {
            headers.insert(RANGE, range);
        }
        headers
    }

    async fn turned_away(&self, verdict: Verdict, response: Response) -> Setback {
        let status = response.status().as_u16();
        let wait = server_wait(&response);
        if let Some(wait) = wait {
            self.gate().hold_for(wait, Instant::now());
        }
        let (file, host) = (self.file.clone(), self.host.clone());
        let words = words::read(response, &self.headers, self.network.idle_timeout).await;
        match verdict {
            Verdict::Trouble => {
                Setback::Passing { cause: Passing::Status { status, words }, host: Some(host), wait }
            }
            Verdict::WebPage => Setback::refused(status, Error::WebPage { file, host, words }),
            Verdict::Refused => Setback::refused(status, Error::Refused { file, host, status, words }),
            _ => Setback::Final(Error::Refused { file, host, status, words }),
        }
    }

    /// Goes to where a redirect leads. What was meant for one origin is sent to no other, also not when a
    /// later redirect leads back.
    fn move_on(&mut self, url: Url) -> Result<(), Setback> {
        let host = Origin::of(&url).ok_or_else(|| self.bad_redirect("its target has no host"))?;
        if host != self.host {
            self.headers.clear();
        }
        (self.url, self.host) = (url, host);
        Ok(())
    }

    fn gate(&self) -> Gate {
        self.network.gates.for_origin(&self.host.to_string())
    }

    fn passing(&self, cause: Passing) -> Setback {
        Setback::passing(cause, &self.host)
    }

    fn failed(&self, error: reqwest::Error) -> Setback {
        if !is_untrusted_certificate(&error) {
            return self.passing(Passing::Request(error.into()));
        }
        let (file, host) = (self.file.clone(), self.host.clone());
        Setback::Final(Error::UntrustedCertificate { file, host, source: error.into() })
    }

    fn bad_redirect(&self, problem: &'static str) -> Setback {
        Setback::Final(Error::BadRedirect { file: self.file.clone(), host: self.host.clone(), problem })
    }
}

/// How long the answer asks to be left alone.
fn server_wait(response: &Response) -> Option<Duration> {
    let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let status = response.status().as_u16();
    ServerWait::from_headers(header(RATE_LIMIT), header(RETRY_AFTER), status, SystemTime::now())
}
