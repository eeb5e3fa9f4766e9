//! What a hub client needs to know beside its HTTP client, all of it given by the caller.

use url_parse::Endpoint;

use crate::Token;

/// Settings of a [`HubClient`](crate::HubClient). Nothing here is read from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubConfig {
    /// The hub, `https://huggingface.co` unless a mirror is named.
    pub endpoint: Endpoint,
    /// Sent as `Authorization: Bearer` to the endpoint's own origin, and nowhere else; as a password (`Basic`) where that
    /// asks for one instead; not at all where it [may not go](Token::is_for).
    pub token: Option<Token>,
    /// How many bytes git metadata may take, once received and once unpacked, before it is refused.
    pub max_metadata_bytes: u64,
}

impl HubConfig {
    /// The defaults for one endpoint: no token, 1 GiB of metadata.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, token: None, max_metadata_bytes: 1 << 30 }
    }
}
