//! The settings of a client, all given by the caller. No clock, no I/O.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::bandwidth::Bandwidth;
use crate::floor::Floor;
use crate::gate::Gates;
use crate::proxy::ProxySettings;

/// Settings of a [`Client`](crate::Client). Nothing here is read from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NetSettings {
    /// The `User-Agent` header of every request.
    pub user_agent: String,
    /// The time-out for establishing a connection; 10 s by default.
    pub connect_timeout: Duration,
    /// How long a server may stay silent, before or during its response; 10 s by default. There is no
    /// time-out for a whole transfer.
    pub idle_timeout: Duration,
    /// How long a server may accept nothing of a [large body](crate::Upload), or take to answer once it
    /// has all of it; 60 s by default. It exceeds the idle time-out because connections buffer
    /// megabytes.
    pub upload_timeout: Duration,
    /// The slowest acceptable speed of a response body.
    pub floor: Floor,
    /// The proxies to use; none by default.
    pub proxy: ProxySettings,
    /// The certificate authorities trusted for https servers; the system's by default.
    pub ca_certificates: CaCertificates,
    /// The gates at which requests wait when a server limits their rate. Clients with the same gates
    /// wait together.
    pub gates: Gates,
    /// The limit on how fast response bodies are read; none by default. Clients with the same one share
    /// it.
    pub bandwidth: Option<Bandwidth>,
}

impl Default for NetSettings {
    fn default() -> Self {
        Self {
            user_agent: concat!("mlc-weights/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            upload_timeout: Duration::from_secs(60),
            floor: Floor::default(),
            proxy: ProxySettings::default(),
            ca_certificates: CaCertificates::default(),
            gates: Gates::default(),
            bandwidth: None,
        }
    }
}

/// The trusted certificate authorities: the system's, given ones, or both. The default is the system's.
///
/// Certificates are PEM; one text may hold several. They are checked when an HTTP client is set up.
///
/// ```
/// use net::CaCertificates;
///
/// let pem = b"-----BEGIN CERTIFICATE-----\n...";
/// let company = CaCertificates::system().and(pem);
/// assert!(company.includes_system());
/// assert!(!CaCertificates::only(pem).includes_system());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CaCertificates {
    includes_system: bool,
    pem: Vec<Arc<[u8]>>,
}

impl CaCertificates {
    /// The operating system's authorities. On Linux, `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them if
    /// set.
    #[must_use]
    pub fn system() -> Self {
        Self { includes_system: true, pem: Vec::new() }
    }

    /// The authorities in `pem`, and no others.
    #[must_use]
    pub fn only(pem: impl AsRef<[u8]>) -> Self {
        Self { includes_system: false, pem: Vec::new() }.and(pem)
    }

    /// Adds the authorities in `pem`.
    #[must_use]
    pub fn and(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.pem.push(pem.as_ref().into());
        self
    }

    /// Whether the operating system's authorities are included.
    pub fn includes_system(&self) -> bool {
        self.includes_system
    }

    /// The given certificates.
    pub fn pem(&self) -> impl Iterator<Item = &[u8]> {
        self.pem.iter().map(|text| &**text)
    }
}

impl Default for CaCertificates {
    fn default() -> Self {
        Self::system()
    }
}

/// Certificates are not secret, but long.
impl fmt::Debug for CaCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaCertificates")
            .field("includes_system", &self.includes_system)
            .field("given", &self.pem.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(certificates: &CaCertificates, includes_system: bool, pem: &[&str]) {
        assert_eq!(certificates.includes_system(), includes_system);
        let given: Vec<&[u8]> = certificates.pem().collect();
        assert_eq!(given, pem.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn trusted_authorities_are_the_systems_the_given_ones_or_both() {
        check(&CaCertificates::default(), true, &[]);
        check(&CaCertificates::system().and("a").and("b"), true, &["a", "b"]);
        check(&CaCertificates::only("a").and("b"), false, &["a", "b"]);
    }
}
