//! A forwarding proxy on loopback.

mod forward;
mod socks;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::sync::locked;

/// A proxy as `HTTPS_PROXY` and `HTTP_PROXY` name one, until it is dropped: it opens tunnels (`CONNECT`) for https,
/// forwards requests with a whole URL for http, speaks SOCKS 5 too, and keeps a log of all.
///
/// It can know names that nobody else knows, so that a local hub with TLS is found under a public hub's name.
///
/// ```
/// use local_hub::{LocalHub, LocalProxy};
///
/// let hub = LocalHub::builder().tls_for(&["huggingface.co"]).start();
/// let proxy = LocalProxy::start();
/// proxy.lead("huggingface.co:443", &hub.endpoint());
/// assert!(proxy.url().starts_with("http://127.0.0.1:"));
/// assert!(proxy.requests().is_empty());
/// ```
#[derive(Debug)]
pub struct LocalProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// One request to a [`LocalProxy`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProxiedRequest {
    /// `CONNECT` or `SOCKS` for a tunnel, else the forwarded request's own.
    pub method: String,
    /// `host:port` for a tunnel, else the whole URL.
    pub target: String,
    /// All headers, names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The status with which the proxy itself refused, if it did.
    pub refused: Option<u16>,
}

#[derive(Debug, Default)]
struct Shared {
    /// `Proxy-Authorization` that is wanted.
    login: Option<String>,
    /// Where a `host:port` really is.
    known: Mutex<HashMap<String, String>>,
    requests: Mutex<Vec<ProxiedRequest>>,
}

impl Shared {
    /// Where a `host:port` is, as far as this proxy knows better than everyone else.
    fn really_at(&self, name: String) -> String {
        locked(&self.known).get(&name).cloned().unwrap_or(name)
    }
}

impl LocalProxy {
    /// A proxy for everyone.
    ///
    /// # Panics
    ///
    /// There is no port or thread to be had.
    pub fn start() -> Self {
        Self::start_with(Shared::default())
    }

    /// A proxy that answers 407 to everyone who does not log in as `user` with the password `secret`.
    ///
    /// # Panics
    ///
    /// There is no port or thread to be had.
    pub fn with_login() -> Self {
        // "user:secret" in base64.
        Self::start_with(Shared { login: Some("Basic dXNlcjpzZWNyZXQ=".to_owned()), ..Shared::default() })
    }

    #[expect(clippy::panic, reason = "a test that cannot have its proxy has failed")]
    fn start_with(shared: Shared) -> Self {
        match Self::try_start(Arc::new(shared)) {
            Ok(proxy) => proxy,
            Err(error) => panic!("local proxy: {error:#}"),
        }
    }

    fn try_start(shared: Arc<Shared>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("local-proxy")
            .enable_all()
            .build()
            .context("start a runtime")?;
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a port")?;
        socket.set_nonblocking(true).context("make a socket non-blocking")?;
        let address = socket.local_addr().context("ask for the port")?;
        let (stop, stopped) = oneshot::channel();
        let state = Arc::clone(&shared);
        let serving = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve(socket, state) => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(5));
        };
        let thread = std::thread::Builder::new()
            .name("local-proxy".to_owned())
            .spawn(serving)
            .context("start a thread")?;
        Ok(Self { address, shared, running: Some((stop, thread)) })
    }

    /// The value for `HTTPS_PROXY` and its kin.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The value for `ALL_PROXY` that means SOCKS, names being looked up by the proxy.
    pub fn socks_url(&self) -> String {
        format!("socks5h://{}", self.address)
    }

    /// [`LocalProxy::url`] with the login that [`LocalProxy::with_login`] wants.
    pub fn url_with_login(&self) -> String {
        format!("http://user:secret@{}", self.address)
    }

    /// From now on `name`, a `host:port`, is at the host and port of `url`.
    pub fn lead(&self, name: &str, url: &str) {
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        locked(&self.shared.known).insert(name.to_owned(), authority.to_owned());
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<ProxiedRequest> {
        locked(&self.shared.requests).clone()
    }
}

impl Drop for LocalProxy {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // A thread that panicked has said so, and there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

async fn serve(socket: std::net::TcpListener, shared: Arc<Shared>) {
    // Nobody is answered if this fails, which a test will notice.
    let Ok(listener) = TcpListener::from_std(socket) else { return };
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, perhaps; they come back when other connections close.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(forward::converse(stream, Arc::clone(&shared)));
    }
}
