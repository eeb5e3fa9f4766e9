//! A server's response: checked before its body is used, then read in pieces.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::header::{self, HeaderMap};
use reqwest::{Response, StatusCode};
use tokio::time::sleep_until;
use url::Url;
use url_parse::{ForeignText, Origin, Secrets, fit_for_message};

use crate::bandwidth::Bandwidth;
use crate::coding::Coding;
use crate::error::{Error, Hop};
use crate::failed::Exchange;
use crate::floor::Meter;
use crate::headers::{coding, header_text, server_wait};
use crate::proxy::ProxyUrl;
use crate::reach::Reach;
use crate::shown::SafeUrl;
use crate::task::within;
use crate::words::{ServerWords, media_type};

/// The body of a refusal is read no further than this.
const MAX_REFUSAL: usize = 64 << 10;

/// A response whose body has not been read yet. Dropping it closes the connection.
#[derive(Debug)]
pub struct Answer {
    /// Boxed to keep `Answer` small, since it is moved about.
    asked: Box<Asked>,
    coding: Box<Coding>,
    response: Response,
    elsewhere: Option<Box<Url>>,
    had_own_headers: bool,
    reach: Reach,
}

/// What messages and the reading of the body need to know about the request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) action: &'static str,
    pub(crate) url: Url,
    pub(crate) origin: Origin,
    pub(crate) hop: Hop,
    /// `None` when the server is asked directly.
    pub(crate) proxy: Option<ProxyUrl>,
    pub(crate) idle: Duration,
    pub(crate) secrets: Secrets,
    pub(crate) has_body: bool,
    pub(crate) takes_gzip: bool,
    /// `None` if the caller measures the speed.
    pub(crate) meter: Option<Meter>,
    pub(crate) bandwidth: Option<Bandwidth>,
    /// When the next bytes may be read; `None` before the first.
    pub(crate) held_until: Option<Instant>,
}

/// A response other than the one asked for, with the server's explanation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The URL that refused, after redirects.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The server's explanation.
    pub words: ServerWords,
    /// How long the server asks the client to wait.
    pub wait: Option<Duration>,
}

impl Answer {
    /// Refuses a response that could not be read.
    pub(crate) fn new(
        asked: Asked,
        response: Response,
        elsewhere: Option<Url>,
        had_own_headers: bool,
        reach: Reach,
    ) -> Result<Self, Error> {
        let (status, name) = (response.status(), coding(response.headers()).filter(|_| asked.has_body));
        let coding = Coding::of(name, status.as_u16(), asked.takes_gzip);
        if let (true, Coding::Stranger(name)) = (status.is_success(), &coding) {
            let coding = fit_for_message(name, &asked.secrets).unwrap_or("in an unknown way".into());
            return Err(Error::Encoded { action: asked.action, url: SafeUrl::of(&asked.url), coding });
        }
        let (asked, coding, elsewhere) = (Box::new(asked), Box::new(coding), elsewhere.map(Box::new));
        Ok(Self { asked, coding, response, elsewhere, had_own_headers, reach })
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The URL that it came from, after redirects.
    pub fn url(&self) -> &Url {
        &self.asked.url
    }

    /// The server that sent it.
    pub fn origin(&self) -> &Origin {
        &self.asked.origin
    }

    /// The target of a redirect that was not followed.
    pub fn elsewhere(&self) -> Option<&Url> {
        self.elsewhere.as_deref()
    }

    /// Whether the answered request carried its own (possibly secret) headers.
    pub fn had_own_headers(&self) -> bool {
        self.had_own_headers
    }

    /// How near the server is to this machine, judged by its URL and, without a proxy, its address.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The type in `Content-Type`, without parameters; empty when there is none.
    pub fn media_type(&self) -> &str {
        media_type(header_text(self.headers(), header::CONTENT_TYPE).unwrap_or_default())
    }

    /// Server text from this response, made fit for a message: see [`fit_for_message`].
    pub fn fit(&self, text: &str) -> Option<ForeignText> {
        fit_for_message(text, &self.asked.secrets)
    }

    /// Waits until the client's [bandwidth limit](crate::NetSettings::bandwidth) allows the next read.
    /// [`chunk`](Self::chunk) does this too; call it first when measuring how fast a server is.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub async fn in_turn(&mut self) {
        self.asked.in_turn().await;
    }

