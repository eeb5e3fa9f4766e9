//! URLs and proxies in messages and logs. No clock, no I/O.

use std::fmt;

use url::Url;
use url_parse::{Secrets, fit_for_message};

/// Shows a URL without anything that may be secret: no user info, `?…` for a query (which may be a
/// signature), no fragment. For every message, log line and event. A URL from a server may be long; it
/// is cut like any [foreign text](url_parse::ForeignText).
///
/// ```
/// use net::RedactedUrl;
///
/// let url = "https://user:secret@host:8443/a%20b?Signature=secret#secret".parse()?;
/// assert_eq!(RedactedUrl(&url).to_string(), "https://host:8443/a%20b?…");
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct RedactedUrl<'a>(pub &'a Url);

impl fmt::Display for RedactedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = fit_for_message(&without_secrets(self.0), &Secrets::default());
        shown.map_or(Ok(()), |shown| f.write_str(shown.as_str()))
    }
}

fn without_secrets(url: &Url) -> String {
    if url.cannot_be_a_base() {
        // The rest has unknown structure (`data:`, `mailto:`).
        return format!("{}:…", url.scheme());
    }
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = url.query().map_or("", |_| "?…");
    format!("{}://{host}{port}{}{query}", url.scheme(), url.path())
}

/// The same as `Display`, so that `{:?}` shows no secret.
impl fmt::Debug for RedactedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedactedUrl({self})")
    }
}

/// The text of a [`RedactedUrl`], kept in an error.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeUrl(String);

impl SafeUrl {
    /// The text of a URL for messages: no user, password, query or fragment.
    pub fn of(url: &Url) -> Self {
        Self(RedactedUrl(url).to_string())
    }
}

/// What git appends to a repository's address, which means nothing to people.
const GIT_SERVICES: [&str; 2] = ["/info/refs", "/git-upload-pack"];

/// Of a request to git, the repository.
impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.strip_suffix("?…").unwrap_or(&self.0);
        let repository = GIT_SERVICES.iter().find_map(|service| path.strip_suffix(service));
        f.write_str(repository.unwrap_or(&self.0))
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A proxy's name in messages: its address without a login, and the variable that set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyName {
    address: Box<str>,
    set_by: Option<&'static str>,
}

impl ProxyName {
    /// `address` must hold no login.
    pub(crate) fn of(address: String) -> Self {
        Self { address: address.into(), set_by: None }
    }

    pub(crate) fn set_by(self, variable: &'static str) -> Self {
        Self { set_by: Some(variable), ..self }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Display for ProxyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}", self.address)?;
        self.set_by.map_or(Ok(()), |variable| write!(f, " (set by {variable})"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(url: &str, shown: &str) {
        let url = Url::parse(url).unwrap();
        assert_eq!(RedactedUrl(&url).to_string(), shown);
        assert_eq!(format!("{:?}", RedactedUrl(&url)), format!("RedactedUrl({shown})"));
    }

    #[test]
    fn urls_are_shown_without_login_query_and_fragment() {
        check("https://huggingface.co/user/repo", "https://huggingface.co/user/repo");
        check("https://huggingface.co", "https://huggingface.co/");
        check("https://secret@host/x", "https://host/x");
        check("https://user:secret@host:8443/x", "https://host:8443/x");
        check("https://host:443/x", "https://host/x");
        check("https://host/x?", "https://host/x?…");
        check("https://host/x?X-Amz-Signature=secret&b#secret", "https://host/x?…");
        check("https://host/x#secret", "https://host/x");
        check("http://[::1]:80/x", "http://[::1]/x");
        check("https://host/%0a%1b[31m", "https://host/%0a%1b[31m");
        check("data:text/plain,secret", "data:…");
        check("file:///secret-free/path", "file:///secret-free/path");
    }

    #[test]
    fn a_long_url_is_cut() {
        let url = Url::parse(&format!("https://host/{}?query", "x".repeat(64 << 10))).unwrap();
        let shown = format!("https://host/{}…", "x".repeat(300 - "https://host/".len()));
        assert_eq!(RedactedUrl(&url).to_string(), shown);
        assert_eq!(SafeUrl::of(&url).to_string(), shown);
    }

    #[test]
    fn a_request_to_git_is_shown_as_its_repository() {
        for path in ["info/refs?service=git-upload-pack", "git-upload-pack"] {
            let url = Url::parse(&format!("https://host/user/repo/{path}")).unwrap();
            assert_eq!(SafeUrl::of(&url).to_string(), "https://host/user/repo");
            assert!(RedactedUrl(&url).to_string().contains("repo/"));
        }
        let url = Url::parse("https://host/info/refs/x?query").unwrap();
        assert_eq!(SafeUrl::of(&url).to_string(), "https://host/info/refs/x?…");
    }

    proptest! {
        #[test]
        fn no_secret_is_shown(user in "[a-z]{1,3}", path in "[a-z/%+]{0,8}", tail in "[?#][a-z&=#?]{0,4}") {
            let url = Url::parse(&format!("https://{user}S3CRET:S3CRET@host/{path}{tail}S3CRET")).unwrap();
            let shown = format!("{0} {0:?}", RedactedUrl(&url));
            prop_assert!(!shown.contains("S3CRET"), "{}", shown);
        }
    }
}
