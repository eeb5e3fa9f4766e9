//! Forwards batch requests to another server, like a front end for a git server and an LFS server.

use anyhow::{Context as _, Result};
use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::response::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::answer::answer;
use super::exchange::header;

const LARGEST_REQUEST: usize = 4 * 1024 * 1024;

/// Sends the same request to the server at this `http://` origin.
pub(super) async fn forward(origin: &str, parts: &Parts, body: Body) -> Result<Response> {
    let body = to_bytes(body, LARGEST_REQUEST).await.context("read the request")?;
    let host = origin.trim_start_matches("http://");
    let mut request = format!(
        "{} {} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {}\r\n",
        parts.method,
        parts.uri.path(),
        body.len()
    );
    for name in ["accept", "content-type", "authorization"] {
        if let Some(value) = header(parts, name) {
            request.extend([name, ": ", value, "\r\n"]);
        }
    }
    let mut server = TcpStream::connect(host).await.context("connect to the LFS server")?;
    server.write_all(&[request.as_bytes(), b"\r\n", &body].concat()).await.context("ask the LFS server")?;
    let mut received = Vec::new();
    server.read_to_end(&mut received).await.context("hear the LFS server")?;
    let end =
        received.windows(4).position(|window| window == b"\r\n\r\n").context("find the answer's head")?;
    let (head, body) = received.split_at(end + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("find a status")?;
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type:")).unwrap_or_default().trim();
    Ok(answer(status, &[("content-type", kind)], body.to_vec()))
}