    /// The next bytes of the body; `None` at its end. A decoded body comes in chunks of at most 64 KiB.
    ///
    /// # Errors
    /// [`Error::Transport`], [`Error::Stalled`], [`Error::TooSlow`] and [`Error::Damaged`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Self { asked, coding, response, .. } = self;
        let Coding::Gzip(gunzip) = &mut **coding else { return asked.receive(response).await };
        loop {
            if let Some(piece) = gunzip.next().map_err(|problem| asked.damaged(problem))? {
                return Ok(Some(piece));
            }
            match asked.receive(response).await? {
                Some(coded) => gunzip.feed(coded),
                None => return gunzip.end().map(|()| None).map_err(|problem| asked.damaged(problem)),
            }
        }
    }

    /// Reads the whole body; `None` when it is longer than `limit`.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn read(mut self, limit: usize) -> Result<Option<Bytes>, Error> {
        self.body(limit).await
    }

    /// Like [`read`](Self::read), for a response that is still needed afterwards.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn body(&mut self, limit: usize) -> Result<Option<Bytes>, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len().saturating_add(chunk.len()) > limit {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body.freeze()))
    }

    /// Turns the response into a refusal. Reads a little of its body, but for no longer than the server
    /// may be silent.
    pub async fn refusal(mut self) -> Refusal {
        let is_readable = self.asked.has_body && !matches!(*self.coding, Coding::Stranger(_));
        let (mut body, idle) = (Vec::new(), self.asked.idle);
        if is_readable {
            let reading = async {
                while body.len() < MAX_REFUSAL
                    && let Ok(Some(chunk)) = self.chunk().await
                {
                    body.extend_from_slice(&chunk);
                }
            };
            // What has arrived by then is enough.
            let _in_time = within(idle, reading).await;
        }
        let (status, headers) = (self.response.status(), std::mem::take(self.response.headers_mut()));
        let Asked { url, hop, secrets, .. } = *self.asked;
        Refusal::new(hop, url, status, headers, &body, &secrets)
    }
}

impl Refusal {
    /// Makes a refusal from the parts of a response.
    pub fn new(
        speaker: Hop,
        url: Url,
        status: StatusCode,
        headers: HeaderMap,
        body: &[u8],
        secrets: &Secrets,
    ) -> Self {
        let words = ServerWords::read(speaker, |name| header_text(&headers, name), body, secrets);
        Self { wait: server_wait(&headers, status), url, status, headers, words }
    }
}

impl Asked {
    async fn in_turn(&mut self) {
        let Some(bandwidth) = &self.bandwidth else { return };
        let now = Instant::now();
        let until = *self.held_until.get_or_insert_with(|| bandwidth.read(0, now));
        if until > now {
            sleep_until(until.into()).await;
        }
    }

    /// The next bytes of the body as they arrive.
    async fn receive(&mut self, response: &mut Response) -> Result<Option<Bytes>, Error> {
        self.in_turn().await;
        let began = Instant::now();
        let chunk = within(self.idle, response.chunk()).await.ok_or_else(|| self.stalled(true))?;
        let chunk = chunk.map_err(|error| self.failed(error, true))?;
        if let (Some(chunk), Some(bandwidth)) = (&chunk, &self.bandwidth) {
            self.held_until = Some(bandwidth.read(chunk.len() as u64, Instant::now()));
        }
        // Time for which the machine slept does not count as waiting.
        let waited = began.elapsed().min(self.idle);
        if let (Some(chunk), Some(meter)) = (&chunk, &mut self.meter)
            && let Some((bytes, waited)) = meter.note(chunk.len() as u64, waited)
        {
            return Err(self.too_slow(bytes, waited));
        }
        Ok(chunk)
    }

    /// Classifies a failed exchange, before the response began or in the middle of it.
    pub(crate) fn failed(&self, error: reqwest::Error, in_answer: bool) -> Error {
        let Self { action, url, hop, secrets, .. } = self;
        let proxy = self.proxy.as_ref().filter(|_| !in_answer);
        Exchange { action, url, hop: *hop, proxy, secrets }.failed(error)
    }

    pub(crate) fn stalled(&self, in_answer: bool) -> Error {
        let proxy = self.proxy.as_ref().filter(|_| !in_answer).map(|proxy| proxy.name().clone());
        Error::Stalled {
            action: self.action,
            url: SafeUrl::of(&self.url),
            hop: self.hop,
            proxy,
            idle: self.idle,
        }
    }

    fn too_slow(&self, bytes: u64, waited: Duration) -> Error {
        Error::TooSlow { action: self.action, url: SafeUrl::of(&self.url), hop: self.hop, bytes, waited }
    }

    fn damaged(&self, problem: &'static str) -> Error {
        Error::Damaged { action: self.action, url: SafeUrl::of(&self.url), hop: self.hop, problem }
    }

    pub(crate) fn wants_proxy_login(&self) -> Error {
        let proxy = self.proxy.as_ref().map(|proxy| proxy.name().clone());
        Error::ProxyLogin { action: self.action, url: SafeUrl::of(&self.url), proxy }
    }
}
