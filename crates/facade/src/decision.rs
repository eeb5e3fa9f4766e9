//! What a request comes to: policy, force and what the cache holds, decided in one place without I/O.

use cache_layout::{CachePolicy, Hit, Lookup};

use crate::{Error, Request};

/// What to do for a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The cache answers.
    Serve(Hit),
    /// A download is needed and allowed.
    Download {
        /// Whether an existing entry is to be replaced although it is whole.
        replace: bool,
    },
}

/// Whether a request forces a download, as its own word or by the policy.
///
/// # Errors
///
/// [`Error::ForceForbidden`]: forced by the request and forbidden by the policy. Known before the cache is
/// looked at, so that nothing is touched.
pub(crate) fn is_forced(request: &Request, policy: CachePolicy) -> Result<bool, Error> {
    match (request.forced(), policy) {
        (Some(true), CachePolicy::Off | CachePolicy::ReadOnly) => {
            Err(Error::ForceForbidden { model: request.model().clone(), policy })
        }
        (Some(force), _) => Ok(force),
        (None, policy) => Ok(policy == CachePolicy::Redo),
    }
}

/// Decides by what the cache holds.
///
/// A read-only tier that has the model wins over a forced download: it stands before the writable one, and a
/// download would never be seen. (The Python original does the same.)
///
/// # Errors
///
/// [`Error::NotCached`] when the policy forbids the download that would be needed.
pub(crate) fn decide(
    request: &Request,
    policy: CachePolicy,
    forced: bool,
    lookup: Lookup,
) -> Result<Decision, Error> {
    match (lookup.hit, policy) {
        (Some(hit), _) if hit.tier.is_read_only() || !forced => Ok(Decision::Serve(hit)),
        (None, CachePolicy::Off | CachePolicy::ReadOnly) => Err(Error::NotCached {
            model: request.model().clone(),
            policy,
            looked_in: lookup.looked_in,
            passed_over: lookup.passed_over,
        }),
        _ => Ok(Decision::Download { replace: forced }),
    }
}

#[cfg(test)]
mod tests {
    use cache_layout::Tier;

    use super::*;
    use crate::ErrorKind;

    #[derive(Clone, Copy, Debug)]
    enum Found {
        Nothing,
        InReadOnlyTier,
        InWritableTier,
    }
    use Found::{InReadOnlyTier, InWritableTier, Nothing};

    fn lookup(found: Found) -> Lookup {
        let tier = match found {
            Nothing => None,
            InReadOnlyTier => Some(Tier::ReadOnly("tier".into())),
            InWritableTier => Some(Tier::Writable("home".into())),
        };
        let hit = tier.map(|tier| Hit { path: "model".into(), tier });
        Lookup { hit, passed_over: Vec::new(), looked_in: vec!["model".into()] }
    }

    /// What a request comes to: `hit`, `download`, `replace` or `refused`.
    fn outcome(policy: CachePolicy, force: Option<bool>, found: Found) -> &'static str {
        let request = "HF://a/b".parse::<Request>().unwrap().force(force);
        let decision =
            is_forced(&request, policy).and_then(|forced| decide(&request, policy, forced, lookup(found)));
        match decision {
            Ok(Decision::Serve(_)) => "hit",
            Ok(Decision::Download { replace: false }) => "download",
            Ok(Decision::Download { replace: true }) => "replace",
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotCached);
                "refused"
            }
        }
    }

    #[test]
    fn every_combination() {
        use CachePolicy::{Off, On, ReadOnly, Redo};
        let (unsaid, yes, no) = (None, Some(true), Some(false));
        // What is found: nothing, in a read-only tier, in the writable tier.
        for (policy, force, expected) in [
            (On, unsaid, ["download", "hit", "hit"]),
            (On, yes, ["replace", "hit", "replace"]),
            (On, no, ["download", "hit", "hit"]),
            (Redo, unsaid, ["replace", "hit", "replace"]),
            (Redo, yes, ["replace", "hit", "replace"]),
            (Redo, no, ["download", "hit", "hit"]),
            (Off, unsaid, ["refused", "hit", "hit"]),
            (Off, yes, ["refused", "refused", "refused"]),
            (Off, no, ["refused", "hit", "hit"]),
            (ReadOnly, unsaid, ["refused", "hit", "hit"]),
            (ReadOnly, yes, ["refused", "refused", "refused"]),
            (ReadOnly, no, ["refused", "hit", "hit"]),
        ] {
            let outcomes =
                [Nothing, InReadOnlyTier, InWritableTier].map(|found| outcome(policy, force, found));
            assert_eq!(outcomes, expected, "{policy} {force:?}");
        }
    }
}
