//! Building blocks of responses.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use super::place::encoded;
use super::range::{Asked, Unsatisfiable};
use crate::store::{Stored, StoredBody};

/// A response with these headers and a body of known length.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response {
    let body = body.into();
    let mut response = with_body(status, Body::empty());
    set(response.headers_mut(), "content-length", &body.len().to_string());
    *response.body_mut() = Body::from(body);
    for (name, value) in headers {
        set(response.headers_mut(), name, value);
    }
    response
}

/// A response without headers.
pub(super) fn with_body(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// Sets a header; ignores a name or value that HTTP does not allow.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

/// Sets a header unless it exists already.
pub(super) fn set_default(headers: &mut HeaderMap, name: &str, value: &str) {
    if !headers.contains_key(name) {
        set(headers, name, value);
    }
}

/// `Content-Disposition` for the file at `path`.
pub(super) fn disposition(path: &str) -> String {
    let name = encoded(path.rsplit('/').next().unwrap_or_default());
    format!("inline; filename*=UTF-8''{name}; filename=\"{name}\";")
}

/// A failure in the hub itself: the test cannot continue.
pub(super) fn broken(what: &anyhow::Error) -> Response {
    answer(500, &[("content-type", "text/plain")], format!("the local hub itself failed: {what:#}"))
}

/// The file, or the requested part of it: 200, 206 or 416.
pub(super) fn bytes_of(stored: &Stored, asked: Asked, headers: &[(&str, &str)]) -> Response {
    let size = stored.size;
    let range = match asked.within(size) {
        Ok(range) => range,
        Err(Unsatisfiable) => return unsatisfiable(size),
    };
    let part = range.clone().unwrap_or(0..size);
    let body = match StoredBody::open(stored, &part) {
        Ok(body) => Body::new(body),
        Err(error) => return broken(&error.into()),
    };
    let mut response = with_body(if range.is_some() { 206 } else { 200 }, body);
    for (name, value) in headers {
        set(response.headers_mut(), name, value);
    }
    set(response.headers_mut(), "accept-ranges", "bytes");
    set(response.headers_mut(), "content-length", &(part.end - part.start).to_string());
    if range.is_some() {
        let value = format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1));
        set(response.headers_mut(), "content-range", &value);
    }
    response
}

fn unsatisfiable(size: u64) -> Response {
    let range = format!("bytes */{size}");
    let headers = [("content-range", range.as_str()), ("content-type", "application/xml")];
    answer(416, &headers, "<Error><Code>InvalidRange</Code></Error>")
}
