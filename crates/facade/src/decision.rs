//! What a request comes to: policy, force and what the cache holds, decided in one place without I/O.

use cache_layout::{CachePolicy, Hit, Lookup, Purpose};

use crate::{Error, Request};

/// What to do for a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The cache answers.
    Serve(Hit),
    /// A download is needed and allowed.
    Download(Purpose),
}

/// Whether a request forces a download, as its own word or by the policy.
///
/// # Errors
///
/// [`Error::ForceForbidden`]: forced by the request and forbidden by the policy. Known before the cache is
/// looked at, so that nothing is touched.
pub(crate) fn is_forced(request: &Request, policy: CachePolicy) -> Result<bool, Error> {
    let is_forced = request.forced() == Some(true) || request.is_about_own_copy();
    match (request.forced(), policy) {
        (_, CachePolicy::Off | CachePolicy::ReadOnly) if is_forced => {
            Err(Error::ForceForbidden { model: request.model().clone(), policy })
        }
        (Some(force), _) => Ok(force),
        (None, policy) => Ok(policy == CachePolicy::Redo),
    }
}

/// Decides by what the cache holds. `has_entry` says whether anything stands in the writable tier; it matters
/// to a repair only, which passes over what read-only tiers have.
///
/// A read-only tier that has the model wins over a forced download: it stands before the writable one, and a
/// download would never be seen. (The Python original does the same.)
///
/// # Errors
///
/// [`Error::NotCached`] when the policy forbids the download that would be needed, [`Error::OnlyReadOnly`]
/// when a model is to be repaired that is not ours to change.
pub(crate) fn decide(
    request: &Request,
    policy: CachePolicy,
    forced: bool,
    has_entry: bool,
    lookup: Lookup,
) -> Result<Decision, Error> {
    match (lookup.hit, policy) {
        (_, CachePolicy::On | CachePolicy::Redo) if request.is_about_own_copy() && has_entry => {
            Ok(Decision::Download(Purpose::Repair))
        }
        (Some(hit), _) if request.is_about_own_copy() => {
            Err(Error::OnlyReadOnly { model: request.model().clone(), tier: hit.tier.path().into() })
        }
        (Some(hit), _) if hit.tier.is_read_only() || !forced => Ok(Decision::Serve(hit)),
        (None, CachePolicy::Off | CachePolicy::ReadOnly) => Err(Error::NotCached {
            model: request.model().clone(),
            policy,
            looked_in: lookup.looked_in,
            passed_over: lookup.passed_over,
        }),
        _ => Ok(Decision::Download(if forced { Purpose::Redo } else { Purpose::Fresh })),
    }
}

#[cfg(test)]
mod tests {
    use cache_layout::Tier;

    use super::*;
    use crate::{ErrorKind, Repair};

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

    fn outcome(policy: CachePolicy, force: Option<bool>, found: Found) -> &'static str {
        let mut request = "HF://a/b".parse::<Request>().unwrap();
        if let Some(force) = force {
            request = request.force(force);
        }
        came_to(&request, policy, found, false)
    }

    /// What a request comes to, in a word.
    fn came_to(request: &Request, policy: CachePolicy, found: Found, has_entry: bool) -> &'static str {
        let decision = is_forced(request, policy)
            .and_then(|forced| decide(request, policy, forced, has_entry, lookup(found)));
        match decision {
            Ok(Decision::Serve(_)) => "hit",
            Ok(Decision::Download(Purpose::Fresh)) => "download",
            Ok(Decision::Download(Purpose::Redo)) => "replace",
            Ok(Decision::Download(Purpose::Repair)) => "repair",
            Err(Error::OnlyReadOnly { .. }) => "not ours",
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotCached);
                "refused"
            }
        }
    }

    #[test]
    fn a_repair_and_an_update_are_of_the_writable_tier() {
        use CachePolicy::{Off, On, ReadOnly, Redo};
        let request: Request = "HF://a/b".parse().unwrap();
        for request in [request.clone().repair(Repair::Damaged), request.update()] {
            for policy in [On, Redo] {
                assert_eq!(came_to(&request, policy, InWritableTier, true), "repair");
                assert_eq!(came_to(&request, policy, InReadOnlyTier, true), "repair");
                assert_eq!(came_to(&request, policy, InReadOnlyTier, false), "not ours");
                assert_eq!(came_to(&request, policy, Nothing, true), "repair");
            }
            assert_eq!(came_to(&request, On, Nothing, false), "download");
            for policy in [Off, ReadOnly] {
                assert_eq!(came_to(&request, policy, InWritableTier, true), "refused");
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
