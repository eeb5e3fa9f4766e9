//! Where a redirect leads, and whether to follow it.

use reqwest::header::HeaderValue;
use url_parse::Url;

/// How many redirects of one request are followed.
pub(super) const MAX_REDIRECTS: usize = 5;

/// The URL that `location`, in an answer to a request for `from`, leads to; or why it is not followed.
pub(super) fn target(from: &Url, location: Option<&HeaderValue>) -> Result<Url, &'static str> {
    let location = location.ok_or("it does not say where to")?;
    let location = location.to_str().map_err(|_| "its target is not plain text")?;
    let target = from.join(location).map_err(|_| "its target is not a URL")?;
    check(&target)?;
    match (from.scheme(), target.scheme()) {
        ("https", "http") => Err("its target gives up encryption (https to http)"),
        _ => Ok(target),
    }
}

/// Whether a URL can be requested at all.
pub(super) fn check(url: &Url) -> Result<(), &'static str> {
    match url.scheme() {
        "http" | "https" if url.username() == "" && url.password().is_none() => Ok(()),
        "http" | "https" => Err("the URL holds a user name or a password"),
        _ => Err("the URL is neither http nor https"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, location: &str, expected: Result<&str, &'static str>) {
        let location = HeaderValue::from_bytes(location.as_bytes()).unwrap();
        let target = target(&from.parse().unwrap(), Some(&location));
        assert_eq!(target.as_ref().map(Url::as_str).map_err(|problem| *problem), expected);
    }

    #[test]
    fn targets() {
        let from = "https://a.example/x/y?z";
        check(from, "https://b.example/signed?Signature=%2f+", Ok("https://b.example/signed?Signature=%2f+"));
        check(from, "/w", Ok("https://a.example/w"));
        check(from, "w", Ok("https://a.example/x/w"));
        check(from, "//b.example/w", Ok("https://b.example/w"));
        check("http://a.example/", "https://b.example/", Ok("https://b.example/"));
        check(from, "http://a.example/", Err("its target gives up encryption (https to http)"));
        check(from, "ftp://a.example/", Err("the URL is neither http nor https"));
        check(from, "file:///etc/passwd", Err("the URL is neither http nor https"));
        check(from, "https://", Err("its target is not a URL"));
        check(from, "https://user@b.example/", Err("the URL holds a user name or a password"));
        check(from, "https://b.example/\u{e9}", Err("its target is not plain text"));
        assert_eq!(target(&from.parse().unwrap(), None), Err("it does not say where to"));
    }
}
