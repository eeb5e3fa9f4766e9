//! Sets up the HTTP library.

use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Certificate, ClientBuilder, Proxy, redirect};
use url_parse::Excerpt;

use crate::error::Error;
use crate::proxy::ProxyUrl;
use crate::reach::Reach;
use crate::resolver::LimitedResolver;
use crate::settings::{CaCertificates, NetSettings};

/// The HTTP library, keeping up to this many idle connections per host.
pub(crate) fn library(
    settings: &NetSettings,
    idle_connections: usize,
    limit: Reach,
) -> Result<reqwest::Client, Error> {
    let wants_ipv4 = settings.proxy.iter().any(ProxyUrl::wants_ipv4);
    let mut builder = reqwest::Client::builder()
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(&settings.user_agent)
        .connect_timeout(settings.connect_timeout)
        .pool_max_idle_per_host(idle_connections)
        .dns_resolver(Arc::new(LimitedResolver { limit, wants_ipv4 }))
        .no_proxy();
    settings.proxy.iter().try_for_each(refuse_unusable)?;
    if settings.proxy.iter().next().is_some() {
        // Other code that needs to know a request's proxy asks the same settings.
        let proxy = settings.proxy.clone();
        builder =
            builder.proxy(Proxy::custom(move |url| proxy.for_url(url).map(|proxy| proxy.for_library(url))));
    }
    trusting(builder, &settings.ca_certificates)?
        .build()
        .map_err(|error| Error::ClientSetup { source: error.without_url().into() })
}

/// The library silently bypasses a proxy that fails this very check.
fn refuse_unusable(proxy: &ProxyUrl) -> Result<(), Error> {
    let is_used = |url: &str| {
        let (url, uri) = (url.parse().ok()?, url.parse().ok()?);
        Matcher::builder().all(proxy.for_library(&url).as_str()).build().intercept(&uri)
    };
    if ["http://host/", "https://[::1]/"].into_iter().all(|url| is_used(url).is_some()) {
        return Ok(());
    }
    Err(Error::UnusableProxy {
        value: Excerpt::of(&proxy.to_string()),
        problem: "the HTTP library does not accept it",
    })
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
