//! One connection to the proxy: a tunnel, or one forwarded request.

use std::io;
use std::sync::Arc;

use axum::http::Method;
use axum::http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use super::{ProxiedRequest, ProxyState, socks};
use crate::request_head::{Requests, head_for_server};

/// Handles one request; any failure ends the connection.
pub(super) async fn converse(stream: TcpStream, shared: Arc<ProxyState>) -> io::Result<()> {
    if let Some(tls) = &shared.tls {
        let Some(stream) = tls.accept(stream).await else { return Ok(()) };
        return forward(stream, &shared).await;
    }
    let mut first = [0];
    let is_socks = stream.peek(&mut first).await? == 1 && socks::VERSIONS.contains(&first[0]);
    if is_socks { socks::converse(stream, &shared).await } else { forward(stream, &shared).await }
}

async fn forward(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &ProxyState) -> io::Result<()> {
    let mut requests = Requests::of(stream);
    let Some(parts) = requests.next().await? else { return Ok(()) };
    let (mut client, rest) = requests.into_rest();
    let refused = |status| {
        shared.requests.lock().push(describe(&parts, Some(status)));
        format!("HTTP/1.1 {status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    };
    if shared.wants_login && !is_logged_in(&parts) {
        return client.write_all(refused(407).as_bytes()).await;
    }
    let Some(mut server) = connect(&parts, shared).await else {
        return client.write_all(refused(502).as_bytes()).await;
    };
    shared.requests.lock().push(describe(&parts, None));
    if parts.method == Method::CONNECT {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        server.write_all(head_for_server(&parts).as_bytes()).await?;
    }
    server.write_all(&rest).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

fn describe(parts: &Parts, refused: Option<u16>) -> ProxiedRequest {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    ProxiedRequest {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        refused,
    }
}

fn is_logged_in(parts: &Parts) -> bool {
    // "user:secret" in base64.
    parts.headers.get("proxy-authorization").is_some_and(|login| login == "Basic dXNlcjpzZWNyZXQ=")
}

async fn connect(parts: &Parts, shared: &ProxyState) -> Option<TcpStream> {
    let host = parts.uri.host()?;
    let name = format!("{host}:{}", parts.uri.port_u16().unwrap_or(80));
    TcpStream::connect(shared.really_at(name)).await.ok()
}
