//! The secret that authenticates towards a hub.

use std::fmt;

use reqwest::header::HeaderValue;

use crate::Error;

/// An access token for a hub, trimmed and known to fit into a header.
///
/// Its `Debug` output hides the value, and there is no `Display`: a token leaves this type only as the
/// `Authorization` header of a request to the endpoint's own origin.
#[derive(Clone)]
pub struct Token {
    bearer: HeaderValue,
}

impl Token {
    /// Takes a token as users store it: surrounding white space and line ends are dropped.
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
        Ok(Some(Self { bearer }))
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        self.bearer.clone()
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
    fn a_token_is_never_shown() {
        let token = Token::new("hf_secret").unwrap().unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!(!format!("{:?}", token.header()).contains("secret"));
        let refused = Token::new("hf_se\ncret").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("cret"));
    }
}
