//! Decides how to answer a request: policy, force and the cache's content are combined here, without
//! I/O.

use cache_layout::{CachePolicy, Hit, Lookup, Purpose};

use crate::{Error, Request};

/// How to answer a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// With a cached model.
    Serve(Hit),
    /// With a download, which is needed and permitted.
    Download(Purpose),
}

/// Whether a request forces a download, explicitly or by the policy.
///
/// # Errors
///
/// [`Error::ForceForbidden`] if the request forces a download and the policy forbids it. This is known
/// before looking into the cache, so nothing is touched.
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

/// Decides by the cache's content. `has_entry` tells whether there is an entry in the writable tier;
/// only a repair uses it, since it ignores read-only tiers.
///
/// A read-only tier with the model takes precedence over a forced download: it is searched before the
/// writable tier, so a download would never be found. (The Python original does the same.)
///
/// # Errors
///
/// [`Error::NotCached`] if the policy forbids a download that is needed, [`Error::OnlyReadOnly`] if the
/// model to be repaired is only in a read-only tier.
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

    /// The decision for a request, as a word.
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
    fn every_policy_force_and_state_has_a_decision() {
        use CachePolicy::{Off, On, ReadOnly, Redo};
        let (unsaid, yes, no) = (None, Some(true), Some(false));
        // For three states: not found, in a read-only tier, in the writable tier.
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
