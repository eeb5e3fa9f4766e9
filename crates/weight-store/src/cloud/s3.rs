//! Buckets on S3, and on servers with the same API.

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use async_trait::async_trait;
use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, Checksum};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer as _};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use url_parse::Url;

use super::clock::StoreClock;
use super::connector::{Connector, Resigner};
use super::opened::{Addressing, Opened, SIGNED_FOR, one_attempt};
use super::resign::{resign_headers, resigned_url};
use crate::backend::BlobPlace;
use crate::settings::StoreSettings;

/// Session credentials are renewed when five minutes are left, and URLs signed with them expire when
/// the session does. Signing another URL costs nothing.
const SESSION_SIGNED_FOR: std::time::Duration = std::time::Duration::from_secs(4 * 60);

#[derive(Debug)]
struct SignedUrls {
    s3: Arc<AmazonS3>,
    is_public: bool,
    clock: Arc<StoreClock>,
}

/// Weak, since the client owns this signer.
#[derive(Debug)]
struct ByStoreClock(Weak<AmazonS3>);

#[async_trait]
impl Resigner for ByStoreClock {
    async fn resign(
        &self,
        method: &Method,
        url: &Url,
        headers: &mut HeaderMap,
        at: SystemTime,
    ) -> object_store::Result<()> {
        // Requests for credentials pass through here too, and are not signed.
        if headers.contains_key(header::AUTHORIZATION)
            && let Some(s3) = self.0.upgrade()
        {
            resign_headers(method, url, headers, &*s3.credentials().get_credential().await?, at);
        }
        Ok(())
    }
}

pub(super) fn open(
    bucket: &str,
    settings: &StoreSettings,
    connector: &Connector,
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
        // Avoids asking for credentials: URLs are signed with dummy ones, and the signature is removed.
        let nobody = AwsCredential { key_id: "-".to_owned(), secret_key: "-".to_owned(), token: None };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
    }
    let clock = connector.clock();
    let s3 = Arc::new(builder.with_http_connector(connector.clone()).build()?);
    connector.resign_by(ByStoreClock(Arc::downgrade(&s3)));
    Ok(Opened {
        addressing: Box::new(SignedUrls { s3: Arc::clone(&s3), is_public, clock }),
        pages: Arc::<AmazonS3>::clone(&s3),
        objects: s3,
    })
}

impl SignedUrls {
    /// Signs again with the store's time if this machine's clock is wrong.
    fn by_store_clock(
        &self,
        method: &Method,
        url: Url,
        headers: &HeaderMap,
        credential: &AwsCredential,
    ) -> Url {
        if self.clock.offset() == 0 {
            return url;
        }
        resigned_url(method, &url, headers, credential, self.clock.now()).unwrap_or(url)
    }
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
        let credential = self.s3.credentials().get_credential().await?;
        let is_session = credential.token.is_some();
        let url = self.by_store_clock(&Method::GET, url, &headers, &credential);
        let good_for = if is_session { SESSION_SIGNED_FOR } else { SIGNED_FOR };
        Ok(BlobPlace::Url { url, headers, expires_at: now.checked_add(good_for) })
    }

    /// The library does not ask for the checksum. Each header of this kind must be signed.
    async fn head(&self, path: &Path) -> object_store::Result<Option<BlobPlace>> {
        if self.is_public {
            return Ok(None);
        }
        let (name, value) =
            (HeaderName::from_static("x-amz-checksum-mode"), HeaderValue::from_static("ENABLED"));
        let options = SignedUrlOptions::new().with_signed_header(name.clone(), value.clone());
        let url = self.s3.signed_url_opts(Method::HEAD, path, SIGNED_FOR, &options).await?;
        let headers = HeaderMap::from_iter([(name, value)]);
        let credential = self.s3.credentials().get_credential().await?;
        let url = self.by_store_clock(&Method::HEAD, url, &headers, &credential);
        Ok(Some(BlobPlace::Url { url, headers, expires_at: None }))
    }
}
