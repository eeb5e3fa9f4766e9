//! Where an answer sends us, and whether we go there.

use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap};
use url_parse::Url;

use crate::Error;
use crate::client::header_text;
use crate::shown::SafeUrl;

/// Which redirects are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// Those on the same origin; another origin's location is the answer (the data host).
    WithinOrigin,
    /// All but from https to http; the token stays behind when the origin changes.
    Anywhere,
}

/// The location that a redirect names, made absolute; `None` for an answer that is no redirect.
pub(crate) fn target(url: &Url, status: StatusCode, headers: &HeaderMap) -> Result<Option<Url>, Error> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refuse = |target: String, problem| Error::BadRedirect { url: SafeUrl::of(url), target, problem };
    let location = header_text(headers, header::LOCATION)
        .ok_or_else(|| refuse("nowhere".to_owned(), "it names no location"))?;
    if is_two_in_one(location) {
        return Err(refuse(without_secrets(location), "the location is two URLs in one"));
    }
    let target =
        url.join(location).map_err(|_| refuse(without_secrets(location), "the location is no URL"))?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err(refuse(SafeUrl::of(&target).to_string(), "only http and https are followed"));
    }
    Ok(Some(target))
}

/// Refuses to go from an authenticated connection to one that anybody can listen to and change.
pub(crate) fn refuse_downgrade(url: &Url, target: &Url) -> Result<(), Error> {
    if url.scheme() == "https" && target.scheme() == "http" {
        return Err(Error::BadRedirect {
            url: SafeUrl::of(url),
            target: SafeUrl::of(target).to_string(),
            problem: "it leads from https to plain http",
        });
    }
    Ok(())
}

/// A mirror that puts its own address before one that is whole already: the host seems to end in `https:`.
fn is_two_in_one(location: &str) -> bool {
    let authority = location.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|host| host.ends_with("http:") || host.ends_with("https:"))
}

/// As much of an unreadable location as shows what is wrong with it: no query, nothing that may be a password.
fn without_secrets(location: &str) -> String {
    let before_query = location.split(['?', '#']).next().unwrap_or_default();
    let after_user = before_query.rsplit('@').next().unwrap_or_default();
    after_user.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn follow(url: &str, status: u16, location: Option<&'static str>) -> Result<Option<String>, Error> {
        let location = location.map(|value| (header::LOCATION, HeaderValue::from_static(value)));
        let headers = location.into_iter().collect();
        let url = Url::parse(url).unwrap();
        target(&url, StatusCode::from_u16(status).unwrap(), &headers).map(|to| to.map(|url| url.to_string()))
    }

    #[test]
    fn locations_are_relative_or_absolute() {
        let from = "https://hub/a/b?query";
        for (location, expected) in [
            ("/c?x=%20", "https://hub/c?x=%20"),
            ("c", "https://hub/a/c"),
            ("//data/c", "https://data/c"),
            ("http://data:8080/c", "http://data:8080/c"),
            ("https://mirror/https://data/c", "https://mirror/https://data/c"),
        ] {
            for status in [301, 302, 303, 307, 308] {
                assert_eq!(follow(from, status, Some(location)).unwrap().as_deref(), Some(expected));
            }
            for status in [200, 206, 300, 304, 305, 404] {
                assert_eq!(follow(from, status, Some(location)).unwrap(), None, "{status}");
            }
        }
    }

    #[test]
    fn bad_locations_are_refused_without_their_secrets() {
        for (location, expected) in [
            (None, "redirects to nowhere, which is refused: it names no location"),
            (
                Some("https://user:s3cret@[bad?s3cret"),
                "redirects to [bad, which is refused: the location is no URL",
            ),
            (
                Some("ftp://user:s3cret@host/x?s3cret"),
                "redirects to ftp://host/x?…, which is refused: only http and https are followed",
            ),
            (
                Some("https://mirrorhttps://data/x?s3cret"),
                "redirects to https://mirrorhttps://data/x, which is refused: the location is two URLs in one",
            ),
            (Some("data:s3cret"), "redirects to data:…, which is refused: only http and https are followed"),
        ] {
            let error = follow("https://hub/a?s3cret", 302, location).unwrap_err();
            assert_eq!(error.to_string(), format!("https://hub/a?… {expected}"));
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn only_the_way_from_https_to_http_is_barred() {
        let allowed = |from: &str, to: &str| {
            refuse_downgrade(&Url::parse(from).unwrap(), &Url::parse(to).unwrap()).is_ok()
        };
        assert!(!allowed("https://hub/a", "http://hub/a"));
        assert!(!allowed("https://hub/a", "http://data/a"));
        assert!(allowed("https://hub/a", "https://data/a"));
        assert!(allowed("http://hub/a", "https://hub/a"));
        assert!(allowed("http://hub/a", "http://data/a"));
    }
}
