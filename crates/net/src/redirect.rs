//! Where a redirect leads, and whether it is followed. No clock, no I/O.

use url::Url;
use url_parse::{Secrets, fit_for_message};

use crate::error::Error;
use crate::shown::SafeUrl;

/// The most redirects that one request follows. A renamed repository and a hub's own cache take two.
pub(crate) const MAX_REDIRECTS: usize = 5;

/// Which redirects a request follows. None may lead from https to http.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Redirects {
    /// None: the redirect itself is the answer.
    Nowhere,
    /// Those within the same origin. A redirect to another origin is the answer; that origin is not
    /// contacted.
    WithinOrigin,
    /// Those that lead no nearer to this machine than any server of the chain so far.
    NoNearer,
    /// All of them.
    Anywhere,
}

/// Whether a response with this status is a redirect.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Why no request may be sent to this URL, if so.
pub fn problem_of(url: &Url) -> Option<&'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        Some("the URL is neither http nor https")
    } else if url.username() != "" || url.password().is_some() {
        Some("the URL contains a user name or a password")
    } else {
        None
    }
}

/// The URL that `location`, in a response from `from`, leads to.
pub(crate) fn target(from: &Url, location: Option<&[u8]>, secrets: &Secrets) -> Result<Url, Error> {
    let refuse = |target: &str, problem| {
        let target = fit_for_message(target, secrets).unwrap_or("nowhere".into());
        Err(Error::BadRedirect { url: SafeUrl::of(from), target, problem })
    };
    let Some(location) = location else { return refuse("", "it names no location") };
    // Header values are bytes, but a URL is ASCII.
    let Ok(location) = str::from_utf8(location) else { return refuse("", "the location is not plain text") };
    if !location.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return refuse(bare(location), "the location is not plain text");
    }
    if is_two_in_one(location) {
        return refuse(bare(location), "the location is two URLs in one");
    }
    let Ok(target) = from.join(location) else { return refuse(bare(location), "the location is not a URL") };
    let shown = SafeUrl::of(&target).to_string();
    if !matches!(target.scheme(), "http" | "https") {
        return refuse(&shown, "only http and https are followed");
    }
    if problem_of(&target).is_some() {
        return refuse(&shown, "the location contains a user name or a password");
    }
    if from.scheme() == "https" && target.scheme() == "http" {
        return refuse(&shown, "it leads from https to plain http");
    }
    Ok(target)
}

/// A mirror prepended its own address to a complete URL: the host then seems to end in `https:`.
fn is_two_in_one(location: &str) -> bool {
    let authority = location.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|host| host.ends_with("http:") || host.ends_with("https:"))
}

/// A location that cannot be parsed, without its query and anything that may be a password.
fn bare(location: &str) -> &str {
    let before_query = location.split(['?', '#']).next().unwrap_or_default();
    before_query.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(from: &str, location: Option<&str>) -> Result<String, String> {
        let target = target(&from.parse().unwrap(), location.map(str::as_bytes), &Secrets::default());
        target.map(|url| url.to_string()).map_err(|error| {
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
            error.to_string()
        })
    }

    #[test]
    fn locations_are_relative_or_absolute() {
        let from = "https://hub/a/b?query";
        for (location, expected) in [
            ("/c?x=%20", "https://hub/c?x=%20"),
            ("c", "https://hub/a/c"),
            ("//data/c", "https://data/c"),
            ("https://data:8080/c?Signature=%2f+", "https://data:8080/c?Signature=%2f+"),
            ("https://mirror/https://data/c", "https://mirror/https://data/c"),
        ] {
            assert_eq!(follow(from, Some(location)).as_deref(), Ok(expected));
        }
        assert_eq!(follow("http://a/", Some("https://b/")).as_deref(), Ok("https://b/"));
        assert_eq!(follow("http://a/", Some("http://b/")).as_deref(), Ok("http://b/"));
    }

    #[test]
    fn bad_locations_are_refused_without_their_secrets() {
        for (location, expected) in [
            (None, "nowhere, which is refused: it names no location"),
            (Some("https://user:s3cret@[bad?s3cret"), "[bad, which is refused: the location is not a URL"),
            (
                Some("ftp://user:s3cret@host/x?s3cret"),
                "ftp://host/x?…, which is refused: only http and https are followed",
            ),
            (
                Some("https://mirrorhttps://data/x?s3cret"),
                "https://mirrorhttps://data/x, which is refused: the location is two URLs in one",
            ),
            (Some("data:s3cret"), "data:…, which is refused: only http and https are followed"),
            (
                Some("file:///etc/passwd"),
                "file:///etc/passwd, which is refused: only http and https are followed",
            ),
            (
                Some("https://s3cret@host/x"),
                "https://host/x, which is refused: the location contains a user name or a password",
            ),
            (
                Some("https://:s3cret@host/x"),
                "https://host/x, which is refused: the location contains a user name or a password",
            ),
            (Some("http://hub/b"), "http://hub/b, which is refused: it leads from https to plain http"),
            (Some("http://data/b"), "http://data/b, which is refused: it leads from https to plain http"),
            (Some("/caf\u{e9}"), "/café, which is refused: the location is not plain text"),
            (Some("/a\u{1b}[31m"), "/a [31m, which is refused: the location is not plain text"),
        ] {
            let error = follow("https://hub/a?s3cret", location).unwrap_err();
            assert_eq!(error, format!("https://hub/a?… redirects to {expected}"));
        }
    }

    #[test]
    fn only_http_urls_without_a_login_are_requested() {
        let problem = |url: &str| problem_of(&url.parse().unwrap());
        assert_eq!(problem("https://host/x?y"), None);
        assert_eq!(problem("ftp://host/"), Some("the URL is neither http nor https"));
        assert_eq!(problem("https://user@host/"), Some("the URL contains a user name or a password"));
        assert_eq!(problem("https://:pw@host/"), Some("the URL contains a user name or a password"));
    }
}
