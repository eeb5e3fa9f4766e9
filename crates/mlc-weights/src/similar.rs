//! Models of similar names, for whoever has mistyped one.

use std::collections::BTreeSet;

use facade::ModelRef;

/// As many as help rather than hide.
const MOST: usize = 3;
/// Less similar names (1: the same) are other models.
const LEAST: f64 = 0.75;

/// Those of some models whose names are similar to that of a model, the most similar first.
pub(crate) fn to(model: &ModelRef, others: impl Iterator<Item = ModelRef>) -> Vec<ModelRef> {
    let wanted = model.to_string().to_lowercase();
    let mut similar: Vec<(f64, ModelRef)> = others
        .filter(|other| other != model)
        .map(|other| (likeness(&wanted, &other.to_string().to_lowercase()), other))
        .filter(|(likeness, _)| *likeness >= LEAST)
        .collect();
    similar.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut seen = BTreeSet::new();
    let names = similar.into_iter().map(|(_, other)| other);
    names.filter(|other| seen.insert(other.to_string())).take(MOST).collect()
}

/// By the characters that differ. The same repository of another user is similar, too.
fn likeness(wanted: &str, other: &str) -> f64 {
    let repo = |name: &str| name.split_once('/').map_or(String::new(), |(_, repo)| repo.to_owned());
    let by_repo = strsim::normalized_damerau_levenshtein(&repo(wanted), &repo(other));
    strsim::normalized_damerau_levenshtein(wanted, other).max(by_repo)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHED: [&str; 4] = [
        "mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC",
        "mlc-ai/Llama-3.2-3B-Instruct-q4f16_1-MLC",
        "mlc-ai/gemma-2-2b-it-q4f16_1-MLC",
        "me/Qwen2.5-0.5B",
    ];

    #[track_caller]
    fn check(model: &str, expected: &[&str]) {
        let cached = CACHED.iter().chain(&CACHED).map(|name| name.parse().unwrap());
        let found: Vec<String> =
            to(&model.parse().unwrap(), cached).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{model}");
    }

    #[test]
    fn slips_are_seen_through() {
        check("mlc-ai/llama-3.2-3B-Instruct-q4f16_1-MLC", &[CACHED[1], CACHED[0]]);
        check("mlc-ai/gemma-2-2b-it-q4f16_1", &[CACHED[2]]);
        check("you/Qwen2.5-0.5B", &[CACHED[3]]);
        check("me/Qwen-2.5-0.5B", &[CACHED[3]]);
    }

    #[test]
    fn other_models_are_not_offered() {
        check("mlc-ai/Mistral-7B-Instruct-v0.3-q4f16_1-MLC", &[]);
        check("me/Phi", &[]);
        check(CACHED[2], &[]);
    }
}
