//! Resolves names to addresses within a reach.

use std::fmt;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::reach::{Reach, TOO_NEAR};

/// Resolves names as the system does, leaving out addresses that are too near. The connection uses the
/// address that was checked: the name is not resolved a second time.
pub(crate) struct LimitedResolver {
    /// The limit.
    pub(crate) limit: Reach,
    /// The library asks a SOCKS 4 proxy for a name's first address, which must not be an IPv6 one.
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
            // Otherwise the system's order is kept.
            fit.sort_by_key(|found| wants_ipv4 && found.is_ipv6());
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

/// All addresses of the name are too near.
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
