//! What a hub means by an answer that is not the one asked for.

use net::{Answer, Refusal, SafeUrl, ServerWords, header_text};
use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap};
use url_parse::{Endpoint, ModelId, RepoPath};

use crate::{Door, Error};

/// What was asked for, as far as a refusal needs to know it.
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a ModelId,
    /// The file, for `/resolve/`; `None` for the repository itself.
    pub(crate) file: Option<&'a RepoPath>,
    pub(crate) revision: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    /// What messages call the token that was sent, if one was.
    pub(crate) token: Option<String>,
}

impl Asked<'_> {
    /// Turns an answer with an error status into the error it stands for.
    pub(crate) async fn refused(&self, answer: Answer) -> Error {
        self.classify(answer.refusal().await)
    }

    /// The error code of the hub decides, then its words, then the status: one status stands for many refusals.
    fn classify(&self, refusal: Refusal) -> Error {
        let Refusal { status, wait, .. } = refusal;
        let hub_says = refusal.words;
        let says =
            |words: &str| hub_says.message.as_ref().is_some_and(|message| message.as_str().contains(words));
        let (is_disabled, is_bad_token) =
            (says("Access to this resource is disabled"), says("Invalid credentials"));
        let (model, url) = (self.model.clone(), SafeUrl::of(&refusal.url));
        let (door, token) = (self.door(), self.token.clone());
        match (header_text(&refusal.headers, "x-error-code"), status.as_u16()) {
            (Some("RevisionNotFound"), _) => Error::RevisionNotFound {
                model,
                revision: self.revision.to_owned(),
                known: Vec::new(),
                hub_says,
            },
            (Some("EntryNotFound"), _) => self.not_found(url, hub_says),
            (Some("GatedRepo"), _) => Error::Gated { model, door, hub_says },
            _ if is_disabled => Error::Disabled { model, hub_says },
            (Some("RepoNotFound"), _) => Error::MissingOrPrivate { model, url, door, hub_says },
            (_, 401) if is_bad_token => Error::BadToken { url, token, hub_says },
            (_, 401) => Error::MissingOrPrivate { model, url, door, hub_says },
            // Without a code that may be said of any address, whether there is such a model or not.
            (_, 404) if self.file.is_some() => self.not_found(url, hub_says),
            (_, 429) => Error::RateLimited { url, wait, has_token: token.is_some(), hub_says },
            (_, status) if net::is_transient_status(status) => {
                Error::Unavailable { url, status, wait, hub_says }
            }
            (_, status) => Error::UnexpectedStatus { url, status, hub_says },
        }
    }

    fn door(&self) -> Door {
        Door { page: SafeUrl::of(&self.endpoint.model_page(self.model)), token: self.token.clone() }
    }

    /// The file is missing if one was asked for, else the repository.
    fn not_found(&self, url: SafeUrl, hub_says: ServerWords) -> Error {
        let model = self.model.clone();
        if let Some(path) = self.file {
            Error::FileNotFound { model, path: path.clone(), url, hub_says }
        } else {
            Error::MissingOrPrivate { model, url, door: self.door(), hub_says }
        }
    }
}

/// Whether an answer to a request with a token says, in its headers, that the token is no good. A hub that knows the
/// token has other answers for what the token may not see.
pub(crate) fn is_bad_token(status: StatusCode, headers: &HeaderMap) -> bool {
    let says = |name| header_text(headers, name);
    status == StatusCode::UNAUTHORIZED
        && says("x-error-code").is_none()
        && says("x-error-message").is_none_or(|words| words.contains("Invalid credentials"))
}

/// Whether an answer asks for a login with a user and a password. A model hub has words of its own for its refusals, and
/// knows tokens.
pub(crate) fn wants_password(status: StatusCode, headers: &HeaderMap) -> bool {
    let challenges = [header::WWW_AUTHENTICATE.as_str(), "lfs-authenticate"];
    let mut challenges = challenges.into_iter().flat_map(|name| headers.get_all(name));
    // Several may be in one header, and the scheme comes first in each.
    let is_basic = |challenge: &[u8]| {
        challenge.split(|byte| *byte == b',').any(|one| {
            let scheme = one.trim_ascii().split(|byte| *byte == b' ').next();
            scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
        })
    };
    status == StatusCode::UNAUTHORIZED
        && !headers.contains_key("x-error-message")
        && !headers.contains_key("x-error-code")
        && challenges.any(|challenge| is_basic(challenge.as_bytes()))
}

#[cfg(test)]
mod tests;
