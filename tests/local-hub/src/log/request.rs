//! One request and its outcome.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

/// The two servers of a local hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// The hub: git, `/resolve/`, `/api/`.
    Hub,
    /// The data host, on its own port: the bytes of LFS files.
    Data,
}

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `GET /{user}/{repo}/info/refs`
    InfoRefs,
    /// `POST /{user}/{repo}/git-upload-pack`
    UploadPack,
    /// `POST /{user}/{repo}.git/info/lfs/objects/batch`
    LfsBatch,
    /// `/{user}/{repo}/resolve/{rev}/{path}`
    Resolve,
    /// `/api/resolve-cache/models/{user}/{repo}/{commit}/{path}`
    ResolveCache,
    /// `/api/models/…`
    Api,
    /// The bytes of an LFS file, from the data host.
    Data,
    /// Anything else.
    Other,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is still in progress.
    InFlight,
    /// The whole response was handed to the connection.
    Complete,
    /// The client closed the connection before the end of the response.
    ClosedByClient,
    /// A [`Fault`](crate::Fault) cut it.
    CutByFault,
}

/// One request to the hub or its data host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// The server that received it.
    pub server: Server,
    /// Its purpose.
    pub route: Route,
    /// The method, in capitals.
    pub method: String,
    /// The path as sent, percent-encoded.
    pub path: String,
    /// The query without `?`; empty if there is none.
    pub query: String,
    /// All headers, names in lower case, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// The model it concerns, `user/repo`, without `.git`.
    pub model: Option<String>,
    /// The file of that model. On the data host, whose paths contain only a digest, the file that the
    /// URL was made for.
    pub file: Option<String>,
    /// The client's address.
    pub peer: SocketAddr,
    /// The number of the TCP connection, counted over both servers.
    pub connection: u64,
    /// The position of its beginning among all beginnings and ends.
    pub began: u64,
    /// The position of its end in that order.
    pub ended: Option<u64>,
    /// When it began.
    pub began_at: Instant,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// The status of the response, once there is one.
    pub status: Option<u16>,
    /// The bytes of the request's body that were read.
    pub body_received: u64,
    /// The bytes of the response's body that were handed to the connection.
    pub body_sent: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The fault that was applied to it, in `Debug` form.
    pub fault: Option<String>,
}

impl LoggedRequest {
    /// The first header of this name (case does not matter).
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The `Range` header.
    pub fn range(&self) -> Option<&str> {
        self.header("range")
    }
}

impl fmt::Display for LoggedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, method, path, connection, body_sent, outcome, .. } = self;
        write!(formatter, "{server:?} #{connection} {method} {path}")?;
        if let Some(range) = self.range() {
            write!(formatter, " {range}")?;
        }
        if let Some(status) = self.status {
            write!(formatter, " -> {status}")?;
        }
        write!(formatter, ", {body_sent} bytes, {outcome:?}")?;
        match &self.fault {
            Some(fault) => write!(formatter, ", {fault}"),
            None => Ok(()),
        }
    }
}
