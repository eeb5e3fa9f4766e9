//! What a client is set up with, all of it given by the caller. No clock, no I/O.

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
    /// How long a connection may take to be established; 10 s by default.
    pub connect_timeout: Duration,
    /// How long a server may stay silent, before its answer begins or in the middle of it; 10 s by default.
    /// There is no time-out for a whole transfer.
    pub idle_timeout: Duration,
    /// How long a server may take nothing of a [large body](crate::Upload), or not answer when it has all of it; 60 s by
    /// default. It is more than the idle time-out, as connections buffer megabytes.
    pub upload_timeout: Duration,
    /// How slowly the body of an answer may come.
    pub floor: Floor,
    /// The proxies to use; none by default.
    pub proxy: ProxySettings,
    /// The certificate authorities that vouch for https servers; the system's by default.
    pub ca_certificates: CaCertificates,
    /// The gates at which requests wait when a server limits their rate. Clients that are given the same ones
    /// wait together.
    pub gates: Gates,
    /// How fast the bodies of answers are read at most; no limit by default. Clients that are given the same one share it.
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

/// The certificate authorities that are believed when they vouch for a server: the system's, certificates that are
/// given, or both. The default is the system's.
///
/// Certificates are in PEM, as many as there are in one text. They are checked when an HTTP client is set up.
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
    /// The authorities that the operating system knows. On Linux these are found where `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` say, if they are set.
    #[must_use]
    pub fn system() -> Self {
        Self { includes_system: true, pem: Vec::new() }
    }

    /// The authorities in `pem`, and no others.
    #[must_use]
    pub fn only(pem: impl AsRef<[u8]>) -> Self {
        Self { includes_system: false, pem: Vec::new() }.and(pem)
    }

    /// The authorities in `pem` too.
    #[must_use]
    pub fn and(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.pem.push(pem.as_ref().into());
        self
    }

    /// Whether the operating system's are among them.
    pub fn includes_system(&self) -> bool {
        self.includes_system
    }

    /// The given ones.
    pub fn pem(&self) -> impl Iterator<Item = &[u8]> {
        self.pem.iter().map(|text| &**text)
    }
}

impl Default for CaCertificates {
    fn default() -> Self {
        Self::system()
    }
}

/// Certificates are no secret, but long.
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
    fn who_is_believed() {
        check(&CaCertificates::default(), true, &[]);
        check(&CaCertificates::system().and("a").and("b"), true, &["a", "b"]);
        check(&CaCertificates::only("a").and("b"), false, &["a", "b"]);
    }
}
