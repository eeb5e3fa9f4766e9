//! The server that a request goes to.

use std::fmt;

use url::{Host, Url};

/// The scheme, host and port of a URL: the unit to which credentials and rate limits apply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Box<str>,
    host: Host<String>,
    port: u16,
    port_is_default: bool,
}

impl Origin {
    /// The origin of `url`; `None` if it has no host, or no port and a scheme without a known default.
    pub fn of(url: &Url) -> Option<Self> {
        Some(Self {
            scheme: url.scheme().into(),
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
            // The parser drops a port that is the scheme's default.
            port_is_default: url.port().is_none(),
        })
    }

    pub(crate) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name == "localhost" || name.ends_with(".localhost")
            }
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => {
                address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port_is_default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Option<Origin> {
        Origin::of(&Url::parse(url).unwrap())
    }

    #[test]
    fn display_leaves_out_the_default_port() {
        for (url, shown) in [
            ("https://HuggingFace.co:443/a?b", "https://huggingface.co"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[::1]:80/", "http://[::1]"),
            ("https://user:secret@host:8443/", "https://host:8443"),
        ] {
            assert_eq!(origin(url).unwrap().to_string(), shown);
        }
        assert_eq!(origin("data:text/plain,x"), None);
        assert_eq!(origin("weird://host/"), None);
    }

    #[test]
    fn scheme_host_and_port_tell_origins_apart() {
        let hub = origin("https://huggingface.co/a");
        assert_eq!(hub, origin("https://huggingface.co:443/b#c"));
        for other in [
            "http://huggingface.co",
            "https://huggingface.co:444",
            "https://www.huggingface.co",
            "http://huggingface.co:443",
        ] {
            assert_ne!(hub, origin(other), "{other}");
        }
    }

    #[test]
    fn loopback_addresses_are_recognized() {
        for url in [
            "http://127.0.0.1",
            "http://127.9.9.9:1",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]",
            "http://localhost",
            "http://LOCALHOST.",
            "http://hub.localhost:3",
        ] {
            assert!(origin(url).unwrap().is_loopback(), "{url}");
        }
        for url in [
            "https://huggingface.co",
            "http://128.0.0.1",
            "http://[::2]",
            "http://notlocalhost",
            "http://localhost.evil.example",
        ] {
            assert!(!origin(url).unwrap().is_loopback(), "{url}");
        }
    }
}
