//! Models named on the command line, for commands about what is cached.

use facade::{Cache, Error, ModelRef, ModelUrl};

use crate::exit::{Failure, Malformed};
use crate::similar;

/// All of them, looked at before anything is done. A model needs no prefix here.
///
/// # Errors
/// What no model can be called.
pub(super) fn models(names: &[String]) -> Result<Vec<ModelRef>, Failure> {
    let (mut models, mut malformed) = (Vec::new(), Vec::new());
    for name in names {
        match model(name) {
            Ok(model) => models.push(model),
            Err(error) => malformed.push(Malformed { place: None, error }),
        }
    }
    if malformed.is_empty() { Ok(models) } else { Err(Failure::Malformed(malformed)) }
}

fn model(name: &str) -> Result<ModelRef, Error> {
    match ModelUrl::looks_like(name) {
        true => Ok(name.parse::<ModelUrl>()?.into_model()),
        false => Ok(name.parse::<ModelRef>()?),
    }
}

/// The failure; when it is a name that the cache does not have, with the names most like it.
pub(super) fn explained(cache: &Cache, error: Error) -> Failure {
    match error {
        Error::NotInCache { model, looked_in } => {
            // A cache that cannot be listed has no suggestions.
            let similar = similar::to(&model, cache.models().unwrap_or_default());
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
        assert_eq!(model(name).unwrap().to_string(), expected);
    }

    #[test]
    fn a_model_needs_no_prefix() {
        parses("user/repo", "user/repo");
        parses("HF://user/repo", "user/repo");
        parses("https://huggingface.co/user/repo", "user/repo");
        parses("user/repo@main", "user/repo@main");
        for name in ["", "user", "user/", "a/b/c", "hf://user/repo", "https://example.org/user/repo", "../b"]
        {
            assert!(model(name).is_err(), "{name}");
        }
    }
}
