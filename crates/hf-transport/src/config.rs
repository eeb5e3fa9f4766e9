//! What a hub client needs to know, all of it given by the caller.

use std::time::Duration;

use net_policy::{CaCertificates, Gates, ProxySettings};
use url_parse::Endpoint;

use crate::Token;

/// Settings of a [`HubClient`](crate::HubClient). Nothing here is read from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubConfig {
    /// The hub, `https://huggingface.co` unless a mirror is named.
    pub endpoint: Endpoint,
    /// Sent as `Authorization: Bearer` to the endpoint's own origin, and nowhere else; not at all where it
    /// [may not go](Token::is_for).
    pub token: Option<Token>,
    /// The `User-Agent` header of every request.
    pub user_agent: String,
    /// How long a connection may take to be established.
    pub connect_timeout: Duration,
    /// How long a server may stay silent, before its answer begins or in the middle of it. There is no
    /// time-out for a whole transfer.
    pub idle_timeout: Duration,
    /// The proxies to use; none unless given.
    pub proxy: ProxySettings,
    /// The certificate authorities that vouch for https servers; the system's unless others are given.
    pub ca_certificates: CaCertificates,
    /// The gates at which requests wait when a server limits their rate; give the same ones to everything that
    /// talks to the same servers.
    pub gates: Gates,
    /// How many bytes git metadata may take, once received and once unpacked, before it is refused.
    pub max_metadata_bytes: u64,
}

impl HubConfig {
    /// The defaults for one endpoint: no token, no proxy, the system's certificates, ten seconds for each time-out, 1 GiB of metadata.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            token: None,
            user_agent: concat!("mlc-weights/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            proxy: ProxySettings::default(),
            ca_certificates: CaCertificates::default(),
            gates: Gates::default(),
            max_metadata_bytes: 1 << 30,
        }
    }
}
