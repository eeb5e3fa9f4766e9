//! The token that authenticates to a hub, and where it may be sent.

use std::fmt;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header::HeaderValue;
use url_parse::Endpoint;

use crate::Error;

/// An access token for a hub, trimmed and known to be valid in a header.
///
/// Its `Debug` output hides the value, and there is no `Display`: the token appears only in the
/// `Authorization` header of a request to the endpoint's own origin.
///
/// ```
/// use hf_transport::Token;
/// use url_parse::Endpoint;
///
/// let (hub, mirror) = (Endpoint::default(), "https://hf-mirror.example".parse::<Endpoint>()?);
/// let token = Token::new("hf_secret\n")?;
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
    source: Option<Arc<str>>,
}

impl Token {
    /// Accepts a token as users store it: a leading byte order mark and surrounding white space and
    /// line ends are dropped. It counts as chosen by the user for this hub.
    ///
    /// # Errors
    ///
    /// [`Error::UnusableToken`] for a [blank](Self::is_blank) value, quotes, a word before the token
    /// such as `Bearer`, and characters that tokens do not have. No message contains the value.
    pub fn new(value: &str) -> Result<Self, Error> {
        let value = stripped(value);
        let unusable = |problem| Error::UnusableToken { problem };
        if value.is_empty() {
            return Err(unusable("it is blank"));
        }
        if value.contains(['"', '\'', '`']) {
            return Err(unusable("it contains quotes"));
        }
        if value.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("bearer")) {
            return Err(unusable("it begins with `Bearer`, which is not part of it"));
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable("it contains a character that is not allowed in a token"));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {value}"))
            .map_err(|_| unusable("it cannot be sent in an HTTP header"))?;
        bearer.set_sensitive(true);
        Ok(Self { bearer, is_explicit: true, source: None })
    }

    /// Whether nothing remains of a value after removing what [`new`](Self::new) drops. Every client of
    /// the hub takes that to mean "no token".
    pub fn is_blank(value: &str) -> bool {
        stripped(value).is_empty()
    }

    /// Marks the token as not chosen for this hub: an earlier login to huggingface.co left it.
    #[must_use]
    pub fn found_by_itself(mut self) -> Self {
        self.is_explicit = false;
        self
    }

    /// Makes messages call it "the token in `source`" when the hub refuses it: a variable's name, a
    /// path.
    #[must_use]
    pub fn found_in(mut self, source: &str) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        self.source.as_ref().map_or("the access token".to_owned(), |source| format!("the token in {source}"))
    }

    /// Whether the user chose it for the configured hub.
    pub fn is_explicit(&self) -> bool {
        self.is_explicit
    }

    /// Whether it may be sent to this hub: a token that the user chose, to any configured hub; one that
    /// was found, only to `https://huggingface.co`, and to no mirror.
    pub fn is_for(&self, hub: &Endpoint) -> bool {
        self.is_explicit || hub.origin() == Endpoint::default().origin()
    }

    /// Whether sending it to this hub exposes it: over plain http, to another machine.
    pub fn is_exposed_at(&self, hub: &Endpoint) -> bool {
        self.is_for(hub) && hub.as_str().starts_with("http://") && !hub.is_loopback()
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        self.bearer.clone()
    }

    /// The same for git hosts that accept a token as a password only. Most accept any user name; this
    /// one is what `GitLab` requires in some cases.
    pub(crate) fn as_password(&self) -> HeaderValue {
        let token = self.bearer.as_bytes().strip_prefix(b"Bearer ").unwrap_or_default();
        let login = BASE64_STANDARD.encode([b"oauth2:", token].concat());
        let basic = HeaderValue::try_from(format!("Basic {login}"));
        let mut basic = basic.unwrap_or_else(|_| self.header());
        basic.set_sensitive(true);
        basic
    }
}

fn stripped(value: &str) -> &str {
    value.strip_prefix('\u{feff}').unwrap_or(value).trim()
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
        Token::new("hf_secret").unwrap()
    }

    #[test]
    fn blank_values_are_no_token() {
        for blank in ["", " ", "\n", "\t\r\n", "\u{feff}\r\n"] {
            assert!(Token::is_blank(blank), "{blank:?}");
            refused(blank, "it is blank");
        }
    }

    #[test]
    fn white_space_around_it_is_dropped() {
        for value in [" hf_secret\r\n", "\u{feff}hf_secret\r\n"] {
            let token = Token::new(value).unwrap();
            assert_eq!(token.header().to_str().unwrap(), "Bearer hf_secret");
        }
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
    }

    #[track_caller]
    fn refused(value: &str, problem: &str) {
        let refused = Token::new(value).unwrap_err();
        let shown = format!("{refused} {refused:?}");
        assert!(shown.contains(problem) && !shown.contains("cret"), "{shown}");
    }

    #[test]
    fn text_that_is_no_token_is_refused() {
        refused("\"hf_s3cret\"", "it contains quotes");
        refused("'hf_s3cret'", "it contains quotes");
        refused("\u{feff}\"hf_s3cret", "it contains quotes");
        refused("Bearer hf_s3cret", "it begins with `Bearer`");
        refused("bearer\thf_s3cret", "it begins with `Bearer`");
        for value in [
            "hf_s3\ncret",
            "hf_s3 cret",
            "hf_s3cr\u{e9}t-cret",
            "hf_s3cret\u{200b}",
            "hf_\u{1}s3cret",
            "\u{201c}hf_s3cret\u{201d}",
        ] {
            refused(value, "it contains a character that is not allowed in a token");
        }
    }

    #[track_caller]
    fn check(hub: &str, chosen: bool, found: bool, exposed: bool) {
        let hub: Endpoint = hub.parse().unwrap();
        assert_eq!((token().is_for(&hub), token().found_by_itself().is_for(&hub)), (chosen, found));
        assert_eq!(token().is_exposed_at(&hub), exposed);
        assert!(!token().found_by_itself().is_exposed_at(&hub));
    }

    #[test]
    fn a_token_is_sent_only_where_it_is_allowed() {
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
