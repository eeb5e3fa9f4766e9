//! Addresses of names, which must not turn out to be nearer than allowed.

use std::fmt;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::reach::{Reach, TOO_NEAR};

/// Finds the addresses of names as the system does, but for those that are too near. What is connected to is what was
/// looked at: the name is not resolved again in between.
pub(crate) struct LimitedResolver {
    /// How near they may be.
    pub(crate) limit: Reach,
    /// The library asks a SOCKS 4 proxy for the first address of a name, which must not be an IPv6 one.
    pub(crate) wants_ipv4: bool,
}

impl Resolve for LimitedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { limit, wants_ipv4 } = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut fit: Vec<_> =
                found.iter().copied().filter(|found| Reach::of(found.ip()) <= limit).collect();
            if fit.is_empty() && !found.is_empty() {
                return Err(NameTooNear.into());
            }
            // Otherwise in the system's order.
            fit.sort_by_key(|found| wants_ipv4 && found.is_ipv6());
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

/// A name that stands for nothing but addresses which are too near.
#[derive(Debug)]
pub(crate) struct NameTooNear;

impl fmt::Display for NameTooNear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TOO_NEAR)
    }
}

impl std::error::Error for NameTooNear {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_too_near_has_no_address() {
        for (limit, expected) in
            [(Reach::Loopback, Ok(true)), (Reach::Link, Err(true)), (Reach::Public, Err(true))]
        {
            let found =
                LimitedResolver { limit, wants_ipv4: false }.resolve("localhost".parse().unwrap()).await;
            let found = found.map(|found| found.count() > 0).map_err(|error| error.is::<NameTooNear>());
            assert_eq!(found, expected, "{limit:?}");
        }
    }
}
