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
    /// Hosts that are reached directly, separated by commas (`NO_PROXY`).
    pub no_proxy: Option<String>,
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
