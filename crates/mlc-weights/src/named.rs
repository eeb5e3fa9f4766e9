//! Models named on the command line, and cached ones of similar names, for a user who mistyped one.

use facade::env::Settings;
use facade::{Cache, Endpoint, Error, ModelRef, ModelUrl, Request, Revision};

use crate::exit::{Failure, Malformed};

/// Cached models. All names are checked before anything is done.
///
/// # Errors
/// Malformed names, and an endpoint that cannot be used.
pub(crate) fn models(names: &[String]) -> Result<Vec<ModelRef>, Failure> {
    let hub = Settings::from_env()?.endpoint;
    all(names.iter().map(|name| (None, model(name, &hub))))
}

/// Refuses a command line that names no model, and says what else could be given. clap's own message does not.
pub(crate) fn require(is_named: bool, instead: &'static str) -> Result<(), Failure> {
    if is_named { Ok(()) } else { Err(Failure::NoModel { instead }) }
}

/// A model that is asked for.
pub(crate) fn request(name: &str, hub: &Endpoint) -> Result<Request, Error> {
    Ok(Request::new(model(name, hub)?))
}

/// Everything that was parsed. What is in a list comes with its place there.
///
/// # Errors
/// Everything that could not be parsed, not only the first.
pub(crate) fn all<T>(
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
pub(crate) fn at(revision: Option<&Revision>, request: Request) -> Request {
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
        // This error can guess what was meant.
        Err(_) if looks_like_url => Ok(ModelUrl::parse_at(name, hub)?.into_model()),
        Err(error) => Err(error.into()),
    }
}

/// The failure; for a model that the cache does not have, with the most similar names.
pub(crate) fn explained(cache: &Cache, error: Error) -> Failure {
    match error {
        Error::NotInCache { model, looked_in, .. } => {
            let similar = similar_to(&model, cache);
            Failure::Unknown { model, looked_in, similar }
        }
        other => Failure::Facade(other),
    }
}

/// How many suggestions help.
const MOST: usize = 3;

/// Names that are less alike (1: equal) are those of other models.
const ALIKE: f64 = 0.7;

/// Names of revisions are short: half of one may be a slip.
const ALIKE_REVISION: f64 = 0.5;

/// The cached models whose names are most like that of a model, the most similar first. They are only a
/// suggestion: a cache that cannot be listed has none.
pub(crate) fn similar_to(wanted: &ModelRef, cache: &Cache) -> Vec<ModelRef> {
    most_alike(wanted, cache.models().unwrap_or_default())
}

/// The branches and tags most like one that is not there, the most similar first.
pub(crate) fn similar_revisions(wanted: &str, known: &[Revision]) -> Vec<String> {
    let likeness =
        |name: &str| strsim::normalized_damerau_levenshtein(&wanted.to_lowercase(), &name.to_lowercase());
    let named = known.iter().map(Revision::as_str);
    let mut near: Vec<(f64, &str)> = named
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE_REVISION)
        .collect();
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    near.into_iter().take(MOST).map(|(_, name)| name.to_owned()).collect()
}

fn most_alike(wanted: &ModelRef, known: Vec<ModelRef>) -> Vec<ModelRef> {
    let mut scored: Vec<(f64, ModelRef)> = known
        .into_iter()
        .filter(|model| model != wanted)
        .map(|model| (likeness(wanted, &model), model))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    scored.into_iter().take(MOST).map(|(_, model)| model).collect()
}

/// From 0, nothing in common, to 1. Often only the user differs, so the repository counts by itself, too.
fn likeness(one: &ModelRef, other: &ModelRef) -> f64 {
    let alike = |one: &str, other: &str| {
        strsim::normalized_damerau_levenshtein(&one.to_lowercase(), &other.to_lowercase())
    };
    let whole = alike(&one.to_string(), &other.to_string());
    whole.max(alike(one.id().repo(), other.id().repo()))
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

    const KNOWN: [&str; 4] =
        ["mlc-ai/Llama-3.2-1B-q4f16_1-MLC", "mlc-ai/Llama-3.2-3B-q4f16_1-MLC", "me/tiny", "you/tiny"];

    #[track_caller]
    fn check(wanted: &str, expected: &[&str]) {
        let known = KNOWN.iter().map(|name| name.parse().unwrap()).collect();
        let found = most_alike(&wanted.parse().unwrap(), known);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{wanted}");
    }

    #[test]
    fn slips_are_seen_through() {
        check("mlc-ai/llama-3.2-1b-q4f16_1-mlc", &[KNOWN[0], KNOWN[1]]);
        check("mlc-ai/Llama-3.2-3B-q4f16_1", &[KNOWN[1], KNOWN[0]]);
        check("them/tiny", &[KNOWN[2], KNOWN[3]]);
        check("me/tinny", &[KNOWN[2], KNOWN[3]]);
    }

    #[test]
    fn revisions_have_short_names() {
        let known = ["main", "v1.0", "v1.1", "before-the-fix"].map(|name| name.parse().unwrap());
        for (wanted, near) in [
            ("v1.2", &["v1.0", "v1.1"][..]),
            ("master", &[]),
            ("mian", &["main"]),
            ("V1.0", &["v1.0", "v1.1"]),
        ] {
            assert_eq!(similar_revisions(wanted, &known), near, "{wanted}");
        }
    }

    #[test]
    fn other_models_are_not_offered() {
        check("mlc-ai/Qwen3-0.6B-q0f16-MLC", &[]);
        // Itself, which is incomplete or somewhere else.
        check("mlc-ai/Llama-3.2-1B-q4f16_1-MLC", &[KNOWN[1]]);
    }
}
