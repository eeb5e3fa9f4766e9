//! The settings of a hub client besides its HTTP client, all given by the caller.

use url_parse::Endpoint;

use crate::Token;

/// Settings of a [`HubClient`](crate::HubClient). Nothing here is read from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubConfig {
    /// The hub's base URL: `https://huggingface.co`, or that of a mirror.
    pub endpoint: Endpoint,
    /// Sent to the endpoint's own origin only, as `Authorization: Bearer`, or as a password (`Basic`)
    /// if the endpoint asks for that. Not sent at all where it [must not be](Token::is_for).
    pub token: Option<Token>,
    /// The limit on git metadata in bytes, as received and again as unpacked.
    pub max_metadata_bytes: u64,
}

impl HubConfig {
    /// The defaults for an endpoint: no token, 1 GiB of metadata.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, token: None, max_metadata_bytes: 1 << 30 }
    }
}
