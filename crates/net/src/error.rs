//! Everything that can go wrong between this crate and a server.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use url_parse::{ErrorKind, Excerpt, ForeignError, ForeignText, Origin, duration, size};

use crate::shown::{ProxyName, SafeUrl};

/// The cause of an error, from any library.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a client cannot be set up, or a request brought no usable response.
///
/// A response with an error status is not an error here: see [`Answer`](crate::Answer). Messages show
/// URLs without user info and query; the cause appears in [`source`](StdError::source) only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client")]
    #[non_exhaustive]
    ClientSetup {
        /// What the HTTP library says.
        source: BoxError,
    },
    /// The address of a proxy cannot be used.
    #[error(
        "`{value}` is not the address of a proxy: {problem}; expected `http://host:port`, or https, socks4, socks4a, socks5 or socks5h instead of http"
    )]
    #[non_exhaustive]
    UnusableProxy {
        /// The address, without what may be a login.
        value: Excerpt,
        /// The reason.
        problem: &'static str,
    },
    /// A list of hosts to reach without a proxy cannot be used.
    #[error("`{value}` is not a list of hosts: it contains quotes")]
    #[non_exhaustive]
    UnusableNoProxy {
        /// The list.
        value: Excerpt,
    },
    /// The given CA certificates cannot be read.
    #[error("the given CA certificates cannot be used")]
    #[non_exhaustive]
    UnusableCertificates {
        /// The reason.
        source: BoxError,
    },
    /// A `RateLimit` header without `r=` or `t=`.
    #[error(
        "the number of requests left (`r=`) or the time to wait (`t=`) is missing in the header `RateLimit: {header}`"
    )]
    #[non_exhaustive]
    RateLimit {
        /// The header.
        header: Excerpt,
    },
    /// A URL that requests are not sent to.
    #[error("cannot {action} {url}: {problem}")]
    #[non_exhaustive]
    UnusableUrl {
        /// The action attempted, as in "cannot ACTION URL".
        action: &'static str,
        /// The URL.
        url: SafeUrl,
        /// The reason.
        problem: &'static str,
    },
    /// The redirects exceed the limit.
    #[error("{url} was redirected more than {limit} times")]
    #[non_exhaustive]
    TooManyRedirects {
        /// The first request of the chain.
        url: SafeUrl,
        /// The limit.
        limit: usize,
    },
    /// A redirect that cannot be followed or must not be.
    #[error("{url} redirects to {target}, which is refused: {problem}")]
    #[non_exhaustive]
    BadRedirect {
        /// The URL that redirected.
        url: SafeUrl,
        /// Its target.
        target: ForeignText,
        /// The reason.
        problem: &'static str,
    },
    /// No connection to the server could be made.
    #[error("cannot reach {}: {obstacle}", host.to_string().trim_start_matches("https://"))]
    #[non_exhaustive]
    Unreachable {
        /// The server.
        host: Origin,
        /// The server's role.
        hop: Hop,
        /// The cause.
        obstacle: Obstacle,
    },
    /// The connection was cut, or could not be made for another reason.
    #[error("cannot {action} {url}")]
    #[non_exhaustive]
    Transport {
        /// The action attempted.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The role of the server that failed.
        hop: Hop,
        /// The HTTP library's error, without the URL.
        source: ForeignError,
    },
    /// The proxy could not be reached, or did not forward the request.
    #[error("cannot {action} {url}: {proxy} {problem}")]
    #[non_exhaustive]
    Proxy {
        /// The action attempted.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The proxy.
        proxy: ProxyName,
        /// How it failed.
        problem: &'static str,
        /// The HTTP library's error, without the URL.
        source: ForeignError,
    },
    /// The server stopped responding.
    #[error("cannot {action} {url}{}: it sent nothing for {}", Through(proxy.as_ref()), duration(*idle))]
    #[non_exhaustive]
    Stalled {
        /// The action attempted.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The server's role.
        hop: Hop,
        /// The proxy, if it may be the silent one.
        proxy: Option<ProxyName>,
        /// The time-out.
        idle: Duration,
    },
    /// The server sends, but far too slowly.
    #[error("cannot {action} {url}: it sent only {} in {}", size(*bytes), duration(*waited))]
    #[non_exhaustive]
    TooSlow {
        /// The action attempted.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The server's role.
        hop: Hop,
        /// The bytes received…
        bytes: u64,
        /// …in this time.
        waited: Duration,
    },
    /// The proxy requires a login, or rejects this one.
    #[error("cannot {action} {url}: {} requires a valid login", Named(proxy.as_ref()))]
    #[non_exhaustive]
    ProxyLogin {
        /// The action attempted.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The proxy; `None` if it is not one that was configured.
        proxy: Option<ProxyName>,
    },
    /// The certificate of the server, or of a proxy reached over https, is not trusted: unknown issuer,
    /// or not valid for this host name. The cause may be a private authority, a proxy that inspects
    /// connections, or an attacker. Retrying does not help.
    #[error(
        "cannot {action} {url}: {} is not trusted",
        Certificate(proxy.as_ref())
    )]
    #[non_exhaustive]
    UntrustedCertificate {
        /// The action attempted.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The proxy, if the certificate belongs to it.
        proxy: Option<ProxyName>,
        /// The TLS library's error.
        source: ForeignError,
    },
    /// The response has a content coding that is not decoded here, although the request asked for none.
    #[error("cannot {action} {url}: the response is compressed ({coding}), which was not requested")]
    #[non_exhaustive]
    Encoded {
        /// The action attempted.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The coding that the response names.
        coding: ForeignText,
    },
    /// The response is compressed and cannot be decoded.
    #[error("cannot {action} {url}: the response is compressed (gzip), and {problem}")]
    #[non_exhaustive]
    Damaged {
        /// The action attempted.
        action: &'static str,
        /// The request.
        url: SafeUrl,
        /// The role of the sender.
        hop: Hop,
        /// The reason.
        problem: &'static str,
    },
    /// The runtime was shut down, or the caller dropped the operation.
    #[error("the operation was cancelled")]
    Cancelled,
}

