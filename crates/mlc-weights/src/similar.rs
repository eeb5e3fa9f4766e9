//! Models of similar names, for a user who mistyped one.

use facade::{Cache, ModelRef, Revision};

/// As many as help rather than hide.
const MOST: usize = 3;

/// Names that have less in common (1: everything) are those of other models.
const ALIKE: f64 = 0.7;

/// Names of revisions are short: half of one may be a slip.
const ALIKE_REVISION: f64 = 0.5;

/// The cached models whose names are most like that of a model, the most similar first. They are only a
/// suggestion: a cache that cannot be listed has none.
pub(crate) fn to(wanted: &ModelRef, cache: &Cache) -> Vec<ModelRef> {
    most_alike(wanted, cache.models().unwrap_or_default())
}

/// The branches and tags most like one that is not there, the most similar first.
pub(crate) fn revisions(wanted: &str, known: &[Revision]) -> Vec<String> {
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
            assert_eq!(revisions(wanted, &known), near, "{wanted}");
        }
    }

    #[test]
    fn other_models_are_not_offered() {
        check("mlc-ai/Qwen3-0.6B-q0f16-MLC", &[]);
        // Itself, which is not whole or somewhere else.
        check("mlc-ai/Llama-3.2-1B-q4f16_1-MLC", &[KNOWN[1]]);
    }
}
