//! Classifies a failed exchange by the HTTP library's error.

use std::error::Error as StdError;
use std::io;

use url_parse::{ForeignError, Origin, Secrets};

use crate::error::{Error, Hop, Obstacle};
use crate::proxy::ProxyUrl;
use crate::reach::TOO_NEAR;
use crate::resolver::NameTooNear;
use crate::shown::SafeUrl;

/// What is known about an exchange besides its error.
pub(crate) struct Exchange<'a> {
    pub(crate) action: &'static str,
    pub(crate) url: &'a url::Url,
    pub(crate) hop: Hop,
    /// `None` if the server was asked directly, or the response had begun.
    pub(crate) proxy: Option<&'a ProxyUrl>,
    pub(crate) secrets: &'a Secrets,
}

impl Exchange<'_> {
    /// The error, without the URL that the HTTP library adds to its own.
    pub(crate) fn failed(&self, error: reqwest::Error) -> Error {
        let Self { action, hop, .. } = *self;
        let url = SafeUrl::of(self.url);
        let error = error.without_url();
        if is_too_near(&error) {
            return Error::UnusableUrl { action, url, problem: TOO_NEAR };
        }
        // Names in a certificate come from the server, and other libraries may quote server text too.
        let source = ForeignError::of(&error, self.secrets);
        let blamed = self.proxy.and_then(|proxy| Some((proxy.name().clone(), self.blame(proxy, &error)?)));
        if is_untrusted_certificate(&error) {
            let proxy = blamed.filter(|(_, problem)| *problem == UNREACHABLE).map(|(proxy, _)| proxy);
            return Error::UntrustedCertificate { action, url, proxy, source };
        }
        match blamed {
            None => match (obstacle(&error), Origin::of(self.url)) {
                (Some(obstacle), Some(host)) => Error::Unreachable { host, hop, obstacle },
                _ => Error::Transport { action, url, hop, source },
            },
            Some((proxy, _)) if wants_login(&error) => Error::ProxyLogin { action, url, proxy: Some(proxy) },
            Some((proxy, problem)) => Error::Proxy { action, url, proxy, problem, source },
        }
    }

    /// What the proxy did, if it is to blame. The HTTP library tells this only in its message.
    fn blame(&self, proxy: &ProxyUrl, error: &reqwest::Error) -> Option<&'static str> {
        let forwards = self.url.scheme() == "http" && proxy.forwards_http();
        if says(error, "failed to create underlying connection") || (forwards && error.is_connect()) {
            Some(UNREACHABLE)
        } else if says(error, "tunnel error")
            || says(error, "SOCKS error")
            || (error.is_connect() && error.is_timeout())
        {
            Some("could not connect to it")
        } else {
            forwards.then_some("gave an unusable response")
        }
    }
}

/// Why no connection could be made, if known.
fn obstacle(error: &reqwest::Error) -> Option<Obstacle> {
    if !error.is_connect() {
        return None;
    }
    // The HTTP library tells this only in its message.
    if says(error, "dns error") {
        return Some(Obstacle::Name);
    }
    if error.is_timeout() {
        return Some(Obstacle::Silence);
    }
    if says(error, "InvalidContentType") {
        return Some(Obstacle::NoTls);
    }
    let kinds = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    kinds.last().and_then(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Obstacle::Refused),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Some(Obstacle::NoRoute),
        io::ErrorKind::TimedOut => Some(Obstacle::Silence),
        _ => None,
    })
}

/// Whether all the name's addresses are nearer than allowed.
fn is_too_near(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| cause.downcast_ref::<NameTooNear>().is_some())
}

const UNREACHABLE: &str = "cannot be reached";

/// Whether the proxy refused to open a connection without a login, or with this one.
fn wants_login(error: &reqwest::Error) -> bool {
    let words = [
        "proxy authorization required",
        "credentials not accepted",
        "does not support user/pass authentication",
    ];
    words.into_iter().any(|words| says(error, words))
}

fn says(error: &reqwest::Error, words: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(words))
}

/// Whether a connection failed because a certificate is not trusted, or not valid for its name.
fn is_untrusted_certificate(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// An error and its causes. The `source` of an I/O error skips the error that it wraps, so the wrapped
/// error comes first.
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
