//! Each fault's effect on a response.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::answer::{answer, broken, set};
use super::body::{Cut, Spoil};
use super::connection::Control;
use super::git_backend::without_capability;
use super::range::Asked;
use crate::fault::Fault;

/// The part of a fault that precedes the response, and may replace it.
pub(super) async fn before(fault: &Fault, control: &Arc<Control>) -> Option<Response> {
    match fault {
        Fault::Status { code, headers, body } => {
            let mut response = answer(*code, &[("content-type", "text/plain; charset=utf-8")], body.clone());
            for (name, value) in headers {
                set(response.headers_mut(), name, value);
            }
            Some(response)
        }
        Fault::Bytes { content_type, body } => {
            Some(answer(200, &[("content-type", content_type)], body.0.clone()))
        }
        Fault::Html => Some(answer(
            200,
            &[("content-type", "text/html; charset=utf-8")],
            "<!doctype html><html><title>Sign in</title><body>Please accept the terms of this network.</body></html>",
        )),
        Fault::NoAnswer => std::future::pending().await,
        Fault::Refuse => {
            control.kill();
            std::future::pending().await
        }
        Fault::Delay(time) => {
            tokio::time::sleep(*time).await;
            None
        }
        Fault::Hold(hold) => {
            hold.wait().await;
            None
        }
        _ => None,
    }
}

/// The part of a fault that changes the response.
pub(super) async fn after(fault: Fault, mut response: Response, asked: Asked) -> (Response, Spoil) {
    let mut spoil = Spoil::default();
    match fault {
        Fault::Truncate { after } => spoil.cut = Some((after, Cut::Close)),
        Fault::Reset { after } => spoil.cut = Some((after, Cut::Reset)),
        Fault::Stall { after } => spoil.cut = Some((after, Cut::Stall)),
        Fault::SlowDrip { bytes, every } => spoil.drip = Some((bytes, every)),
        Fault::Corrupt { at } => spoil.flip = at.checked_sub(first_byte(&response, asked)),
        Fault::TooLong { by } => {
            spoil.surplus = by;
            change_length(&mut response, |length| length.saturating_add(by));
        }
        Fault::TooShort { by } => {
            spoil.end = change_length(&mut response, |length| length.saturating_sub(by));
        }
        Fault::WrongContentRange => shift_content_range(&mut response),
        Fault::NoContentLength => drop(response.headers_mut().remove("content-length")),
        Fault::Header { name, value: Some(value) } => set(response.headers_mut(), &name, &value),
        Fault::Header { name, value: None } => drop(response.headers_mut().remove(name.as_str())),
        Fault::Gzip => response = compressed(response).await,
        Fault::WithoutCapability(name) => response = hide_capability(response, &name).await,
        Fault::Status { .. }
        | Fault::Bytes { .. }
        | Fault::Html
        | Fault::NoAnswer
        | Fault::Refuse
        | Fault::Delay(_)
        | Fault::Hold(_)
        | Fault::IgnoreRange => {}
    }
    (response, spoil)
}

/// The position in the file where the body starts.
fn first_byte(response: &Response, asked: Asked) -> u64 {
    match asked {
        Asked::From { first, .. } if response.status() == 206 => first,
        _ => 0,
    }
}

fn change_length(response: &mut Response, change: impl FnOnce(u64) -> u64) -> Option<u64> {
    let length = response.headers().get("content-length")?.to_str().ok()?.parse().ok()?;
    let length = change(length);
    set(response.headers_mut(), "content-length", &length.to_string());
    Some(length)
}

fn shift_content_range(response: &mut Response) {
    let shifted = response.headers().get("content-range").and_then(|value| {
        let (range, total) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        Some(format!("bytes {}-{}/{total}", first + 1, last + 1))
    });
    if let Some(shifted) = shifted {
        set(response.headers_mut(), "content-range", &shifted);
    }
}

async fn compressed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let coded = to_bytes(body, usize::MAX).await.map_err(anyhow::Error::new).and_then(|bytes| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&bytes)?;
        Ok(encoder.finish()?)
    });
    match coded {
        Ok(coded) => {
            set(&mut parts.headers, "content-encoding", "gzip");
            set(&mut parts.headers, "content-length", &coded.len().to_string());
            Response::from_parts(parts, Body::from(coded))
        }
        Err(error) => broken(&error),
    }
}

async fn hide_capability(response: Response, name: &str) -> Response {
    let (parts, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => Response::from_parts(parts, Body::from(without_capability(&bytes, name))),
        Err(error) => broken(&anyhow::Error::new(error)),
    }
}
