//! Models named on the command line.

use facade::env::Settings;
use facade::{Cache, Endpoint, Error, ModelRef, ModelUrl, Request, Revision};

use crate::exit::{Failure, Malformed};
use crate::similar;

/// Cached models, all of them looked at before anything is done.
///
/// # Errors
/// What no model can be called, and an endpoint that cannot be used.
pub(super) fn models(names: &[String]) -> Result<Vec<ModelRef>, Failure> {
    let hub = Settings::from_env()?.endpoint;
    all(names.iter().map(|name| (None, model(name, &hub))))
}

/// A model that is asked for.
pub(super) fn request(name: &str, hub: &Endpoint) -> Result<Request, Error> {
    Ok(Request::new(model(name, hub)?))
}

/// Everything that was parsed. What stands in a list comes with its place there.
///
/// # Errors
/// All that could not be parsed, not only the first.
pub(super) fn all<T>(
    parsed: impl Iterator<Item = (Option<String>, Result<T, Error>)>,
) -> Result<Vec<T>, Failure> {
    let (mut good, mut malformed) = (Vec::new(), Vec::new());
    for (place, result) in parsed {
        match result {
            Ok(model) => good.push(model),
            Err(error) => malformed.push(Malformed { place, error }),
        }
    }
    if malformed.is_empty() { Ok(good) } else { Err(Failure::Malformed(malformed)) }
}

/// The request, for the revision if one was given as an option.
pub(super) fn at(revision: Option<&Revision>, request: Request) -> Request {
    match revision {
        Some(revision) => request.revision(revision.clone()),
        None => request,
    }
}

/// A model as `user/repo`, by its URL, or by its address at the hub that is set.
fn model(name: &str, hub: &Endpoint) -> Result<ModelRef, Error> {
    let looks_like_url = name.is_empty()
        || name.contains(':')
        || name.split('/').next().is_some_and(|host| host.contains('.'));
    match name.parse() {
        Ok(model) => Ok(model),
        // This error knows best what was meant.
        Err(_) if looks_like_url => Ok(ModelUrl::parse_at(name, hub)?.into_model()),
        Err(error) => Err(error.into()),
    }
}

/// The failure; when it is a name that the cache does not have, with the names most like it.
pub(super) fn explained(cache: &Cache, error: Error) -> Failure {
    match error {
        Error::NotInCache { model, looked_in, .. } => {
            let similar = similar::to(&model, cache);
            Failure::Unknown { model, looked_in, similar }
        }
        other => Failure::Facade(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parses(name: &str, expected: &str) {
        assert_eq!(model(name, &Endpoint::default()).unwrap().to_string(), expected);
    }

    #[test]
    fn a_model_needs_no_prefix() {
        parses("user/repo", "user/repo");
        parses("HF://user/repo", "user/repo");
        parses("https://huggingface.co/user/repo", "user/repo");
        parses("user/repo@main", "user/repo@main");
        for name in ["", "user", "user/", "a/b/c", "hf://user/repo", "https://example.org/user/repo", "../b"]
        {
            assert!(model(name, &Endpoint::default()).is_err(), "{name}");
        }
    }
}
