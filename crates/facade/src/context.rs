//! The configuration of a downloader.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use cache_layout::{CacheLayout, CachePolicy};
use hf_transport::{HubConfig, MetadataSource};
use net::{CaCertificates, Client, NetSettings, RetryPolicy};
use parking_lot::Mutex;
use tokio::runtime::{self, Handle};
use weight_store::StoreUrl;

use crate::Error;
use crate::env::CertificateFiles;
use crate::fill::Fills;
use crate::store::StoreConfig;
use crate::store_mode::StoreMode;

/// The configuration that every step of a download uses.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) layout: CacheLayout,
    pub(crate) policy: CachePolicy,
    pub(crate) temp_dir: Option<PathBuf>,
    pub(crate) hub: HubConfig,
    /// Without the certificates, which are loaded later.
    pub(crate) net: NetSettings,
    pub(crate) certificates: Certificates,
    pub(crate) metadata: Option<OwnSource>,
    pub(crate) retry: RetryPolicy,
    pub(crate) max_connections: Option<NonZeroUsize>,
    pub(crate) require_proof: bool,
    pub(crate) stores: StoreConfig,
    pub(crate) fills: Arc<Fills>,
    pub(crate) client: KeptClient,
}

/// The client for the most recently used runtime. Connections belong to a runtime, and would never
/// respond if that is no longer running.
#[derive(Clone, Default)]
pub(crate) struct KeptClient(Arc<Mutex<Option<(runtime::Id, Client)>>>);

impl Context {
    /// The name that refs record as their writer.
    pub(crate) fn agent(&self) -> &str {
        self.net.user_agent.split(';').next().unwrap_or_default()
    }

    /// The same configuration with other stores.
    pub(crate) fn with_stores(&self, urls: Vec<StoreUrl>, mode: StoreMode) -> Self {
        let mut context = self.clone();
        (context.stores.urls, context.stores.mode) = (urls, mode);
        context
    }

    /// The client for this runtime, created when needed. Blocks: certificates are files.
    pub(crate) fn client(&self) -> Result<Client, Error> {
        let runtime = Handle::current().id();
        let mut kept = self.client.0.lock();
        if let Some((_, client)) = kept.as_ref().filter(|(of, _)| *of == runtime) {
            return Ok(client.clone());
        }
        let mut settings = self.net.clone();
        settings.ca_certificates = self.certificates.load()?;
        let client = Client::new(settings)?;
        *kept = Some((runtime, client.clone()));
        Ok(client)
    }
}

pub(crate) type SharedContext = Arc<Context>;

impl fmt::Debug for KeptClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptClient(…)")
    }
}

/// The application's own source of metadata.
#[derive(Clone)]
pub(crate) struct OwnSource(pub(crate) Arc<dyn MetadataSource>);

impl fmt::Debug for OwnSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnSource(…)")
    }
}

/// The trusted certificate authorities: those that the application gave, or files to be read when
/// something is downloaded.
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
