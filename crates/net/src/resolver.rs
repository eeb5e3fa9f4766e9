//! Addresses of names, which must not turn out to be nearer than allowed.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::reach::{Reach, TOO_NEAR};

/// How near the servers of some names may be. Once a name is limited it stays so: its connections are kept.
#[derive(Debug, Default)]
pub(crate) struct NameLimits(Mutex<HashMap<String, Reach>>);

impl NameLimits {
    /// From now on this URL's host, if it is a name, stands for no nearer address.
    pub(crate) fn limit(&self, url: &Url, reach: Reach) {
        if reach < Reach::Loopback
            && let Some(Host::Domain(name)) = url.host()
        {
            let mut limits = self.0.lock();
            let limit = limits.entry(name.to_owned()).or_default();
            *limit = reach.min(*limit);
        }
    }

    fn of(&self, name: &str) -> Reach {
        self.0.lock().get(name).copied().unwrap_or_default()
    }
}

/// Finds the addresses of names as the system does, but for those that are too near. What is connected to is what was
/// looked at: the name is not resolved again in between.
pub(crate) struct LimitedResolver {
    pub(crate) limits: Arc<NameLimits>,
    /// The library asks a SOCKS 4 proxy for the first address of a name, which must not be an IPv6 one.
    pub(crate) wants_ipv4: bool,
}

impl Resolve for LimitedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (limit, wants_ipv4) = (self.limits.of(name.as_str()), self.wants_ipv4);
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
        let limits = Arc::new(NameLimits::default());
        let resolver = LimitedResolver { limits: Arc::clone(&limits), wants_ipv4: false };
        let found = async || {
            let found = resolver.resolve("localhost".parse().unwrap()).await;
            found.map(Iterator::count).map_err(|error| error.is::<NameTooNear>())
        };
        assert!(found().await.is_ok_and(|count| count > 0));
        let url: Url = "http://localhost/".parse().unwrap();
        limits.limit(&url, Reach::Public);
        assert_eq!(found().await, Err(true));
        limits.limit(&url, Reach::Loopback);
        assert_eq!(found().await, Err(true), "it stays so");
    }
}
