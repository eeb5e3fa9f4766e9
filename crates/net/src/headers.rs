//! What headers say, as far as every answer is read the same way.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{self, AsHeaderName, HeaderMap};

use crate::limits::ServerWait;

/// The value of a header, if it is there and is text.
pub fn header_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// How long an answer asks to be left alone, at most [`MAX_WAIT`](crate::MAX_WAIT).
pub fn server_wait(headers: &HeaderMap, status: StatusCode) -> Option<Duration> {
    ServerWait::from_headers(
        header_text(headers, "ratelimit"),
        header_text(headers, header::RETRY_AFTER),
        status.as_u16(),
        SystemTime::now(),
    )
}
