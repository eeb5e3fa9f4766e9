//! Guesses the model meant by a text that is not a model URL.

use crate::ascii_case;
use crate::endpoint::Endpoint;
use crate::model_id::ModelId;
use crate::model_ref::{self, ModelRef};
use crate::platform::Platform;
use crate::revision::Revision;

/// Host names of the one hub that a model URL may name.
const HOSTS: [&str; 4] = ["huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co"];

/// The path segments that web pages add after `user/repo`.
const PAGES: [&str; 6] = ["tree", "blob", "resolve", "raw", "commit", "commits"];

/// The model, if only the notation is wrong: case or kind of the prefix, another name of the hub, a
/// page of the repository (whose revision is kept, unless it is `main`), a query, extra slashes,
/// `.git`, white space. `None` if the guess might be a different model than the one meant.
pub(crate) fn guess(text: &str) -> Option<ModelRef> {
    model_in(after_hub(without_tail(text))?)
}

/// The hub and the model, if the text is the address of a model on any other hub.
pub(crate) fn elsewhere(text: &str) -> Option<(Endpoint, ModelRef)> {
    let text = without_tail(text);
    let (start, _) = text.match_indices('/').nth(2)?;
    let (hub, path) = text.split_at_checked(start)?;
    let model = model_in(path).filter(|_| after_hub(text).is_none())?;
    Some((hub.parse().ok()?, model))
}

fn without_tail(text: &str) -> &str {
    text.trim().split(['?', '#']).next().unwrap_or_default()
}

fn model_in(path: &str) -> Option<ModelRef> {
    let (name, revision) = model_ref::split(path.trim_start_matches('/'));
    let mut segments = name.split('/').filter(|segment| !segment.is_empty());
    let (user, repo) = (segments.next()?, segments.next()?);
    let revision = match (segments.next(), revision) {
        (None, revision) => revision.filter(|revision| !revision.is_empty()),
        (Some(page), None) if PAGES.contains(&page) => segments.next().filter(|name| *name != "main"),
        _ => return None,
    };
    let repo = ascii_case::strip_suffix(repo, ".git").unwrap_or(repo);
    let id = ModelId::checked(user, repo, Platform::here()).ok()?;
    Some(ModelRef::new(id, revision.map(Revision::checked).transpose().ok()?))
}

/// The rest after scheme and host, if they mean the hub.
fn after_hub(text: &str) -> Option<&str> {
    if let Some(rest) = ascii_case::strip_prefix(text, "git@hf.co:") {
        return Some(rest);
    }
    let schemes = ["https://", "http://", "hf://"];
    let scheme = schemes.into_iter().find(|scheme| ascii_case::strip_prefix(text, scheme).is_some());
    let rest = scheme.and_then(|scheme| text.get(scheme.len()..)).unwrap_or(text);
    let after_host = rest.split_once('/').filter(|(host, _)| is_hub(host)).map(|(_, path)| path);
    match (scheme, after_host) {
        (_, Some(path)) => Some(path),
        // Without a scheme, a leading slash or dot means a local path.
        (None, None) if rest.starts_with('/') => None,
        (None | Some("hf://"), None) => Some(rest),
        (Some(_), None) => None,
    }
}

fn is_hub(authority: &str) -> bool {
    let host = authority.rsplit('@').next().unwrap_or(authority);
    HOSTS.iter().any(|known| known.eq_ignore_ascii_case(host))
}
