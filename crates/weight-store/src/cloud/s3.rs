//! Buckets of S3, and of servers that speak its language.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, Checksum};
use object_store::path::Path;
use object_store::signer::{Method, Signer as _};
use reqwest::header::HeaderMap;

use super::connector::Connector;
use super::opened::{Addressing, Opened, SIGNED_FOR, one_attempt};
use crate::backend::BlobPlace;
use crate::settings::StoreSettings;

/// Credentials of a session are renewed when they have five minutes left, and URLs that are signed with them end when
/// they do. To sign another one costs nothing.
const SESSION_SIGNED_FOR: std::time::Duration = std::time::Duration::from_secs(4 * 60);

#[derive(Debug)]
struct SignedUrls {
    s3: Arc<AmazonS3>,
    is_public: bool,
}

pub(super) fn open(
    bucket: &str,
    settings: &StoreSettings,
    connector: Connector,
) -> object_store::Result<Opened> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_retry(one_attempt())
        .with_checksum_algorithm(Checksum::SHA256);
    for (name, value) in settings.of("AWS_") {
        if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let value = |key| builder.get_config_value(&key);
    if let Some(endpoint) =
        value(AmazonS3ConfigKey::S3Endpoint).or_else(|| value(AmazonS3ConfigKey::Endpoint))
    {
        connector.bucket_is_at(&endpoint)?;
    }
    let is_public = value(AmazonS3ConfigKey::SkipSignature).is_some_and(|value| value == "true");
    if is_public {
        // Nobody is asked for credentials; URLs are signed with these, and the signature is taken away.
        let nobody = AwsCredential { key_id: "-".to_owned(), secret_key: "-".to_owned(), token: None };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
    }
    let s3 = Arc::new(builder.with_http_connector(connector).build()?);
    Ok(Opened { addressing: Box::new(SignedUrls { s3: Arc::clone(&s3), is_public }), objects: s3 })
}

#[async_trait]
impl Addressing for SignedUrls {
    async fn place(&self, path: &Path) -> object_store::Result<BlobPlace> {
        let (headers, now) = (HeaderMap::new(), SystemTime::now());
        let mut url = self.s3.signed_url(Method::GET, path, SIGNED_FOR).await?;
        if self.is_public {
            url.set_query(None);
            return Ok(BlobPlace::Url { url, headers, expires_at: None });
        }
        let is_session = self.s3.credentials().get_credential().await?.token.is_some();
        let good_for = if is_session { SESSION_SIGNED_FOR } else { SIGNED_FOR };
        Ok(BlobPlace::Url { url, headers, expires_at: now.checked_add(good_for) })
    }
}
