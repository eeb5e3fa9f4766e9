//! An answer: what it is looked at for before its body is used, and the reading of the body.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::header::{self, HeaderMap};
use reqwest::{Response, StatusCode};
use tokio::time::timeout;
use url::Url;
use url_parse::{ForeignError, ForeignText, Origin, Secrets, fit_for_message};

use crate::error::{Error, Hop};
use crate::floor::Meter;
use crate::headers::{coding, header_text, server_wait};
use crate::reach::{Reach, TOO_NEAR};
use crate::resolver::NameTooNear;
use crate::shown::SafeUrl;
use crate::words::{ServerWords, media_type};

/// The body of a refusal is read no further than this.
const MAX_REFUSAL: usize = 64 << 10;

/// An answer whose body has not been read yet. Dropping it closes the connection.
#[derive(Debug)]
pub struct Answer {
    /// Boxed, as what holds an answer is moved about.
    asked: Box<Asked>,
    response: Response,
    elsewhere: Option<Url>,
    had_own_headers: bool,
    reach: Reach,
}

/// What messages, and the reading of the body, have to know of the request that was answered.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) action: &'static str,
    pub(crate) url: Url,
    pub(crate) origin: Origin,
    pub(crate) hop: Hop,
    pub(crate) idle: Duration,
    pub(crate) secrets: Secrets,
    pub(crate) has_body: bool,
    /// `None` where somebody else measures.
    pub(crate) meter: Option<Meter>,
}

/// An answer that is not the one asked for, with what the server says about it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// Who refused, after redirects.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The server's words.
    pub words: ServerWords,
    /// How long the server asks to be left alone.
    pub wait: Option<Duration>,
}

impl Answer {
    /// Refuses an answer that could not be read.
    pub(crate) fn new(
        asked: Asked,
        response: Response,
        elsewhere: Option<Url>,
        had_own_headers: bool,
        reach: Reach,
    ) -> Result<Self, Error> {
        if response.status().is_success()
            && asked.has_body
            && let Some(coding) = coding(response.headers())
        {
            let coding = fit_for_message(&coding, &asked.secrets).unwrap_or("in no known way".into());
            return Err(Error::Encoded { action: asked.action, url: SafeUrl::of(&asked.url), coding });
        }
        Ok(Self { asked: Box::new(asked), response, elsewhere, had_own_headers, reach })
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Where it comes from, after redirects.
    pub fn url(&self) -> &Url {
        &self.asked.url
    }

    /// Who sends it.
    pub fn origin(&self) -> &Origin {
        &self.asked.origin
    }

    /// Where the answer points, for a redirect that was not followed.
    pub fn elsewhere(&self) -> Option<&Url> {
        self.elsewhere.as_ref()
    }

    /// Whether the request that was answered had its own headers with it.
    pub fn had_own_headers(&self) -> bool {
        self.had_own_headers
    }

    /// How near to this machine its server is: by its address, unless there was a proxy before it, and by the URL.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The type in `Content-Type`, without parameters; empty when there is none.
    pub fn media_type(&self) -> &str {
        media_type(header_text(self.headers(), header::CONTENT_TYPE).unwrap_or_default())
    }

    /// Foreign text that came with this answer, as a message may show it: see [`fit_for_message`].
    pub fn fit(&self, text: &str) -> Option<ForeignText> {
        fit_for_message(text, &self.asked.secrets)
    }

    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    /// [`Error::Transport`], [`Error::Stalled`] and [`Error::TooSlow`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let asked = &mut *self.asked;
        let began = Instant::now();
        let chunk = match timeout(asked.idle, self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| asked.failed(error, false))?,
            Err(_) => return Err(asked.stalled()),
        };
        // A machine that slept has not waited.
        let waited = began.elapsed().min(asked.idle);
        if let (Some(chunk), Some(meter)) = (&chunk, &mut asked.meter)
            && let Some((bytes, waited)) = meter.note(chunk.len() as u64, waited)
        {
            return Err(asked.too_slow(bytes, waited));
        }
        Ok(chunk)
    }

    /// The whole body; `None` when it is longer than `limit`.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn read(mut self, limit: usize) -> Result<Option<Bytes>, Error> {
        self.body(limit).await
    }

    /// The same, of an answer that is still needed.
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

    /// The answer as a refusal. A little of its body is read, for no longer than the server may be silent: the
    /// words are worth no more.
    pub async fn refusal(mut self) -> Refusal {
        let is_readable = self.asked.has_body && coding(self.headers()).is_none();
        let mut body = Vec::new();
        if is_readable {
            let reading = async {
                while body.len() < MAX_REFUSAL
                    && let Ok(Some(chunk)) = self.response.chunk().await
                {
                    body.extend_from_slice(&chunk);
                }
            };
            // What has arrived until then will do.
            let _in_time = timeout(self.asked.idle, reading).await;
        }
        let (status, headers) = (self.response.status(), std::mem::take(self.response.headers_mut()));
        let Asked { url, hop, secrets, .. } = *self.asked;
        Refusal::new(hop, url, status, headers, &body, &secrets)
    }
}

impl Refusal {
    /// What an answer with these parts says.
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
    /// A failed exchange, without the URL that the HTTP library puts into its own error.
    pub(crate) fn failed(&self, error: reqwest::Error, is_proxied: bool) -> Error {
        let (action, url) = (self.action, SafeUrl::of(&self.url));
        let hop = if is_proxied && error.is_connect() { Hop::Proxy } else { self.hop };
        let error = error.without_url();
        // Names in a certificate are the server's words, and so may be what other libraries quote.
        let source = ForeignError::of(&error, &self.secrets);
        if is_untrusted_certificate(&error) {
            Error::UntrustedCertificate { action, url, source }
        } else if is_proxy_login(&error) {
            Error::ProxyLogin { action, url }
        } else if is_too_near(&error) {
            Error::UnusableUrl { action, url, problem: TOO_NEAR }
        } else {
            Error::Transport { action, url, hop, source }
        }
    }

    pub(crate) fn stalled(&self) -> Error {
        Error::Stalled { action: self.action, url: SafeUrl::of(&self.url), hop: self.hop, idle: self.idle }
    }

    fn too_slow(&self, bytes: u64, waited: Duration) -> Error {
        Error::TooSlow { action: self.action, url: SafeUrl::of(&self.url), hop: self.hop, bytes, waited }
    }

    pub(crate) fn wants_proxy_login(&self) -> Error {
        Error::ProxyLogin { action: self.action, url: SafeUrl::of(&self.url) }
    }
}

/// Whether a connection failed because the server's certificate is not trusted, or not valid for its name.
fn is_untrusted_certificate(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// Whether the name stands for nothing but addresses that are nearer than allowed.
fn is_too_near(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| cause.downcast_ref::<NameTooNear>().is_some())
}

/// Whether a proxy would not open a tunnel without another login. The HTTP library says so in words only.
fn is_proxy_login(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| cause.to_string().contains("proxy authorization required"))
}

/// An error and what is below it. The `source` of an I/O error is what is below the error that it wraps, so that
/// this one is taken first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_certificate_that_is_not_trusted_counts() {
        let invalid = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = |error: rustls::Error| io::Error::other(io::Error::other(error));
        assert!(is_untrusted_certificate(&invalid));
        assert!(is_untrusted_certificate(&wrapped(invalid.clone())));
        assert!(!is_untrusted_certificate(&wrapped(rustls::Error::DecryptError)));
        assert!(!is_untrusted_certificate(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }
}
