//! Everything that can go wrong between this crate and a server.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use url_parse::{ErrorKind, Excerpt, ForeignError, ForeignText, Origin, duration};

use crate::shown::{ProxyName, SafeUrl};

/// The cause of an error, of whatever library it comes from.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a client cannot be used, or a request brought no answer that can be used.
///
/// What a server answers with a status of its own choice is no error here: see [`Answer`](crate::Answer).
/// Messages show URLs without user info and query; the cause is in [`source`](StdError::source) alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client")]
    ClientSetup {
        /// What the HTTP library says.
        source: BoxError,
    },
    /// The address of a proxy cannot be used.
    #[error(
        "`{value}` is not the address of a proxy: {problem}; expected `http://host:port`, or https, socks4, socks4a, socks5 or socks5h instead of http"
    )]
    UnusableProxy {
        /// The address, without what may be a login.
        value: Excerpt,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A list of hosts that are reached without a proxy cannot be used.
    #[error("`{value}` is not a list of hosts: it contains quotes")]
    UnusableNoProxy {
        /// The list.
        value: Excerpt,
    },
    /// Certificates of authorities that were given cannot be read.
    #[error("the given CA certificates cannot be used")]
    UnusableCertificates {
        /// What is wrong with them.
        source: BoxError,
    },
    /// A `RateLimit` header without `r=` and `t=`.
    #[error("no number of requests left (`r=`) and time to wait (`t=`) in the header `RateLimit: {header}`")]
    RateLimit {
        /// The header.
        header: Excerpt,
    },
    /// A URL that no request is sent to.
    #[error("cannot {action} {url}: {problem}")]
    UnusableUrl {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The URL.
        url: SafeUrl,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// More redirects than any server needs.
    #[error("{url} was redirected more than {limit} times")]
    TooManyRedirects {
        /// The first request of the chain.
        url: SafeUrl,
        /// The limit.
        limit: usize,
    },
    /// A redirect that cannot be followed, or must not be.
    #[error("{url} redirects to {target}, which is refused: {problem}")]
    BadRedirect {
        /// The request.
        url: SafeUrl,
        /// Where it was sent.
        target: ForeignText,
        /// Why that is refused.
        problem: &'static str,
    },
    /// No connection to the server could be made.
    #[error("cannot reach {}: {why}", host.to_string().trim_start_matches("https://"))]
    Unreachable {
        /// The server.
        host: Origin,
        /// Which server that is.
        hop: Hop,
        /// What was in the way.
        why: Obstacle,
    },
    /// The connection could not be made, for another reason, or was cut.
    #[error("cannot {action} {url}")]
    Transport {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// Who failed.
        hop: Hop,
        /// What the HTTP library says, without the URL.
        source: ForeignError,
    },
    /// The proxy could not be reached, or did not pass the request on.
    #[error("cannot {action} {url}: {proxy} {problem}")]
    Proxy {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The proxy.
        proxy: ProxyName,
        /// What it did.
        problem: &'static str,
        /// What the HTTP library says, without the URL.
        source: ForeignError,
    },
    /// The server fell silent.
    #[error("cannot {action} {url}{}: it sent nothing for {}", Through(proxy.as_ref()), duration(*idle))]
    Stalled {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// Who fell silent.
        hop: Hop,
        /// The proxy, if it may be the one that fell silent.
        proxy: Option<ProxyName>,
        /// The time-out that cut it.
        idle: Duration,
    },
    /// The server sends, but next to nothing.
    #[error("cannot {action} {url}: it sent only {bytes} bytes in {}", duration(*waited))]
    TooSlow {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// Who was slow.
        hop: Hop,
        /// What came.
        bytes: u64,
        /// In which time.
        waited: Duration,
    },
    /// The proxy lets no request through without a login, or not with this user and password.
    #[error(
        "cannot {action} {url}: {} wants another login, as in http://user:password@proxy:3128",
        Named(proxy.as_ref())
    )]
    ProxyLogin {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The proxy; `None` when one asks that was not set.
        proxy: Option<ProxyName>,
    },
    /// The certificate of the server, or of a proxy that is reached over https, is not trusted: its issuer is unknown,
    /// or it is not valid for this name. A private authority, a proxy that looks into connections, or an attacker.
    /// Asking again does not help.
    #[error(
        "cannot {action} {url}: {} is not trusted; if it comes from an authority of your own, name the file with that authority's certificate in SSL_CERT_FILE",
        Certificate(proxy.as_ref())
    )]
    UntrustedCertificate {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The proxy, if the certificate is its own.
        proxy: Option<ProxyName>,
        /// What the TLS library says.
        source: ForeignError,
    },
    /// The answer is compressed, although every request asks for it as it is, and not in a way that is undone here.
    #[error("cannot {action} {url}: the answer is compressed ({coding}), though that was not asked for")]
    Encoded {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The coding that the answer names.
        coding: ForeignText,
    },
    /// The answer is compressed, and cannot be decoded.
    #[error("cannot {action} {url}: the answer is compressed (gzip), and {problem}")]
    Damaged {
        /// What was attempted, to be followed by a URL.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// Who sent it.
        hop: Hop,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The runtime was shut down, or the caller dropped the operation.
    #[error("the operation was cancelled")]
    Cancelled,
}

