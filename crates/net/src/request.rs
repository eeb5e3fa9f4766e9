//! What is sent, and what a sender is told while it waits.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;
use url_parse::Origin;

use crate::error::Hop;
use crate::floor::Floor;
use crate::gate::FILES;
use crate::reach::Reach;
use crate::redirect::Redirects;

/// One request and the rules for sending it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method; redirects do not change it.
    pub method: Method,
    /// The first URL.
    pub url: Url,
    /// Headers sent to every server, also after redirects.
    pub headers: HeaderMap,
    /// Headers that may be secret. They are sent to the first origin only: never again once a redirect
    /// has left it.
    pub own_headers: HeaderMap,
    /// The body; it is sent again with each redirect.
    pub body: Bytes,
    /// What is attempted, for messages; the URL follows it.
    pub action: &'static str,
    /// The role of the server that is asked.
    pub hop: Hop,
    /// Which redirects it follows.
    pub redirects: Redirects,
    /// The rate limit of the server that this request counts towards, if known.
    pub lane: &'static str,
    /// This is one of several parallel requests. The [`Floor`](crate::Floor) then applies to all of
    /// them together, and the receiver must check it.
    pub is_one_of_many: bool,
    /// Whether a gzip-encoded body of a 200 response is decoded instead of refused. The response's
    /// `Content-Length` and similar headers then describe the encoded bytes.
    pub takes_gzip: bool,
    /// A stricter floor than the client's [`floor`](crate::NetSettings::floor), for requests that are cheap to
    /// repeat.
    pub impatience: Option<Floor>,
    /// How near to this machine the server and its redirect targets may be. If a proxy resolves names,
    /// only literal addresses can be checked.
    pub reach: Reach,
}

impl Request {
    /// A plain GET that is counted with [files](FILES), follows redirects and accepts gzip.
    pub fn get(url: Url, action: &'static str, hop: Hop) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            own_headers: HeaderMap::new(),
            body: Bytes::new(),
            action,
            hop,
            redirects: Redirects::Anywhere,
            lane: FILES,
            is_one_of_many: false,
            takes_gzip: true,
            impatience: None,
            reach: Reach::default(),
        }
    }
}

/// A server's request to slow down or to pause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// The server.
    pub origin: Origin,
    /// For how long, from now.
    pub pause: Duration,
    /// Whether requests still go out meanwhile, one at a time.
    pub is_spread: bool,
}

/// Is told what a request waits for. Called from the sending task, so it must not block.
pub trait Watch: Sync {
    /// The request waits because of the server's limits, whether or not these were reported before.
    fn waiting(&self, _news: &Throttled) {}

    /// A response asked for a longer wait than was known.
    fn throttled(&self, _news: &Throttled) {}
}

/// Nothing is watched.
impl Watch for () {}
