//! How near a server is to this machine. No clock, no I/O.

use core::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

/// How near a server is, from far to near. A server on the internet must not be able to direct a client
/// to a server in the client's own network.
///
/// ```
/// use net::Reach;
///
/// assert_eq!(Reach::of("10.0.0.1".parse()?), Reach::Private);
/// assert_eq!(Reach::of_host(&"https://127.0.0.1:8080/file".parse()?), Reach::Loopback);
/// assert!(Reach::Public < Reach::Private && Reach::Link < Reach::Loopback);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// On the internet.
    Public,
    /// In a private network: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `100.64.0.0/10`, `fc00::/7`.
    Private,
    /// On the same link, where clouds have their metadata services: `169.254.0.0/16`, `fe80::/10`; also
    /// multicast.
    Link,
    /// This machine. As a limit, it allows everything.
    #[default]
    Loopback,
}

/// Why a request is not sent to a server that is nearer than allowed.
pub(crate) const TOO_NEAR: &str = "it leads into a private network, or to this machine";

impl Reach {
    /// The reach of an address. One that embeds an IPv4 address counts as that.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => {
                // NAT64 has a prefix of its own.
                let translated = match address.segments() {
                    [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                        Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
                    }
                    _ => None,
                };
                match address.to_ipv4().or(translated) {
                    Some(embedded) => Self::of_v4(embedded),
                    None if address.is_unicast_link_local() || address.is_multicast() => Self::Link,
                    None if address.is_unique_local() => Self::Private,
                    None => Self::Public,
                }
            }
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            // The system takes `0.x` addresses for this machine.
            [0 | 127, ..] => Self::Loopback,
            [169, 254, ..] | [224..=239 | 255, ..] => Self::Link,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Self::Private,
            _ => Self::Public,
        }
    }

    /// The reach of a URL's host as far as its text tells: any name other than `localhost` counts as
    /// public.
    pub fn of_host(url: &Url) -> Self {
        match url.host() {
            Some(Host::Ipv4(address)) => Self::of(address.into()),
            Some(Host::Ipv6(address)) => Self::of(address.into()),
            Some(Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let is_local = name == "localhost" || name.ends_with(".localhost");
                if is_local { Self::Loopback } else { Self::Public }
            }
            None => Self::Public,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_classified_by_their_network() {
        for (address, reach) in [
            ("1.1.1.1", Reach::Public),
            ("172.15.0.1", Reach::Public),
            ("172.32.0.1", Reach::Public),
            ("100.63.0.1", Reach::Public),
            ("100.128.0.1", Reach::Public),
            ("169.253.0.1", Reach::Public),
            ("192.169.0.1", Reach::Public),
            ("223.255.255.255", Reach::Public),
            // Some proxies map every name to an address in this range.
            ("198.18.0.1", Reach::Public),
            ("2606:4700::1111", Reach::Public),
            ("64:ff9b::101:101", Reach::Public),
            ("10.1.2.3", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("172.31.255.255", Reach::Private),
            ("192.168.0.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("100.127.255.255", Reach::Private),
            ("fd00::1", Reach::Private),
            ("::ffff:10.0.0.1", Reach::Private),
            ("64:ff9b::a00:1", Reach::Private),
            ("169.254.169.254", Reach::Link),
            ("fe80::1", Reach::Link),
            ("224.0.0.1", Reach::Link),
            ("239.255.255.250", Reach::Link),
            ("ff02::1", Reach::Link),
            ("255.255.255.255", Reach::Link),
            ("::ffff:169.254.169.254", Reach::Link),
            ("127.0.0.1", Reach::Loopback),
            ("127.9.9.9", Reach::Loopback),
            ("0.0.0.0", Reach::Loopback),
            ("::", Reach::Loopback),
            ("::1", Reach::Loopback),
            ("::ffff:127.0.0.1", Reach::Loopback),
        ] {
            assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
        }
    }

    #[test]
    fn hosts_in_every_spelling() {
        for (url, reach) in [
            ("https://huggingface.co/a", Reach::Public),
            ("https://localhost.example/", Reach::Public),
            ("https://notlocalhost/", Reach::Public),
            ("http://LOCALHOST.:80/", Reach::Loopback),
            ("http://a.localhost/", Reach::Loopback),
            ("http://0x7f.1/", Reach::Loopback),
            ("http://2130706433/", Reach::Loopback),
            ("http://[::ffff:7f00:1]/", Reach::Loopback),
            ("http://0251.0376.0251.0376/", Reach::Link),
            ("http://10.1/", Reach::Private),
        ] {
            assert_eq!(Reach::of_host(&url.parse().unwrap()), reach, "{url}");
        }
    }
}
