//! What a hub means by an answer that is not the one asked for.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use url_parse::{Endpoint, ModelId, RepoPath, Url};

use crate::client::header_text;
use crate::shown::{HubWords, SafeUrl};
use crate::throttle::server_wait;
use crate::words::hub_words;
use crate::{Error, Token};

/// The body of a refusal is read no further than this.
const MAX_BODY: usize = 4096;

/// What was asked for, as far as a refusal needs to know it.
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a ModelId,
    /// The file, for `/resolve/`; `None` for the repository itself.
    pub(crate) file: Option<&'a RepoPath>,
    pub(crate) revision: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    /// What may have gone along.
    pub(crate) token: Option<&'a Token>,
}

/// Turns an answer with an error status into the error it stands for, reading a little of its body for at most
/// `patience`: the words are worth no longer wait.
pub(crate) async fn read_refusal(
    asked: &Asked<'_>,
    url: &Url,
    mut response: Response,
    patience: Duration,
) -> Error {
    let mut body = Vec::new();
    let reading = async {
        while body.len() < MAX_BODY
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
    };
    // Whatever came until then will do.
    let _ = tokio::time::timeout(patience, reading).await;
    classify(asked, url, response.status(), response.headers(), &body)
}

/// The error code of the hub decides, then its words, then the status: one status stands for many refusals.
pub(crate) fn classify(
    asked: &Asked<'_>,
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Error {
    let hub_says = hub_words(headers, body, asked.token);
    let words = hub_says.message.clone().unwrap_or_default();
    let model = asked.model.clone();
    let url = SafeUrl::of(url);
    let gated = |hub_says| Error::Gated {
        model: asked.model.clone(),
        page: SafeUrl::of(&asked.endpoint.model_page(asked.model)),
        hub_says,
    };
    match (header_text(headers, "x-error-code"), status.as_u16()) {
        (Some("RevisionNotFound"), _) => {
            Error::RevisionNotFound { model, revision: asked.revision.to_owned(), hub_says }
        }
        (Some("EntryNotFound"), _) => not_found(asked, url, hub_says),
        (Some("GatedRepo"), _) => gated(hub_says),
        _ if words.contains("Access to this resource is disabled") => Error::Disabled { model, hub_says },
        (Some("RepoNotFound"), _) => Error::MissingOrPrivate { model, url, hub_says },
        (_, 401) if words.contains("Invalid credentials") => Error::BadToken { url, hub_says },
        (_, 401) => Error::MissingOrPrivate { model, url, hub_says },
        (_, 404) => not_found(asked, url, hub_says),
        (_, 429) => Error::RateLimited { url, wait: server_wait(headers, status.as_u16()), hub_says },
        (_, code) if net_policy::is_transient_status(code) => {
            Error::Unavailable { url, status: code, wait: server_wait(headers, status.as_u16()), hub_says }
        }
        (_, code) => Error::UnexpectedStatus { url, status: code, hub_says },
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

/// The file is missing if one was asked for, else the repository.
fn not_found(asked: &Asked<'_>, url: SafeUrl, hub_says: HubWords) -> Error {
    let model = asked.model.clone();
    match asked.file {
        Some(path) => Error::FileNotFound { model, path: path.clone(), url, hub_says },
        None => Error::MissingOrPrivate { model, url, hub_says },
    }
}

#[cfg(test)]
mod tests;
