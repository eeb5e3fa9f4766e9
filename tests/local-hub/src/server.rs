//! The two HTTP servers.

mod answer;
mod api;
mod body;
mod cheap_host;
mod connection;
mod data_host;
mod exchange;
mod git_backend;
mod git_host;
mod lfs_batch;
mod lfs_server;
mod limits;
mod pace;
mod place;
mod range;
mod refusal;
mod resolve;
mod signing;
mod spoil;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use tokio::net::TcpListener;

pub(crate) use connection::OpenConnections;
pub(crate) use limits::Limits;
pub(crate) use signing::Signing;
pub(crate) use tls::Tls;

use crate::fault::FaultQueue;
use crate::log::{Recorder, Server};
use crate::models::Models;
use crate::trouble::Line;
use connection::{Caller, Door};

/// Nothing listens there. A port that was free a moment ago may already be another test's; the system never
/// hands this one out.
pub const NO_SERVER: &str = "http://127.0.0.1:1";

/// State shared by all requests.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) models: Models,
    pub(crate) faults: FaultQueue,
    pub(crate) line: Line,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) signing: Signing,
    pub(crate) limits: Limits,
    pub(crate) hub_connections: OpenConnections,
    pub(crate) data_connections: OpenConnections,
    /// `http://127.0.0.1:PORT` of the hub, without the prefix.
    pub(crate) hub_origin: String,
    /// `http://127.0.0.1:PORT` of the data host.
    pub(crate) data_origin: String,
    /// Both are `https`.
    pub(crate) tls: Option<Tls>,
}

impl Shared {
    pub(crate) fn endpoint(&self) -> String {
        format!("{}{}", self.hub_origin, self.settings.prefix)
    }
}

/// The settings of a hub's builder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The endpoint's path: empty, or with a leading slash and no trailing one.
    pub(crate) prefix: String,
    /// The delay of every response.
    pub(crate) latency: Duration,
    /// Requests for a larger file must have a `Range`.
    pub(crate) whole_file_limit: Option<u64>,
    /// `/resolve/` responds with the bytes.
    pub(crate) serves_files_itself: bool,
    /// The limit for each TCP connection, in bytes per second.
    pub(crate) pace: Option<u64>,
    /// There is only git and its batch API for large files.
    pub(crate) is_git_host: bool,
    /// The origin of the server that handles the batch API.
    pub(crate) lfs_server: Option<String>,
    /// The `Authorization` that batch responses contain and the data host requires.
    pub(crate) data_login: Option<String>,
    /// Uses the cheap data host.
    pub(crate) is_cheap: bool,
    /// Tokens the hub knows, besides those that models accept.
    pub(crate) tokens: Vec<String>,
    /// The most entries on a page of the API's listing, if fewer than on the real hub.
    pub(crate) tree_page: Option<usize>,
}

/// The sockets, bound in advance so that the ports are known.
pub(crate) struct Sockets {
    hub: std::net::TcpListener,
    data: std::net::TcpListener,
}

impl Sockets {
    /// With `pace`, accepted connections inherit it from the listening sockets.
    pub(crate) fn bind(address: Ipv4Addr, pace: Option<u64>) -> Result<Self> {
        Ok(Self { hub: bind(address, pace)?, data: bind(address, pace)? })
    }

    pub(crate) fn origins(&self, scheme: &str) -> Result<(String, String)> {
        let origin = |socket: &std::net::TcpListener| Ok(format!("{scheme}://{}", socket.local_addr()?));
        origin(&self.hub).and_then(|hub| Ok((hub, origin(&self.data)?))).map_err(|error: std::io::Error| {
            anyhow::Error::new(error).context("ask for the ports of the local hub")
        })
    }
}

fn bind(address: Ipv4Addr, pace: Option<u64>) -> Result<std::net::TcpListener> {
    let socket = std::net::TcpListener::bind(SocketAddr::from((address, 0)))
        .with_context(|| format!("bind a port of {address}"))?;
    socket.set_nonblocking(true).context("make a socket non-blocking")?;
    if let Some(pace) = pace {
        pace::limit(&socket, pace).context("set the pace of a socket")?;
    }
    Ok(socket)
}

/// Serves both until dropped. Must be called in a runtime.
pub(crate) async fn serve(sockets: Sockets, shared: Arc<Shared>) -> Result<()> {
    let numbers = Arc::new(AtomicU64::new(0));
    let door = |socket, connections| {
        let listener = TcpListener::from_std(socket)?;
        anyhow::Ok(Door::new(listener, Arc::clone(&numbers), connections, shared.tls.clone()))
    };
    let open = |door, server| {
        let state = (server, Arc::clone(&shared));
        let router = Router::new().fallback(exchange::handle).with_state(state);
        axum::serve(door, router.into_make_service_with_connect_info::<Caller>()).into_future()
    };
    let hub = open(door(sockets.hub, shared.hub_connections.clone())?, Server::Hub);
    let data = door(sockets.data, shared.data_connections.clone())?;
    let data = async {
        if shared.settings.is_cheap {
            cheap_host::serve(data, Arc::clone(&shared)).await;
            return Ok(());
        }
        open(data, Server::Data).await
    };
    tokio::select! {
        ended = hub => ended.context("the hub"),
        ended = data => ended.context("the data host"),
    }
}
