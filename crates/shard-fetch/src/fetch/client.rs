//! The HTTP client under everything.

use std::fmt;

use reqwest::{Client, NoProxy, Proxy, redirect};

use super::FetcherBuilder;
use crate::Error;

/// Proxies by the scheme of the requested URL, with the meaning of the usual environment variables.
///
/// `Debug` does not show the URLs: they may hold a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// The proxy for `http` URLs (`HTTP_PROXY`).
    pub http: Option<String>,
    /// The proxy for `https` URLs (`HTTPS_PROXY`).
    pub https: Option<String>,
    /// The proxy for URLs that have none of their own (`ALL_PROXY`).
    pub all: Option<String>,
    /// Hosts that are reached directly, separated by commas (`NO_PROXY`).
    pub no_proxy: Option<String>,
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySettings")
            .field("http", &self.http.is_some())
            .field("https", &self.https.is_some())
            .field("all", &self.all.is_some())
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

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
    proxies(&settings.proxy)?
        .into_iter()
        .fold(client, reqwest::ClientBuilder::proxy)
        .build()
        .map_err(|error| Error::ClientSetup { source: error.without_url().into() })
}

/// Those for one scheme first: the first that fits a URL is used.
fn proxies(settings: &ProxySettings) -> Result<Vec<Proxy>, Error> {
    type Make = fn(&str) -> reqwest::Result<Proxy>;
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

#[cfg(test)]
mod tests {
    use crate::{Fetcher, ProxySettings};

    #[test]
    fn settings_that_cannot_be_used_are_refused_without_showing_them() {
        let proxy = ProxySettings { https: Some("http://user:s3cret@[".to_owned()), ..Default::default() };
        assert!(!format!("{proxy:?}").contains("s3cret"));
        let error = Fetcher::builder().proxy(proxy).build().unwrap_err();
        assert_eq!(error.to_string(), "the proxy for https is not a usable URL");

        let error = Fetcher::builder().user_agent("line\nfeed").build().unwrap_err();
        assert_eq!(error.to_string(), "cannot set up the HTTP client");
    }
}
