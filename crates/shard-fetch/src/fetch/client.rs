//! The HTTP client under everything.

use std::error::Error as StdError;
use std::io;

use net_policy::{CaCertificates, ProxySettings};
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy, redirect};

use super::FetcherBuilder;
use crate::Error;

/// HTTP/1.1 only: a model's files come over connections of their own, not as streams that share one.
/// Redirects are followed by hand, since headers must not go along.
pub(super) fn build(settings: &FetcherBuilder) -> Result<Client, Error> {
    let client = Client::builder()
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .no_proxy();
    let client = proxies(&settings.proxy)?.into_iter().fold(client, ClientBuilder::proxy);
    trusting(client, &settings.ca_certificates)?
        .build()
        .map_err(|error| Error::ClientSetup { source: error.without_url().into() })
}

/// Those for one scheme first: the first that fits a URL is used.
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

fn trusting(builder: ClientBuilder, trusted: &CaCertificates) -> Result<ClientBuilder, Error> {
    let mut given = Vec::new();
    for pem in trusted.pem() {
        let certificates = Certificate::from_pem_bundle(pem);
        given.extend(certificates.map_err(|error| Error::UnusableCertificates { source: error.into() })?);
    }
    match (given.is_empty(), trusted.includes_system()) {
        (true, true) => Ok(builder),
        (true, false) => Err(Error::UnusableCertificates { source: "there is none".into() }),
        (false, true) => Ok(builder.tls_certs_merge(given)),
        (false, false) => Ok(builder.tls_certs_only(given)),
    }
}

/// Whether a connection failed because nobody who is believed vouches for the server, or not under that name.
pub(super) fn is_untrusted_certificate(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// An error and what is below it. The `source` of an I/O error is what is below the error that it wraps, so that this
/// one is taken first.
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
    use crate::{CaCertificates, Error, Fetcher, ProxySettings};

    #[test]
    fn settings_that_cannot_be_used_are_refused_without_showing_them() {
        let proxy = ProxySettings { https: Some("http://user:s3cret@[".to_owned()), ..Default::default() };
        assert!(!format!("{proxy:?}").contains("s3cret"));
        let error = Fetcher::builder().proxy(proxy).build().unwrap_err();
        assert_eq!(error.to_string(), "the proxy for https is not a usable URL");

        let error = Fetcher::builder().user_agent("line\nfeed").build().unwrap_err();
        assert_eq!(error.to_string(), "cannot set up the HTTP client");

        let error = Fetcher::builder().ca_certificates(CaCertificates::only("no PEM")).build().unwrap_err();
        assert!(matches!(error, Error::UnusableCertificates { .. }), "{error:?}");
    }
}
