//! One request and what became of it.

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

/// What a request is for.
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
    /// It has not ended.
    InFlight,
    /// The whole answer was handed to the connection.
    Complete,
    /// The client closed the connection before the answer's end.
    ClosedByClient,
    /// A [`Fault`](crate::Fault) cut it.
    CutByFault,
}

/// One request to the hub or its data host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// Which server it came to.
    pub server: Server,
    /// What it is for.
    pub route: Route,
    /// The method, in capitals.
    pub method: String,
    /// The path as it was sent, percent-encoded.
    pub path: String,
    /// The query without `?`; empty when there is none.
    pub query: String,
    /// All headers, names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The model it concerns, `user/repo`, without `.git`.
    pub model: Option<String>,
    /// The file of that model. On the data host, where the path has only a digest, the one that the URL was made
    /// for.
    pub file: Option<String>,
    /// The client's address.
    pub peer: SocketAddr,
    /// Number of the TCP connection, counted over both servers.
    pub connection: u64,
    /// Place of its beginning in the order of all beginnings and endings.
    pub began: u64,
    /// Place of its end in that order.
    pub ended: Option<u64>,
    /// When it began.
    pub began_at: Instant,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// Status of the answer, once there is one.
    pub status: Option<u16>,
    /// Bytes of the request's body that were read.
    pub body_received: u64,
    /// Bytes of the answer's body that were handed to the connection.
    pub body_sent: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The fault that was applied to it, as `Debug` prints it.
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
