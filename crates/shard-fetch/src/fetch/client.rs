//! The HTTP client under everything.

use net_policy::ProxySettings;
use reqwest::{Client, NoProxy, Proxy, redirect};

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