/// Why no connection could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Obstacle {
    /// The name has no address, or could not be resolved.
    Name,
    /// There is no route to the server's network.
    NoRoute,
    /// The server's machine refuses connections.
    Refused,
    /// The connection timed out.
    Silence,
    /// The server does not speak TLS.
    NoTls,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "its name cannot be found",
            Self::NoRoute => "there is no route to it",
            Self::Refused => "it refused the connection",
            Self::Silence => "it does not answer",
            Self::NoTls => "it does not speak https",
        })
    }
}

/// The role of a server that a request reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hop {
    /// The proxy, or something between it and the server.
    Proxy,
    /// The model hub.
    Hub,
    /// The server that sends the files' bytes.
    DataHost,
    /// The store, or a service that issues credentials for it.
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
    /// A redirect to `target`, refused for a reason that this crate does not know.
    pub const fn bad_redirect(url: SafeUrl, target: ForeignText, problem: &'static str) -> Self {
        Self::BadRedirect { url, target, problem }
    }

    pub(crate) fn rate_limit(header: &str) -> Self {
        Self::RateLimit { header: Excerpt::of(header) }
    }

    /// The kind of failure.
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

    /// The role of the server behind a connection that failed or timed out.
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

/// Displays a proxy, or a phrase for an unknown one.
struct Named<'a>(Option<&'a ProxyName>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(proxy) => proxy.fmt(f),
            None => f.write_str("the proxy"),
        }
    }
}

/// Displays whose certificate it is: the server's or the proxy's.
struct Certificate<'a>(Option<&'a ProxyName>);

impl fmt::Display for Certificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(proxy) => write!(f, "the certificate of {proxy}"),
            None => f.write_str("the server's certificate"),
        }
    }
}

/// Displays the proxy of a request, where it may be to blame.
struct Through<'a>(Option<&'a ProxyName>);

impl fmt::Display for Through<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |proxy| write!(f, " through {proxy}"))
    }
}
