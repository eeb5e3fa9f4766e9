//! Which proxies to go through.

use std::fmt;

/// Proxies by the scheme of the requested URL, with the meaning of the usual environment variables.
///
/// The default is none. Its `Debug` output hides the URLs: they may hold a password.
///
/// ```
/// use net_policy::ProxySettings;
///
/// let proxy = ProxySettings { https: Some("http://user:secret@proxy:3128".to_owned()), ..Default::default() };
/// assert!(!format!("{proxy:?}").contains("secret"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// The proxy for `http` URLs (`HTTP_PROXY`).
    pub http: Option<String>,
    /// The proxy for `https` URLs (`HTTPS_PROXY`).
    pub https: Option<String>,
    /// The proxy for URLs that have none of their own (`ALL_PROXY`).
    pub all: Option<String>,
    /// Hosts that are reached directly, separated by commas (`NO_PROXY`); `*` is all of them.
    pub no_proxy: Option<String>,
}

impl ProxySettings {
    /// Whether every host is reached directly, whatever proxies are named.
    pub fn excludes_all(&self) -> bool {
        self.no_proxy.iter().flat_map(|hosts| hosts.split(',')).any(|host| host.trim() == "*")
    }
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |url: &Option<String>| url.as_ref().map(|_| "…");
        f.debug_struct("ProxySettings")
            .field("http", &hidden(&self.http))
            .field("https", &hidden(&self.https))
            .field("all", &hidden(&self.all))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_excludes_all() {
        for (no_proxy, expected) in [
            (None, false),
            (Some(""), false),
            (Some("a, *.b"), false),
            (Some("*"), true),
            (Some("a, *"), true),
        ] {
            let proxy = ProxySettings { no_proxy: no_proxy.map(str::to_owned), ..Default::default() };
            assert_eq!(proxy.excludes_all(), expected, "{no_proxy:?}");
        }
    }

    #[test]
    fn debug_tells_which_are_set_and_no_more() {
        let secret = || Some("http://user:s3cret@proxy:3128".to_owned());
        let proxy = ProxySettings {
            http: secret(),
            https: secret(),
            all: secret(),
            no_proxy: Some("localhost".to_owned()),
        };
        assert_eq!(
            format!("{proxy:?}"),
            r#"ProxySettings { http: Some("…"), https: Some("…"), all: Some("…"), no_proxy: Some("localhost") }"#
        );
        assert_eq!(
            format!("{:?}", ProxySettings::default()),
            "ProxySettings { http: None, https: None, all: None, no_proxy: None }"
        );
    }
}
