//! Which hosts are reached without a proxy. No clock, no I/O.

use core::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};
use url_parse::Excerpt;

use crate::error::Error;

/// Hosts that are reached directly, as in `NO_PROXY`: a list separated by commas or white space, of
///
/// - `*`: all hosts;
/// - an IP address or a network of them: `127.0.0.1`, `::1`, `10.0.0.0/8`;
/// - a domain, with everything below it: `example.com`, also written `.example.com` and
///   `*.example.com`;
/// - an address or a domain with a port, for that port alone: `example.com:8443`, `[::1]:8080`.
///
/// Addresses are compared as written in a URL; no name is resolved. An entry of any other form matches
/// no host and is listed by [`not_understood`](Self::not_understood).
///
/// ```
/// use net::NoProxy;
///
/// let direct: NoProxy = "localhost, 10.0.0.0/8, .corp.example:8443".parse()?;
/// assert!(direct.covers(&"http://10.1.2.3/".parse()?));
/// assert!(direct.covers(&"https://hub.corp.example:8443/".parse()?));
/// assert!(!direct.covers(&"https://hub.corp.example/".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy {
    entries: Vec<Entry>,
    not_understood: Vec<Excerpt>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpNet),
    /// A domain and its subdomains, in lower case, without a dot at either end.
    Domain(String),
}

impl NoProxy {
    /// Whether the server of this URL is reached directly.
    pub fn covers(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let port = url.port_or_known_default();
        self.entries
            .iter()
            .any(|entry| (entry.port.is_none() || entry.port == port) && entry.hosts.covers(&host))
    }

    /// The entries that could not be understood.
    pub fn not_understood(&self) -> &[Excerpt] {
        &self.not_understood
    }
}

impl Hosts {
    fn covers(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Network(network), Host::Ipv4(address)) => network.contains(&IpAddr::V4(*address)),
            (Self::Network(network), Host::Ipv6(address)) => network.contains(&IpAddr::V6(*address)),
            (Self::Domain(domain), Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            _ => false,
        }
    }
}

impl FromStr for NoProxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.contains(['"', '\'']) {
            return Err(Error::UnusableNoProxy { value: Excerpt::of(text) });
        }
        let mut list = Self::default();
        for part in text.split([',', ' ', '\t', '\r', '\n']).filter(|part| !part.is_empty()) {
            match entry(part) {
                Some(entry) => list.entries.push(entry),
                None => list.not_understood.push(Excerpt::of(part)),
            }
        }
        Ok(list)
    }
}

fn entry(text: &str) -> Option<Entry> {
    let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if let Some(network) = network {
        return Some(Entry { hosts: Hosts::Network(network), port: None });
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (text, None),
    };
    Some(Entry { hosts: hosts(host)?, port })
}

fn hosts(text: &str) -> Option<Hosts> {
    if text == "*" {
        return Some(Hosts::All);
    }
    let text = text.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(text);
    match Host::parse(text.strip_prefix('.').unwrap_or(text)).ok()? {
        Host::Ipv4(address) => Some(Hosts::Network(IpAddr::V4(address).into())),
        Host::Ipv6(address) => Some(Hosts::Network(IpAddr::V6(address).into())),
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            (is_name && !name.is_empty()).then(|| Hosts::Domain(name.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, direct: &[&str], proxied: &[&str]) {
        let list: NoProxy = list.parse().unwrap();
        assert_eq!(list.not_understood(), []);
        let covers = |host: &&str| list.covers(&format!("http://{host}/").parse().unwrap());
        assert!(direct.iter().all(covers), "{list:?}: {direct:?}");
        assert!(!proxied.iter().any(covers), "{list:?}: {proxied:?}");
    }

    #[test]
    fn hosts_that_are_reached_directly() {
        check("", &[], &["a", "127.0.0.1"]);
        check("*", &["a", "10.0.0.1", "[::1]:8080"], &[]);
        check("a, *", &["b", "10.0.0.1"], &[]);
        for list in ["example.com", ".example.com", "*.example.com", "EXAMPLE.com."] {
            check(
                list,
                &["example.com", "Hub.Example.Com", "a.b.example.com:8080", "example.com."],
                &["notexample.com", "example.com.evil", "com", "10.0.0.1"],
            );
        }
        check("a b\tc,,d", &["a", "b", "c", "d", "x.d"], &["ab"]);
        check("bücher.example", &["xn--bcher-kva.example", "bücher.example"], &["bucher.example"]);
        check("10.0.0.1", &["10.0.0.1", "10.0.0.1:8080"], &["10.0.0.2", "a.10.0.0.1.b"]);
        check("10.0.0.0/8", &["10.255.1.2"], &["11.0.0.1", "a"]);
        check("127.0.0.0/8 ::1", &["127.1.2.3", "[::1]", "[::1]:80"], &["[::2]", "localhost"]);
        check("fd00::/8", &["[fd12::1]"], &["[fe80::1]"]);
        check("[::1]", &["[::1]", "[::1]:8080"], &["[::2]"]);
    }

    #[test]
    fn an_entry_with_a_port_is_for_that_port() {
        check("example.com:8443", &["example.com:8443", "a.example.com:8443"], &["example.com"]);
        check("example.com:80", &["example.com", "example.com:80"], &["example.com:8080"]);
        check("127.0.0.1:8080,[::1]:8080", &["127.0.0.1:8080", "[::1]:8080"], &["127.0.0.1", "[::1]"]);
        check("*:8080", &["a:8080"], &["a"]);
        let https: Url = "https://example.com/".parse().unwrap();
        assert!("example.com:443".parse::<NoProxy>().unwrap().covers(&https));
    }

    #[test]
    fn entries_that_name_no_host() {
        for entry in ["192.168.*", "<local>", "http://a", "a/8", "10.0.0.0/33", "a:b", "a:99999", ".", "a;b"]
        {
            let list: NoProxy = format!("x,{entry}").parse().unwrap();
            assert_eq!(list.not_understood(), [Excerpt::of(entry)], "{entry}");
            assert!(list.covers(&"http://x/".parse().unwrap()));
        }
        for quoted in ["\"localhost,a\"", "'a'"] {
            assert!(matches!(quoted.parse::<NoProxy>(), Err(Error::UnusableNoProxy { .. })));
        }
    }
}
