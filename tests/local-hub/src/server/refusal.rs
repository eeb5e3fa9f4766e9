//! The hub's refusals, word for word.

use axum::response::Response;

use super::Shared;
use super::answer::{answer, set};
use crate::fixture::Access;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Missing or private, requested without a token.
    WhoAreYou,
    /// Missing or private, requested with a valid token.
    NoSuchRepository,
    BadToken,
    Gated {
        model: String,
    },
    NotOnTheList {
        model: String,
    },
    Disabled,
    NoSuchRevision(String),
    NoSuchEntry {
        commit: String,
    },
    NotFound,
    RateLimited,
}

/// The kind of client, since git needs a different challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Git,
    Resolve,
}

impl Refusal {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::WhoAreYou | Self::BadToken | Self::Gated { .. } => 401,
            Self::NotOnTheList { .. } | Self::Disabled => 403,
            Self::NoSuchRepository | Self::NoSuchRevision(_) | Self::NoSuchEntry { .. } | Self::NotFound => {
                404
            }
            Self::RateLimited => 429,
        }
    }

    fn code(&self) -> Option<&'static str> {
        match self {
            Self::NoSuchRepository => Some("RepoNotFound"),
            Self::Gated { .. } | Self::NotOnTheList { .. } => Some("GatedRepo"),
            Self::NoSuchRevision(_) => Some("RevisionNotFound"),
            Self::NoSuchEntry { .. } => Some("EntryNotFound"),
            Self::WhoAreYou | Self::BadToken | Self::Disabled | Self::NotFound | Self::RateLimited => None,
        }
    }

    fn message(&self, endpoint: &str) -> String {
        match self {
            Self::WhoAreYou => "Invalid username or password.".to_owned(),
            Self::NoSuchRepository => "Repository not found".to_owned(),
            Self::BadToken => "Invalid credentials in Authorization header".to_owned(),
            Self::Gated { model } => format!(
                "Access to model {model} is restricted. You must have access to it and be authenticated to access \
                 it. Please log in."
            ),
            Self::NotOnTheList { model } => format!(
                "Access to model {model} is restricted and you are not in the authorized list. Visit \
                 {endpoint}/{model} to ask for access."
            ),
            Self::Disabled => "Access to this resource is disabled.".to_owned(),
            Self::NoSuchRevision(revision) => format!("Invalid rev id: {revision}"),
            Self::NoSuchEntry { .. } => "Entry not found".to_owned(),
            Self::NotFound => "Not Found".to_owned(),
            Self::RateLimited => {
                "We had to rate limit you, you hit the quota of requests per 5 minutes.".to_owned()
            }
        }
    }

    pub(super) fn answer(&self, shared: &Shared, audience: Audience) -> Response {
        let message = self.message(&shared.endpoint());
        let mut response =
            answer(self.status(), &[("content-type", "text/plain; charset=utf-8")], message.clone());
        let headers = response.headers_mut();
        if let Some(code) = self.code() {
            set(headers, "x-error-code", code);
        }
        set(headers, "x-error-message", &message);
        if self.status() == 401 {
            let scheme = if audience == Audience::Git { "Basic" } else { "Bearer" };
            let challenge = format!("{scheme} realm=\"Authentication required\", charset=\"UTF-8\"");
            set(headers, "www-authenticate", &challenge);
        }
        if let Self::NoSuchEntry { commit } = self {
            set(headers, "x-repo-commit", commit);
            set(headers, "etag", "W/\"f-mY2VvLxuxB7KhsoOdQTlMTccuAQ\"");
        }
        response
    }
}

/// Admits a request for `model`, or returns the refusal. `authorization` is the unmodified header.
pub(super) fn admit(shared: &Shared, model: &str, authorization: Option<&str>) -> Result<(), Refusal> {
    let token = match authorization {
        None => None,
        Some(header) => Some(token_of(header).ok_or(Refusal::BadToken)?),
    };
    let access = shared.models.access(model);
    if token.as_ref().is_some_and(|token| !is_known(shared, token)) {
        let is_gated = matches!(access, Some(Access::Gated(_)));
        return Err(if is_gated { Refusal::Gated { model: model.to_owned() } } else { Refusal::BadToken });
    }
    match (access, token) {
        (Some(Access::Public), _) => Ok(()),
        (Some(Access::Disabled), _) => Err(Refusal::Disabled),
        (Some(Access::Private(may) | Access::Gated(may)), Some(token)) if may.contains(&token) => Ok(()),
        (Some(Access::Gated(_)), None) => Err(Refusal::Gated { model: model.to_owned() }),
        (Some(Access::Gated(_)), Some(_)) => Err(Refusal::NotOnTheList { model: model.to_owned() }),
        (Some(Access::Private(_)) | None, None) => Err(Refusal::WhoAreYou),
        (Some(Access::Private(_)) | None, Some(_)) => Err(Refusal::NoSuchRepository),
    }
}

/// A hub without any named token accepts every token.
fn is_known(shared: &Shared, token: &str) -> bool {
    let mut known = shared.models.tokens();
    known.extend_from_slice(&shared.settings.tokens);
    known.is_empty() || known.iter().any(|other| other == token)
}

/// The token of `Bearer TOKEN`, or of `Basic` with any user name.
fn token_of(header: &str) -> Option<String> {
    let (scheme, value) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let text = String::from_utf8(decode_base64(value.trim())?).ok()?;
        return text.split_once(':').map(|(_, token)| token.to_owned());
    }
    None
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_in_both_schemes() {
        for (header, expected) in [
            ("Bearer hf_abc", Some("hf_abc")),
            ("bearer  hf_abc ", Some("hf_abc")),
            ("Basic dXNlcjpoZl9hYmM=", Some("hf_abc")),
            ("Basic dTpoZl9hYmNk", Some("hf_abcd")),
            ("Basic !!!", None),
            ("Digest x", None),
            ("hf_abc", None),
        ] {
            assert_eq!(token_of(header).as_deref(), expected, "{header}");
        }
    }
}
