//! Which proxy a request uses. No clock, no I/O.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};
use url_parse::Excerpt;

use crate::error::Error;
use crate::no_proxy::NoProxy;
use crate::shown::ProxyName;

/// The kinds of proxies and their usual ports.
const SCHEMES: [(&str, u16); 6] =
    [("http", 80), ("https", 443), ("socks4", 1080), ("socks4a", 1080), ("socks5", 1080), ("socks5h", 1080)];

/// Proxies by URL scheme, with the meaning of the usual environment variables.
///
/// The default is none. No `Debug` output shows a login.
///
/// ```
/// use net::ProxySettings;
///
/// let proxy = ProxySettings::default().https("http://user:secret@proxy:3128".parse()?);
/// assert!(!format!("{proxy:?}").contains("secret"));
/// assert!(proxy.for_url(&"https://hub.example/".parse()?).is_some());
/// assert!(proxy.for_url(&"http://hub.example/".parse()?).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxySettings {
    /// The proxy for `http` URLs (`HTTP_PROXY`).
    pub http: Option<ProxyUrl>,
    /// The proxy for `https` URLs (`HTTPS_PROXY`).
    pub https: Option<ProxyUrl>,
    /// The proxy for URLs without one of their own (`ALL_PROXY`).
    pub all: Option<ProxyUrl>,
    /// Hosts that are reached directly (`NO_PROXY`).
    pub no_proxy: NoProxy,
}

impl ProxySettings {
    /// The same with this proxy for `http` URLs.
    #[must_use]
    pub fn http(self, proxy: ProxyUrl) -> Self {
        Self { http: Some(proxy), ..self }
    }

    /// The same with this proxy for `https` URLs.
    #[must_use]
    pub fn https(self, proxy: ProxyUrl) -> Self {
        Self { https: Some(proxy), ..self }
    }

    /// The same with this proxy for URLs that have none of their own.
    #[must_use]
    pub fn all(self, proxy: ProxyUrl) -> Self {
        Self { all: Some(proxy), ..self }
    }

    /// The same with these hosts, and no others, that are reached directly.
    #[must_use]
    pub fn no_proxy(self, hosts: NoProxy) -> Self {
        Self { no_proxy: hosts, ..self }
    }

    /// The proxy for this URL; `None` if its server is asked directly.
    pub fn for_url(&self, url: &Url) -> Option<&ProxyUrl> {
        let own = match url.scheme() {
            "http" => &self.http,
            "https" => &self.https,
            _ => return None,
        };
        own.as_ref().or(self.all.as_ref()).filter(|_| !self.no_proxy.covers(url))
    }

    /// All proxies that are set.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ProxyUrl> {
        [&self.http, &self.https, &self.all].into_iter().flatten()
    }
}

/// The address of a proxy: `http://host:port`, or `https`, `socks4`, `socks4a`, `socks5` or `socks5h`
/// instead of `http`, optionally with `user:password@` before the host.
///
/// The scheme defaults to `http`, and `socks` means `socks5h`; the default ports are 80, 443, and 1080
/// for SOCKS. With `socks4a` and `socks5h` the proxy resolves names. SOCKS 4 has no login. `Display`
/// and `Debug` omit the login.
///
/// ```
/// use net::ProxyUrl;
///
/// let proxy: ProxyUrl = "socks://user:secret@127.0.0.1".parse()?;
/// assert_eq!(proxy.to_string(), "socks5h://127.0.0.1:1080");
/// assert!("htp://proxy:3128".parse::<ProxyUrl>().is_err());
/// # Ok::<(), net::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    /// Including the login, in the form that the HTTP library takes.
    whole: Url,
    name: ProxyName,
}

impl ProxyUrl {
    /// The same proxy; messages will say that this environment variable set it.
    #[must_use]
    pub fn set_by(mut self, variable: &'static str) -> Self {
        self.name = self.name.set_by(variable);
        self
    }

    /// Its name in messages.
    pub fn name(&self) -> &ProxyName {
        &self.name
    }

    /// Including the login, in the form that the HTTP library takes for a request to this URL.
    pub(crate) fn for_library(&self, url: &Url) -> Url {
        let mut whole = self.whole.clone();
        // The library fails to resolve an IPv6 address, although there is nothing to resolve.
        if matches!(url.host(), Some(Host::Ipv6(_))) && whole.scheme() == "socks5" {
            let _is_set = whole.set_scheme("socks5h");
        }
        whole
    }

    /// Whether the proxy receives the request for an `http` URL itself instead of a request for a
    /// tunnel.
    pub(crate) fn forwards_http(&self) -> bool {
        self.whole.scheme().starts_with("http")
    }

    /// Whether names are resolved here and the proxy accepts no IPv6 address.
    pub(crate) fn wants_ipv4(&self) -> bool {
        self.whole.scheme() == "socks4"
    }
}

impl FromStr for ProxyUrl {
    type Err = Error;

    /// White space around the address is ignored.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text.trim()).map_err(|problem| Error::UnusableProxy { value: without_login(text), problem })
    }
}

