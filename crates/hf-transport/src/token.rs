//! The secret that authenticates towards a hub, and where it may go.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header::HeaderValue;
use url_parse::Endpoint;

use crate::Error;

/// An access token for a hub, trimmed and known to fit into a header.
///
/// Its `Debug` output hides the value, and there is no `Display`: a token leaves this type only as the
/// `Authorization` header of a request to the endpoint's own origin.
///
/// ```
/// use hf_transport::Token;
/// use url_parse::Endpoint;
///
/// let (hub, mirror) = (Endpoint::default(), "https://hf-mirror.example".parse::<Endpoint>()?);
/// let token = Token::new("hf_secret\n")?.ok_or("blank")?;
/// assert!(token.is_for(&hub) && token.is_for(&mirror));
/// let found = token.found_by_itself();
/// assert!(found.is_for(&hub) && !found.is_for(&mirror));
/// assert!(!format!("{found:?}").contains("secret"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Token {
    bearer: HeaderValue,
    is_explicit: bool,
}

impl Token {
    /// Takes a token as users store it: surrounding white space and line ends are dropped. It counts as one that
    /// the user chose for this hub.
    ///
    /// Returns `Ok(None)` for a blank value, which means "no token" to every client of the hub.
    ///
    /// # Errors
    ///
    /// [`Error::UnusableToken`] when the value holds characters that no HTTP header can carry. The value
    /// itself is in no message.
    pub fn new(value: &str) -> Result<Option<Self>, Error> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(None);
        }
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {value}")).map_err(|_| Error::UnusableToken)?;
        bearer.set_sensitive(true);
        Ok(Some(Self { bearer, is_explicit: true }))
    }

    /// The same token, as one that nobody chose for this hub: it lies where an earlier login has left it, and was
    /// a login at huggingface.co.
    #[must_use]
    pub fn found_by_itself(mut self) -> Self {
        self.is_explicit = false;
        self
    }

    /// Whether the user chose it for the hub that is set.
    pub fn is_explicit(&self) -> bool {
        self.is_explicit
    }

    /// Whether it may be sent to this hub: a token that the user chose, to whichever hub is set; one that was
    /// found, only to `https://huggingface.co`, and to no mirror of it.
    pub fn is_for(&self, hub: &Endpoint) -> bool {
        self.is_explicit || hub.origin() == Endpoint::default().origin()
    }

    /// Whether it is sent to this hub where others can read it: over plain http, to another machine.
    pub fn is_exposed_at(&self, hub: &Endpoint) -> bool {
        self.is_for(hub) && hub.as_str().starts_with("http://") && !hub.is_loopback()
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        self.bearer.clone()
    }

    /// The same for git hosts that take a token as a password only. Any user name will do; this one is what `GitLab`
    /// wants where it is particular.
    pub(crate) fn as_password(&self) -> HeaderValue {
        let token = self.bearer.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default();
        let login = BASE64_STANDARD.encode([b"oauth2:", token].concat());
        let basic = HeaderValue::try_from(format!("Basic {login}"));
        let mut basic = basic.unwrap_or_else(|_| self.header());
        basic.set_sensitive(true);
        basic
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::new("hf_secret").unwrap().unwrap()
    }

    #[test]
    fn blank_values_are_no_token() {
        for blank in ["", " ", "\n", "\t\r\n"] {
            assert!(Token::new(blank).unwrap().is_none(), "{blank:?}");
        }
    }

    #[test]
    fn white_space_around_it_is_dropped() {
        let token = Token::new(" hf_secret\r\n").unwrap().unwrap();
        assert_eq!(token.header().to_str().unwrap(), "Bearer hf_secret");
    }

    #[test]
    fn git_hosts_get_it_as_a_password() {
        let header = token().as_password();
        assert_eq!(header, "Basic b2F1dGgyOmhmX3NlY3JldA==");
        assert!(header.is_sensitive());
    }

    #[test]
    fn a_token_is_never_shown() {
        for token in [token(), token().found_by_itself()] {
            assert_eq!(format!("{token:?}"), "Token(…)");
            assert!(!format!("{:?}", token.header()).contains("secret"));
        }
        let refused = Token::new("hf_se\ncret").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("cret"));
    }

    #[track_caller]
    fn check(hub: &str, chosen: bool, found: bool, exposed: bool) {
        let hub: Endpoint = hub.parse().unwrap();
        assert_eq!((token().is_for(&hub), token().found_by_itself().is_for(&hub)), (chosen, found));
        assert_eq!(token().is_exposed_at(&hub), exposed);
        assert!(!token().found_by_itself().is_exposed_at(&hub));
    }

    #[test]
    fn where_it_may_go() {
        check("https://huggingface.co", true, true, false);
        check("https://HuggingFace.co:443/", true, true, false);
        check("https://huggingface.co:8443", true, false, false);
        check("https://hf-mirror.example", true, false, false);
        check("https://huggingface.co.example", true, false, false);
        check("https://sub.huggingface.co", true, false, false);
        check("http://huggingface.co", true, false, true);
        check("http://10.0.0.1:8080/hf", true, false, true);
        check("http://127.0.0.1:8080", true, false, false);
        check("http://localhost", true, false, false);
    }
}
