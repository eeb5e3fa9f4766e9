//! Models named on the command line, for commands about what is cached.

use facade::{Cache, Error, ModelRef, ModelUrl};

use crate::exit::{Failure, Malformed};

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
            let similar = closest(&model, cache.models().unwrap_or_default());
            Failure::Unknown { model, looked_in, similar }
        }
        other => Failure::Facade(other),
    }
}

/// As many suggestions help.
const SUGGESTED: usize = 3;

/// Names that have less in common are no slip.
const ALIKE: f64 = 0.7;

fn closest(wanted: &ModelRef, known: Vec<ModelRef>) -> Vec<ModelRef> {
    let mut scored: Vec<(f64, ModelRef)> =
        known.into_iter().map(|model| (likeness(wanted, &model), model)).collect();
    scored.retain(|(likeness, _)| *likeness >= ALIKE);
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    scored.into_iter().take(SUGGESTED).map(|(_, model)| model).collect()
}

/// From 0, nothing in common, to 1. The user is often another one, so the repository counts by itself, too.
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
    fn check(wanted: &str, expected: &[&str]) {
        let known =
            ["mlc-ai/Llama-3.2-1B-q4f16_1-MLC", "mlc-ai/Llama-3.2-3B-q4f16_1-MLC", "me/tiny", "you/tiny"];
        let known = known.iter().map(|name| name.parse().unwrap()).collect();
        let found = closest(&wanted.parse().unwrap(), known);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn slips_are_seen_through() {
        check(
            "mlc-ai/llama-3.2-1b-q4f16_1-mlc",
            &["mlc-ai/Llama-3.2-1B-q4f16_1-MLC", "mlc-ai/Llama-3.2-3B-q4f16_1-MLC"],
        );
        check(
            "mlc-ai/Llama-3.2-3B-q4f16_1",
            &["mlc-ai/Llama-3.2-3B-q4f16_1-MLC", "mlc-ai/Llama-3.2-1B-q4f16_1-MLC"],
        );
        check("them/tiny", &["me/tiny", "you/tiny"]);
        check("me/tinny", &["me/tiny", "you/tiny"]);
        check("mlc-ai/Qwen3-0.6B-q0f16-MLC", &[]);
    }

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
