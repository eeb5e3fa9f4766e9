//! Interprets a hub's refusals.

use net::{Answer, Refusal, SafeUrl, ServerWords, header_text};
use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap};
use url_parse::{Endpoint, ModelId, RepoPath};

use crate::{Door, Error};

/// What was requested, as far as a refusal needs to know.
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a ModelId,
    /// The file, for `/resolve/`; `None` for the repository itself.
    pub(crate) file: Option<&'a RepoPath>,
    pub(crate) revision: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    /// The name of the token that was sent, if any.
    pub(crate) token: Option<String>,
}

impl Asked<'_> {
    /// Converts a response with an error status into the error that it means.
    pub(crate) async fn refused(&self, answer: Answer) -> Error {
        self.classify(answer.refusal().await)
    }

    /// The hub's error code decides, then its message, then the status, since one status stands for
    /// many refusals.
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
            // Without a code, a server may answer so at any address, whether the model exists or not.
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

    /// The file is missing if one was requested, otherwise the repository.
    fn not_found(&self, url: SafeUrl, hub_says: ServerWords) -> Error {
        let model = self.model.clone();
        if let Some(path) = self.file {
            Error::FileNotFound { model, path: path.clone(), url, hub_says }
        } else {
            Error::MissingOrPrivate { model, url, door: self.door(), hub_says }
        }
    }
}

/// Whether the headers of a response say that the request's token is invalid. If a hub knows the token
/// but it lacks access, the response differs.
pub(crate) fn is_bad_token(status: StatusCode, headers: &HeaderMap) -> bool {
    let says = |name| header_text(headers, name);
    status == StatusCode::UNAUTHORIZED
        && says("x-error-code").is_none()
        && says("x-error-message").is_none_or(|words| words.contains("Invalid credentials"))
}

/// Whether a response asks for a login with user and password. A model hub knows tokens, and explains
/// its refusals.
pub(crate) fn wants_password(status: StatusCode, headers: &HeaderMap) -> bool {
    let challenges = [header::WWW_AUTHENTICATE.as_str(), "lfs-authenticate"];
    let mut challenges = challenges.into_iter().flat_map(|name| headers.get_all(name));
    // A header may contain several challenges, each beginning with its scheme.
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
