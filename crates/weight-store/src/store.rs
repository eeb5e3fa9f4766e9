//! A store that is opened.

use std::sync::Arc;

use net::{Client, SafeUrl};
use tokio::sync::OnceCell;

use crate::Error;
use crate::address::{Home, StoreUrl};
use crate::backend::Backend;
use crate::folder::Folder;
use crate::format::StoreInfo;
use crate::key::Key;
use crate::settings::StoreSettings;
use crate::web::Web;

/// A store. Cloning is cheap and shares its connections, which belong to a runtime as those of its [`Client`] do.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) url: StoreUrl,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) client: Client,
    /// What it says of itself, once it was asked.
    pub(crate) info: Arc<OnceCell<Option<StoreInfo>>>,
}

impl Store {
    /// A store at an address. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::NotBuiltIn`] and [`Error::Settings`].
    pub fn open(url: StoreUrl, settings: &StoreSettings, client: &Client) -> Result<Self, Error> {
        let backend: Arc<dyn Backend> = match &url.home {
            Home::Folder(root) => Arc::new(Folder::new(root.clone(), url.clone())),
            Home::Web { base, login } => {
                Arc::new(Web::new(base.clone(), login.clone(), client.clone(), settings.writes_in_place))
            }
            #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
            Home::Bucket { cloud, bucket, prefix } => {
                Arc::new(crate::cloud::open(*cloud, bucket, prefix, &url, settings, client)?)
            }
            #[cfg(not(any(feature = "s3", feature = "gcs", feature = "azure")))]
            Home::Bucket { .. } => return Err(Error::NotBuiltIn { url: url.safe() }),
        };
        Ok(Self { url, backend, client: client.clone(), info: Arc::default() })
    }

    /// Where it is.
    pub fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// By how many seconds the clock of the store is ahead of this machine's, if that is so wrong that requests were
    /// refused for it, and are signed by the store's; else zero.
    pub fn clock_offset(&self) -> i64 {
        self.backend.clock_offset()
    }

    pub(crate) fn at(&self, key: &Key) -> SafeUrl {
        self.url.at(key)
    }
}
