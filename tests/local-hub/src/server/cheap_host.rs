//! A data host for benchmarks, so that its own cost hardly affects the measurement of the client.
//!
//! It supports just enough HTTP/1.1 for well-behaved clients, and lets the kernel send files.

mod body;

use std::io;
use std::sync::Arc;

use axum::http::Method;
use axum::http::request::Parts;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Shared;
use super::connection::{Caller, Door};
use super::data_host::admit;
use super::exchange::{Target, asked, header};
use crate::log::{Route, Server};
use crate::models::Object;
use crate::request_head::{Requests, wants_close};
use crate::store::Source;
use crate::trouble::Carries;
use body::{Body, send};

/// Serves until dropped; its connections end with it.
pub(super) async fn serve(door: Door, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, caller) = door.accept_bare().await;
        // Discards those that have ended.
        while connections.try_join_next().is_some() {}
        connections.spawn(converse(stream, caller, Arc::clone(&shared)));
    }
}

/// Answers one request after another until the client disconnects. Any failure ends the connection.
async fn converse(stream: TcpStream, caller: Caller, shared: Arc<Shared>) -> io::Result<()> {
    let mut carries = shared.line.connected();
    let mut requests = Requests::of(stream);
    while let Some(parts) = requests.next().await? {
        let is_last = wants_close(&parts) || carries.hangs_up;
        answer(requests.stream(), &parts, &caller, &mut carries, &shared).await?;
        if is_last {
            break;
        }
    }
    Ok(())
}

async fn answer(
    stream: &mut TcpStream,
    parts: &Parts,
    caller: &Caller,
    carries: &mut Carries,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let target = Target::of(Server::Data, shared, parts);
    let mut exchange = shared.recorder.begin(target.describe(parts, caller));
    let latency = shared.settings.latency + shared.line.delay();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let reply = Reply::to(shared, parts, &target.objects)?;
    exchange.line().answered(reply.status);
    let head = reply.head.into_bytes();
    if parts.method == Method::HEAD {
        stream.write_all(&head).await?;
    } else {
        send(stream, head, &reply.body, carries, &mut exchange).await?;
    }
    exchange.complete();
    Ok(())
}

/// A response before it is sent.
struct Reply {
    status: u16,
    head: String,
    body: Body,
}

impl Reply {
    fn to(shared: &Shared, parts: &Parts, objects: &[Object]) -> io::Result<Self> {
        if shared.line.fault(Route::Data).is_some() {
            return Ok(Self::with_text(503, "", "<Error><Code>SlowDown</Code></Error>".to_owned()));
        }
        let query = parts.uri.query().unwrap_or_default();
        let authorization = header(parts, "authorization");
        match admit(shared, objects, query, authorization, asked(parts)) {
            Ok(object) => Self::with_bytes(object, parts),
            Err(refused) => Ok(Self::with_text(refused.status, "", refused.body())),
        }
    }

    fn with_bytes(object: &Object, parts: &Parts) -> io::Result<Self> {
        let size = object.stored.size;
        let Ok(part) = asked(parts).within(size) else {
            let range = format!("content-range: bytes */{size}\r\n");
            return Ok(Self::with_text(416, &range, "<Error><Code>InvalidRange</Code></Error>".to_owned()));
        };
        let content_range = part.as_ref().map(|part| {
            format!("content-range: bytes {}-{}/{size}\r\n", part.start, part.end.saturating_sub(1))
        });
        let status = if part.is_some() { 206 } else { 200 };
        let range = part.unwrap_or(0..size);
        let headers = format!(
            "content-type: application/octet-stream\r\netag: \"{}\"\r\n{}",
            object.xet_hash,
            content_range.unwrap_or_default()
        );
        let head = head(status, &headers, range.end - range.start);
        Ok(Self { status, head, body: Body { source: object.stored.source(&range)?, range } })
    }

    fn with_text(status: u16, headers: &str, text: String) -> Self {
        let length = text.len() as u64;
        let head = head(status, &format!("content-type: application/xml\r\n{headers}"), length);
        Self { status, head, body: Body { source: Source::Memory(text.into()), range: 0..length } }
    }
}

fn head(status: u16, headers: &str, length: u64) -> String {
    let reason = match status {
        200 => "OK",
        206 => "Partial Content",
        416 => "Range Not Satisfiable",
        _ => "Refused",
    };
    format!("HTTP/1.1 {status} {reason}\r\naccept-ranges: bytes\r\n{headers}content-length: {length}\r\n\r\n")
}
