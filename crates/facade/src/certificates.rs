//! Where the certificate authorities come from that vouch for servers.

use net_policy::CaCertificates;

use crate::Error;
use crate::env::CertificateFiles;

/// Those that the application gave, or files to be read when there is something to download.
#[derive(Clone, Debug)]
pub(crate) enum Certificates {
    Given(CaCertificates),
    InFiles(CertificateFiles),
}

impl Certificates {
    /// Reads the files. Blocks.
    pub(crate) fn load(&self) -> Result<CaCertificates, Error> {
        match self {
            Self::Given(certificates) => Ok(certificates.clone()),
            Self::InFiles(files) => files.load(),
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::Given(CaCertificates::default())
    }
}