/// Why no connection could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// The name has no address, or nobody could be asked for it.
    Name,
    /// The network that this machine is in leads nowhere.
    NoRoute,
    /// The machine is there and refuses connections.
    Refused,
    /// Nothing came back in time.
    Silence,
    /// What came back is no TLS.
    NoTls,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "its name cannot be found",
            Self::NoRoute => "there is no route to it",
            Self::Refused => "it refused the connection",
            Self::Silence => "it does not answer",
            Self::NoTls => "it does not speak https (is its address one of http://?)",
        })
    }
}

/// Who a request met on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hop {
    /// The proxy, or what is between it and the server.
    Proxy,
    /// The model hub.
    Hub,
    /// The server of the files' bytes.
    DataHost,
    /// The store, or a service that hands out credentials for it.
    Store,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proxy => "the proxy",
            Self::Hub => "the hub",
            Self::DataHost => "the data host",
            Self::Store => "the store",
        })
    }
}

impl Error {
    pub(crate) fn rate_limit(header: &str) -> Self {
        Self::RateLimit { header: Excerpt::of(header) }
    }

    /// What sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::ClientSetup { .. }
            | Self::UnusableProxy { .. }
            | Self::UnusableNoProxy { .. }
            | Self::UnusableCertificates { .. } => ErrorKind::InvalidInput,
            Self::RateLimit { .. }
            | Self::UnusableUrl { .. }
            | Self::TooManyRedirects { .. }
            | Self::BadRedirect { .. }
            | Self::ProxyLogin { .. }
            | Self::UntrustedCertificate { .. }
            | Self::Encoded { .. } => ErrorKind::Refused,
            Self::Unreachable { .. }
            | Self::Transport { .. }
            | Self::Proxy { .. }
            | Self::Stalled { .. }
            | Self::TooSlow { .. }
            | Self::Damaged { .. } => ErrorKind::Network,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// Who failed, for a connection that was not made, was cut or fell silent.
    pub fn hop(&self) -> Option<Hop> {
        match self {
            Self::Unreachable { hop, .. }
            | Self::Transport { hop, .. }
            | Self::Stalled { hop, .. }
            | Self::TooSlow { hop, .. }
            | Self::Damaged { hop, .. } => Some(*hop),
            Self::Proxy { .. } | Self::ProxyLogin { .. } => Some(Hop::Proxy),
            _ => None,
        }
    }
}

/// A proxy, which may not be known.
struct Named<'a>(Option<&'a ProxyName>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(proxy) => proxy.fmt(f),
            None => f.write_str("the proxy"),
        }
    }
}

/// A server's certificate, or its proxy's.
struct Certificate<'a>(Option<&'a ProxyName>);

impl fmt::Display for Certificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(proxy) => write!(f, "the certificate of {proxy}"),
            None => f.write_str("the server's certificate"),
        }
    }
}

/// The way of a request, where it may be to blame.
struct Through<'a>(Option<&'a ProxyName>);

impl fmt::Display for Through<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |proxy| write!(f, " through {proxy}"))
    }
}
