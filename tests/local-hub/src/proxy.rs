//! A forwarding proxy on loopback.

mod forward;
mod socks;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::server::Tls;
use crate::serving::Serving;

/// A proxy for `HTTPS_PROXY` and `HTTP_PROXY`, until it is dropped: it opens tunnels (`CONNECT`) for
/// https, forwards requests with a whole URL for http, supports SOCKS 4, 4a and 5, and logs everything.
///
/// It can resolve names of its own, so that a local hub with TLS can be reached under a public hub's
/// name.
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
    shared: Arc<ProxyState>,
}

/// One request to a [`LocalProxy`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProxiedRequest {
    /// `CONNECT`, `SOCKS4` or `SOCKS5` for a tunnel, otherwise the forwarded request's method.
    pub method: String,
    /// `host:port` for a tunnel, otherwise the whole URL. The host is a name if the proxy must resolve
    /// it.
    pub target: String,
    /// All headers, names in lower case, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// The status with which the proxy itself refused, if it did.
    pub refused: Option<u16>,
}

#[derive(Debug, Default)]
struct ProxyState {
    /// Requires the user `user` with the password `secret`.
    wants_login: bool,
    /// It is reached over TLS.
    tls: Option<Tls>,
    /// The real address of a `host:port`.
    known: Mutex<HashMap<String, String>>,
    requests: Mutex<Vec<ProxiedRequest>>,
}

impl ProxyState {
    /// The real address of a `host:port`, if this proxy has its own.
    fn really_at(&self, name: String) -> String {
        self.known.lock().get(&name).cloned().unwrap_or(name)
    }
}

impl LocalProxy {
    /// A proxy without a login.
    ///
    /// # Panics
    ///
    /// If no port or thread is available.
    pub fn start() -> Self {
        Self::start_with(ProxyState::default())
    }

    /// A proxy that requires the user `user` with the password `secret`: it refuses others with 407, or
    /// as SOCKS 5 does.
    ///
    /// # Panics
    ///
    /// If no port or thread is available.
    pub fn with_login() -> Self {
        Self::start_with(ProxyState { wants_login: true, ..ProxyState::default() })
    }

    /// A proxy that is itself reached over TLS, with a certificate of its own authority.
    ///
    /// # Panics
    ///
    /// If no port or thread is available.
    #[expect(clippy::panic, reason = "a test that cannot have its proxy has failed")]
    pub fn with_tls() -> Self {
        match Tls::new(&[]) {
            Ok(tls) => Self::start_with(ProxyState { tls: Some(tls), ..ProxyState::default() }),
            Err(error) => panic!("local proxy: {error:#}"),
        }
    }

    #[expect(clippy::panic, reason = "a test that cannot have its proxy has failed")]
    fn start_with(shared: ProxyState) -> Self {
        match Self::try_start(Arc::new(shared)) {
            Ok(proxy) => proxy,
            Err(error) => panic!("local proxy: {error:#}"),
        }
    }

    fn try_start(shared: Arc<ProxyState>) -> Result<Self> {
        let state = Arc::clone(&shared);
        let serving = Serving::run("local-proxy", |listener| serve(listener, state))?;
        Ok(Self { serving, shared })
    }

    /// The value for `HTTPS_PROXY` and similar variables.
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

    /// [`LocalProxy::url`] with the login that [`LocalProxy::with_login`] requires.
    pub fn url_with_login(&self) -> String {
        format!("http://user:secret@{}", self.serving.address)
    }

    /// From now on `name`, a `host:port`, leads to the host and port of `url`.
    pub fn lead(&self, name: &str, url: &str) {
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        self.shared.known.lock().insert(name.to_owned(), authority.to_owned());
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<ProxiedRequest> {
        self.shared.requests.lock().clone()
    }
}

async fn serve(listener: TcpListener, shared: Arc<ProxyState>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Possibly out of file descriptors; they become available when other connections close.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(forward::converse(stream, Arc::clone(&shared)));
    }
}
