//! Headers that are read the same way in every response.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{self, AsHeaderName, HeaderMap};

use crate::limits::ServerWait;

/// The value of a header, if it exists and is text.
pub fn header_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// The content coding of a body, if there is one.
pub(crate) fn coding(headers: &HeaderMap) -> Option<String> {
    let codings = headers.get_all(header::CONTENT_ENCODING);
    let is_real = |coding: &&[u8]| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity");
    let codings: Vec<_> = codings.iter().map(|value| value.as_bytes().trim_ascii()).filter(is_real).collect();
    (!codings.is_empty()).then(|| String::from_utf8_lossy(&codings.join(&b", "[..])).into_owned())
}

/// How long a response asks the client to wait, at most [`MAX_WAIT`](crate::MAX_WAIT).
pub fn server_wait(headers: &HeaderMap, status: StatusCode) -> Option<Duration> {
    ServerWait::from_headers(
        header_text(headers, "ratelimit"),
        header_text(headers, header::RETRY_AFTER),
        status.as_u16(),
        SystemTime::now(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coding_but_identity_is_named() {
        for (values, expected) in [
            (&[][..], None),
            (&["identity"], None),
            (&[" Identity ", ""], None),
            (&["gzip"], Some("gzip")),
            (&["identity", "br"], Some("br")),
            (&["gzip", "zstd"], Some("gzip, zstd")),
        ] {
            let values = values.iter().map(|value| (header::CONTENT_ENCODING, value.parse().unwrap()));
            let mut headers = HeaderMap::new();
            values.for_each(|(name, value)| {
                headers.append(name, value);
            });
            assert_eq!(coding(&headers).as_deref(), expected);
        }
    }
}
