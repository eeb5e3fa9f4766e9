//! Setting up the HTTP library: proxies, certificates, time-outs.

use std::error::Error as StdError;
use std::io;

use net_policy::{CaCertificates, ProxySettings};
use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy, redirect};

use crate::{Error, HubConfig};

/// Redirects are followed by hand, since the token must not go along.
pub(crate) fn client(config: &HubConfig) -> Result<Client, Error> {
    let mut builder = Client::builder()
        .user_agent(config.user_agent.clone())
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.idle_timeout)
        .no_proxy();
    for proxy in proxies(&config.proxy)? {
        builder = builder.proxy(proxy);
    }
    trusting(builder, &config.ca_certificates)?
        .build()
        .map_err(|error| Error::ClientSetup { source: Box::new(error.without_url()) })
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
    kinds
        .into_iter()
        .filter_map(|(scheme, value, make)| value.as_deref().map(|value| (scheme, value, make)))
        .map(|(scheme, value, make)| match make(value) {
            Ok(proxy) => Ok(proxy.no_proxy(exceptions.clone())),
            Err(_) => Err(Error::UnusableProxy { scheme }),
        })
        .collect()
}

fn trusting(builder: ClientBuilder, trusted: &CaCertificates) -> Result<ClientBuilder, Error> {
    let mut given = Vec::new();
    for pem in trusted.pem() {
        let certificates = Certificate::from_pem_bundle(pem);
        given.extend(certificates.map_err(|error| Error::UnusableCertificates { source: Box::new(error) })?);
    }
    match (given.is_empty(), trusted.includes_system()) {
        (true, true) => Ok(builder),
        (true, false) => Err(Error::UnusableCertificates { source: "there is none".into() }),
        (false, true) => Ok(builder.tls_certs_merge(given)),
        (false, false) => Ok(builder.tls_certs_only(given)),
    }
}

/// Whether a connection failed because nobody who is believed vouches for the server, or not under that name.
pub(crate) fn is_untrusted_certificate(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// Whether a proxy would not open a tunnel without another login. The HTTP library says so in words only.
pub(crate) fn is_proxy_login(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| cause.to_string().contains("proxy authorization required"))
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
    use url_parse::Endpoint;

    use super::*;

    fn refused(change: impl FnOnce(&mut HubConfig)) -> Error {
        let mut config = HubConfig::new(Endpoint::default());
        change(&mut config);
        client(&config).unwrap_err()
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_without_showing_them() {
        let error = refused(|config| config.proxy.https = Some("http://user:s3cret@[".to_owned()));
        assert_eq!(error.to_string(), "the proxy for https is not a usable URL");
        let error = refused(|config| config.user_agent = "line\nfeed".to_owned());
        assert!(matches!(error, Error::ClientSetup { .. }), "{error:?}");
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            let error = refused(|config| config.ca_certificates = CaCertificates::only(pem));
            assert!(matches!(error, Error::UnusableCertificates { .. }), "{pem}: {error:?}");
        }
    }

    #[test]
    fn only_a_certificate_that_is_not_believed_counts() {
        let invalid = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = |error: rustls::Error| io::Error::other(io::Error::other(error));
        assert!(is_untrusted_certificate(&invalid));
        assert!(is_untrusted_certificate(&wrapped(invalid.clone())));
        assert!(!is_untrusted_certificate(&wrapped(rustls::Error::DecryptError)));
        assert!(!is_untrusted_certificate(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }
}
