//! Reads request heads from a connection.

use std::io;

use axum::http::Request;
use axum::http::request::Parts;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A longer head is not from a valid client.
const MAX_HEAD: usize = 64 * 1024;

/// The requests on one connection. None has a body, except possibly the last.
pub(crate) struct Requests<S> {
    stream: S,
    received: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Requests<S> {
    pub(crate) fn of(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The connection, and bytes received after the last head.
    pub(crate) fn into_rest(self) -> (S, Vec<u8>) {
        (self.stream, self.received)
    }

    /// The next request; `None` if the client has disconnected.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Parts>> {
        loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.received.drain(..end + 4).collect();
                return parse(&head).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
            if self.received.len() > MAX_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Ok(None);
            }
        }
    }
}

fn parse(head: &[u8]) -> Option<Parts> {
    let mut lines = str::from_utf8(head).ok()?.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?, first.next()?);
    if first.next()? != "HTTP/1.1" {
        return None;
    }
    let mut request = Request::builder().method(method).uri(target);
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    let (parts, ()) = request.body(()).ok()?.into_parts();
    Some(parts)
}

pub(crate) fn wants_close(parts: &Parts) -> bool {
    let mut values = parts.headers.get_all("connection").iter();
    values.any(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// The request as forwarded to the server. It is the last on its connection, since the client's next
/// one may be for another server.
pub(crate) fn head_for_server(parts: &Parts) -> String {
    let path = parts.uri.path_and_query().map_or("/", |whole| whole.as_str());
    let mut head = format!("{} {path} HTTP/1.1\r\nconnection: close\r\n", parts.method);
    for (name, value) in &parts.headers {
        let is_for_proxy = name.as_str().starts_with("proxy-") || name == "connection";
        if let (false, Ok(value)) = (is_for_proxy, value.to_str()) {
            head.extend([name.as_str(), ": ", value, "\r\n"]);
        }
    }
    head + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_one_after_another() {
        let head = b"GET /a?b=%20c HTTP/1.1\r\nHost: x:1\r\nRange:bytes=0-9\r\nConnection: Close\r\n\r\n";
        let parts = parse(head).unwrap();
        assert_eq!((parts.method.as_str(), parts.uri.query()), ("GET", Some("b=%20c")));
        assert_eq!(parts.headers.get("range").unwrap(), "bytes=0-9");
        assert!(wants_close(&parts));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for head in
            ["GET / HTTP/1.0\r\n\r\n", "GET /\r\n\r\n", "\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n"]
        {
            assert!(parse(head.as_bytes()).is_none(), "{head}");
        }
    }
}
