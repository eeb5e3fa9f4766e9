//! An open store.

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

/// An open store. Cloning is cheap and shares its connections, which belong to one runtime, like those
/// of its [`Client`].
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) url: StoreUrl,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) client: Client,
    /// Its description of itself, once read.
    pub(crate) info: Arc<OnceCell<Option<StoreInfo>>>,
}

impl Store {
    /// Opens the store at an address. Sends nothing yet.
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

    /// Its address.
    pub fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// How many seconds the store's clock is ahead of this machine's, if requests were refused for this
    /// and are now signed with the store's time; otherwise 0.
    pub fn clock_offset(&self) -> i64 {
        self.backend.clock_offset()
    }

    pub(crate) fn at(&self, key: &Key) -> SafeUrl {
        self.url.at(key)
    }
}
