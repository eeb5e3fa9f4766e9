//! git's smart HTTP, by the real `git http-backend` run as a CGI program.

mod capability;

use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};

use anyhow::{Context as _, Result, ensure};
use axum::body::Body;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

pub(super) use capability::without_capability;

use super::answer::{set, with_body};
use crate::git::Git;
use crate::log::LogLine;

/// Request headers that are passed to the program.
const PASSED_ON: [(&str, &str); 5] = [
    ("content-type", "CONTENT_TYPE"),
    ("content-length", "CONTENT_LENGTH"),
    ("content-encoding", "HTTP_CONTENT_ENCODING"),
    ("accept", "HTTP_ACCEPT"),
    ("git-protocol", "GIT_PROTOCOL"),
];

/// Runs the program for one request. `service` is the part of the path after the repository.
pub(super) async fn serve(
    git: &Git,
    repository: &Path,
    service: &str,
    request: &Parts,
    body: Body,
    line: LogLine,
) -> Result<Response> {
    let mut child = Command::from(program(git, repository, service, request))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start git http-backend")?;
    let stdin = child.stdin.take().context("git http-backend has no input")?;
    let stdout = child.stdout.take().context("git http-backend has no output")?;
    // The program may respond before it has read everything.
    tokio::spawn(feed(stdin, body, line));
    let mut output = BufReader::with_capacity(64 * 1024, stdout);
    let mut response = read_head(&mut output).await?;
    *response.body_mut() = Body::new(Output { _child: child, output });
    Ok(response)
}

fn program(git: &Git, repository: &Path, service: &str, request: &Parts) -> std::process::Command {
    let mut command = git.command();
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", repository)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{service}"))
        .env("QUERY_STRING", request.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", request.method.as_str())
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        // As on hubs that support partial clones.
        .envs([
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "uploadpack.allowFilter"),
            ("GIT_CONFIG_VALUE_0", "true"),
        ]);
    for (header, variable) in PASSED_ON {
        if let Some(value) = request.headers.get(header).and_then(|value| value.to_str().ok()) {
            command.env(variable, value);
        }
    }
    command
}

async fn feed(mut stdin: ChildStdin, mut body: Body, line: LogLine) {
    while let Some(Ok(frame)) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        let bytes = frame.into_data().unwrap_or_default();
        line.received(bytes.len());
        if stdin.write_all(&bytes).await.is_err() {
            // It needs no more input, or was stopped.
            return;
        }
    }
}

/// Reads the CGI head: headers, one of which may be `Status`.
async fn read_head(output: &mut BufReader<ChildStdout>) -> Result<Response> {
    let mut response = with_body(200, Body::empty());
    loop {
        let mut text = String::new();
        ensure!(output.read_line(&mut text).await? > 0, "git http-backend ended without an answer");
        let text = text.trim_end();
        if text.is_empty() {
            return Ok(response);
        }
        let (name, value) = text.split_once(": ").context("git http-backend sends a malformed header")?;
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().unwrap_or_default().parse().unwrap_or(500);
            *response.status_mut() = with_body(code, Body::empty()).status();
        } else {
            set(response.headers_mut(), &name.to_ascii_lowercase(), value);
        }
    }
}

/// The program's output after the head; the program is stopped if the client disconnects.
struct Output {
    _child: Child,
    output: BufReader<ChildStdout>,
}

impl http_body::Body for Output {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let mut piece = BytesMut::zeroed(64 * 1024);
        let mut buffer = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.output).poll_read(context, &mut buffer))?;
        let count = buffer.filled().len();
        piece.truncate(count);
        Poll::Ready((count > 0).then(|| Ok(Frame::data(piece.freeze()))))
    }
}
