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