fn parse(text: &str) -> Result<ProxyUrl, &'static str> {
    if text.contains(['"', '\'']) {
        return Err("it contains quotes");
    }
    // A URL parser silently drops some of these.
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("it contains a character that is not allowed in an address");
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let scheme = scheme.to_ascii_lowercase();
    let scheme = if scheme == "socks" { "socks5h" } else { &scheme };
    let (_, usual_port) =
        SCHEMES.into_iter().find(|(known, _)| *known == scheme).ok_or("it has an unknown scheme")?;
    // For an unknown scheme the parser keeps the port even if it is the default one.
    let parsed = Url::parse(&format!("proxy://{rest}")).map_err(|_| "its host and port cannot be used")?;
    let host = parsed.host_str().and_then(|host| Host::parse(host).ok()).ok_or("its host cannot be used")?;
    if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("there is something after the host and the port");
    }
    let login = match (parsed.username(), parsed.password()) {
        ("", None) => String::new(),
        _ if scheme.starts_with("socks4") => return Err("a SOCKS 4 proxy does not support a login"),
        (user, None) => format!("{user}@"),
        (user, Some(password)) => format!("{user}:{password}@"),
    };
    let place = format!("{host}:{}", parsed.port().unwrap_or(usual_port));
    let whole = Url::parse(&format!("{scheme}://{login}{place}")).map_err(|_| "it is not a URL")?;
    Ok(ProxyUrl { whole, name: ProxyName::of(format!("{scheme}://{place}")) })
}

/// Hides everything that may be a login in a malformed proxy address.
fn without_login(text: &str) -> Excerpt {
    match text.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            let mark = if scheme.is_empty() { "" } else { "://" };
            Excerpt::of_url(&format!("{scheme}{mark}…@{host}"))
        }
        None => Excerpt::of_url(text),
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.address())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let shown = text.parse::<ProxyUrl>().map(|proxy| proxy.to_string());
        let shown = shown.map_err(|error| error.to_string());
        match (&shown, expected) {
            (Ok(shown), Ok(expected)) => assert_eq!(shown, expected, "{text}"),
            (Err(message), Err(words)) => {
                assert!(message.contains(words) && !message.contains("s3cret"), "{text}: {message}");
            }
            _ => panic!("{text}: {shown:?}"),
        }
    }

    #[test]
    fn proxy_addresses_get_their_default_scheme_and_port() {
        check("http://proxy.example:3128", Ok("http://proxy.example:3128"));
        check("proxy.example:3128", Ok("http://proxy.example:3128"));
        check("proxy.example", Ok("http://proxy.example:80"));
        check("127.0.0.1", Ok("http://127.0.0.1:80"));
        check("HTTPS://Proxy.Example/", Ok("https://proxy.example:443"));
        check("socks://127.0.0.1:1080/", Ok("socks5h://127.0.0.1:1080"));
        check("socks4://10.0.0.1", Ok("socks4://10.0.0.1:1080"));
        check("socks4a://proxy:80", Ok("socks4a://proxy:80"));
        check("socks5://proxy", Ok("socks5://proxy:1080"));
        check("SOCKS5H://[::1]:9050", Ok("socks5h://[::1]:9050"));
        check("http://user:s3cret@proxy:1", Ok("http://proxy:1"));
        check("user:p@s3cret@proxy:1", Ok("http://proxy:1"));
        check("socks5://s3cret@proxy", Ok("socks5://proxy:1080"));
        check(" http://proxy:1\r\n", Ok("http://proxy:1"));
    }

    #[test]
    fn a_malformed_proxy_address_is_refused() {
        check("", Err("`` is not the address of a proxy: its host cannot be used"));
        check(
            "htp://proxy:3128",
            Err("`htp://proxy:3128` is not the address of a proxy: it has an unknown scheme"),
        );
        check("ftp://user:s3cret@proxy", Err("`ftp://…@proxy` is not"));
        check("\"http://proxy:3128\"", Err("it contains quotes"));
        check("'proxy:3128'", Err("it contains quotes"));
        check("http://a b", Err("a character"));
        check("http:\\\\proxy", Err("a character"));
        check("no proxy", Err("a character"));
        check("http:proxy:3128", Err("its host and port"));
        check("http://proxy:99999", Err("its host and port"));
        check("http://[::1", Err("its host "));
        check("http://", Err("its host "));
        check("http://:::", Err("its host "));
        check("http://10.0.0.256", Err("its host "));
        check("http://proxy/proxy.pac", Err("something after the host"));
        check("http:/proxy", Err("something after the host"));
        check("http://u:12/s3cret@proxy", Err("`http://…@proxy` is not"));
        check("u:s3#s3cret@proxy", Err("`…@proxy` is not"));
        check("http://proxy?s3cret", Err("`http://proxy?…` is not"));
        check("socks4://s3cret@proxy", Err("a SOCKS 4 proxy does not support a login"));
    }

    #[test]
    fn only_the_library_gets_the_login() {
        let proxy: ProxyUrl = "http://user:p%40ss@proxy:3128".parse().unwrap();
        let whole = proxy.for_library(&"http://hub/".parse().unwrap());
        assert_eq!(whole.as_str(), "http://user:p%40ss@proxy:3128/");
        let named = proxy.set_by("HTTPS_PROXY");
        assert_eq!(named.name().to_string(), "the proxy http://proxy:3128 (set by HTTPS_PROXY)");
        assert!(!format!("{named:?} {named}").contains("user"));
    }

    #[test]
    fn the_proxy_for_the_scheme_comes_first() {
        let proxy = |port: u16| Some(format!("proxy:{port}").parse().unwrap());
        let settings =
            ProxySettings { http: proxy(1), https: None, all: proxy(3), no_proxy: NoProxy::default() };
        let chosen = |url: &str| settings.for_url(&url.parse().unwrap()).map(ToString::to_string);
        assert_eq!(chosen("http://a/").as_deref(), Some("http://proxy:1"));
        assert_eq!(chosen("https://a/").as_deref(), Some("http://proxy:3"));
        assert_eq!(chosen("ftp://a/"), None);
        let direct = ProxySettings { no_proxy: "*".parse().unwrap(), ..settings.clone() };
        assert_eq!(direct.for_url(&"http://a/".parse().unwrap()), None);
    }
}
