//! Containers of Azure Blob Storage.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use object_store::StaticCredentialProvider;
use object_store::azure::{
    AzureAccessKey, AzureConfigKey, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder,
};
use object_store::path::Path;
use object_store::signer::{Method, Signer as _};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::connector::Connector;
use super::opened::{Addressing, Opened, SIGNED_FOR, one_attempt};
use crate::backend::BlobPlace;
use crate::settings::StoreSettings;

/// Tokens need a minimum protocol version. This is the one that the library uses.
const VERSION: (&str, &str) = ("x-ms-version", "2023-11-03");

#[derive(Debug)]
struct AzureUrls {
    azure: Arc<MicrosoftAzure>,
    /// The same container with a dummy key: only the paths of the URLs that it signs are used.
    unsigned: MicrosoftAzure,
    is_public: bool,
}

pub(super) fn open(
    container: &str,
    settings: &StoreSettings,
    connector: Connector,
) -> object_store::Result<Opened> {
    let mut builder = MicrosoftAzureBuilder::new().with_container_name(container).with_retry(one_attempt());
    for (name, value) in settings.of("AZURE_") {
        if let Ok(key) = name.parse::<AzureConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    for (_, endpoint) in settings.of("IDENTITY_ENDPOINT") {
        builder = builder.with_msi_endpoint(endpoint);
    }
    if let Some(endpoint) = builder.get_config_value(&AzureConfigKey::Endpoint) {
        connector.bucket_is_at(&endpoint)?;
    }
    let is_public =
        builder.get_config_value(&AzureConfigKey::SkipSignature).is_some_and(|value| value == "true");
    let builder = builder.with_http_connector(connector);
    let no_key = AzureCredential::AccessKey(AzureAccessKey::try_new("AAAA")?);
    let unsigned =
        builder.clone().with_credentials(Arc::new(StaticCredentialProvider::new(no_key))).build()?;
    let azure = Arc::new(builder.build()?);
    let addressing = Box::new(AzureUrls { azure: Arc::clone(&azure), unsigned, is_public });
    Ok(Opened { addressing, pages: Arc::<MicrosoftAzure>::clone(&azure), objects: azure })
}

#[async_trait]
impl Addressing for AzureUrls {
    async fn place(&self, path: &Path) -> object_store::Result<BlobPlace> {
        let mut headers = HeaderMap::new();
        let mut url = self.unsigned.signed_url(Method::GET, path, SIGNED_FOR).await?;
        url.set_query(None);
        if self.is_public {
            return Ok(BlobPlace::Url { url, headers, expires_at: None });
        }
        let now = SystemTime::now();
        match &*self.azure.credentials().get_credential().await? {
            AzureCredential::AccessKey(_) => {
                let url = self.azure.signed_url(Method::GET, path, SIGNED_FOR).await?;
                return Ok(BlobPlace::Url { url, headers, expires_at: now.checked_add(SIGNED_FOR) });
            }
            AzureCredential::SASToken(pairs) => {
                url.query_pairs_mut().extend_pairs(pairs);
            }
            AzureCredential::BearerToken(token) => {
                if let Ok(mut token) = HeaderValue::try_from(format!("Bearer {token}")) {
                    token.set_sensitive(true);
                    headers.insert(header::AUTHORIZATION, token);
                }
                headers.insert(HeaderName::from_static(VERSION.0), HeaderValue::from_static(VERSION.1));
            }
        }
        Ok(BlobPlace::Url { url, headers, expires_at: None })
    }
}
