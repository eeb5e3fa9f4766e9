//! Buckets of Google Cloud Storage.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::StaticCredentialProvider;
use object_store::gcp::{GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{self, HeaderMap, HeaderValue};
use url_parse::Url;

use super::connector::Connector;
use super::opened::{Addressing, Opened, one_attempt};
use crate::backend::BlobPlace;
use crate::settings::StoreSettings;

const PUBLIC: &str = "https://storage.googleapis.com";
/// Characters of a path that are not encoded.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/');

/// URLs with a token in a header: signing them would take a private key, or one request per URL.
#[derive(Debug)]
struct BearerUrls {
    gcs: Arc<GoogleCloudStorage>,
    base: String,
}

pub(super) fn open(
    bucket: &str,
    settings: &StoreSettings,
    connector: Connector,
) -> object_store::Result<Opened> {
    let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_retry(one_attempt());
    for (name, value) in settings.of("GOOGLE_") {
        if let Ok(key) = name.parse::<GoogleConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let endpoint = builder.get_config_value(&GoogleConfigKey::BaseUrl);
    if let Some(endpoint) = &endpoint {
        connector.bucket_is_at(endpoint)?;
    }
    let endpoint = endpoint.unwrap_or_else(|| PUBLIC.to_owned());
    let base = format!("{}/{bucket}/", endpoint.trim_end_matches('/'));
    if builder.get_config_value(&GoogleConfigKey::SkipSignature).is_some_and(|value| value == "true") {
        // Avoids asking for credentials.
        let nobody = GcpCredential { bearer: String::new() };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
    }
    let gcs = Arc::new(builder.with_http_connector(connector).build()?);
    Ok(Opened {
        addressing: Box::new(BearerUrls { gcs: Arc::clone(&gcs), base }),
        pages: Arc::<GoogleCloudStorage>::clone(&gcs),
        objects: gcs,
    })
}

#[async_trait]
impl Addressing for BearerUrls {
    async fn place(&self, path: &Path) -> object_store::Result<BlobPlace> {
        let url = format!("{}{}", self.base, utf8_percent_encode(path.as_ref(), KEPT));
        let url: Url = url.parse().map_err(|error| generic(Box::new(error)))?;
        let bearer = &self.gcs.credentials().get_credential().await?.bearer;
        let mut headers = HeaderMap::new();
        if !bearer.is_empty() {
            let mut token = HeaderValue::try_from(format!("Bearer {bearer}"))
                .map_err(|_| generic("the token cannot be sent".into()))?;
            token.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, token);
        }
        Ok(BlobPlace::Url { url, headers, expires_at: None })
    }
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> object_store::Error {
    object_store::Error::Generic { store: "GCS", source }
}
