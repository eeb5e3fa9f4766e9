//! A forwarding proxy on loopback.

mod forward;
mod socks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::server::Tls;
use crate::serving::Serving;
use crate::sync::locked;

/// A proxy as `HTTPS_PROXY` and `HTTP_PROXY` name one, until it is dropped: it opens tunnels (`CONNECT`) for https,
/// forwards requests with a whole URL for http, speaks SOCKS 4, 4a and 5 too, and keeps a log of all.
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
    serving: Serving,
    shared: Arc<Shared>,
}

/// One request to a [`LocalProxy`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProxiedRequest {
    /// `CONNECT`, `SOCKS4` or `SOCKS5` for a tunnel, else the forwarded request's own.
    pub method: String,
    /// `host:port` for a tunnel, else the whole URL. The host is a name if the proxy is to look it up.
    pub target: String,
    /// All headers, names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The status with which the proxy itself refused, if it did.
    pub refused: Option<u16>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The user `user` with the password `secret` is wanted.
    wants_login: bool,
    /// It is reached over TLS.
    tls: Option<Tls>,
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

    /// A proxy that refuses everyone who does not log in as `user` with the password `secret`: with 407, or as
    /// SOCKS 5 does.
    ///
    /// # Panics
    ///
    /// There is no port or thread to be had.
    pub fn with_login() -> Self {
        Self::start_with(Shared { wants_login: true, ..Shared::default() })
    }

    /// A proxy that is itself reached over TLS, with a certificate of an authority of its own.
    ///
    /// # Panics
    ///
    /// There is no port or thread to be had.
    #[expect(clippy::panic, reason = "a test that cannot have its proxy has failed")]
    pub fn with_tls() -> Self {
        match Tls::new(&[]) {
            Ok(tls) => Self::start_with(Shared { tls: Some(tls), ..Shared::default() }),
            Err(error) => panic!("local proxy: {error:#}"),
        }
    }

    #[expect(clippy::panic, reason = "a test that cannot have its proxy has failed")]
    fn start_with(shared: Shared) -> Self {
        match Self::try_start(Arc::new(shared)) {
            Ok(proxy) => proxy,
            Err(error) => panic!("local proxy: {error:#}"),
        }
    }

    fn try_start(shared: Arc<Shared>) -> Result<Self> {
        let state = Arc::clone(&shared);
        let serving = Serving::run("local-proxy", |listener| serve(listener, state))?;
        Ok(Self { serving, shared })
    }

    /// The value for `HTTPS_PROXY` and its kin.
    pub fn url(&self) -> String {
        self.url_as(if self.shared.tls.is_some() { "https" } else { "http" })
    }

    /// The same for another kind of proxy, such as `socks5`.
    pub fn url_as(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.serving.address)
    }

    /// The certificate, in PEM, of the authority of [`LocalProxy::with_tls`]; empty for other proxies.
    pub fn ca_certificate(&self) -> &str {
        self.shared.tls.as_ref().map_or("", Tls::ca_certificate)
    }

    /// [`LocalProxy::url`] with the login that [`LocalProxy::with_login`] wants.
    pub fn url_with_login(&self) -> String {
        format!("http://user:secret@{}", self.serving.address)
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

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
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
