//! How URLs and the hub's own words appear in messages.

use std::fmt;

use url_parse::Url;

/// A URL as messages show it: no user, password, query or fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeUrl(String);

impl SafeUrl {
    pub(crate) fn of(url: &Url) -> Self {
        Self(net_policy::RedactedUrl(url).to_string())
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What the hub itself said about a refusal, shown after our own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HubWords {
    /// The message of the hub, cut and free of control characters.
    pub message: Option<String>,
    /// The identifier by which the hub's operators find the request.
    pub request_id: Option<String>,
}

impl fmt::Display for HubWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = &self.message {
            write!(f, "; the hub says: {message}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}
