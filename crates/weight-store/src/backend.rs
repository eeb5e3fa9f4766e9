//! The operations of every kind of store, and reading from stores with URLs.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use net::{Answer, Client, Hop, RedactedUrl, Redirects, Request, SafeUrl, header_text};
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderValue};
use url_parse::Url;

use crate::Error;
use crate::blob::Blob;
use crate::blob_id::BlobId;
use crate::key::Key;

/// Where a blob would be and how to request it. It may not exist.
#[derive(Clone)]
#[non_exhaustive]
pub enum BlobPlace {
    /// A file.
    File(PathBuf),
    /// A URL. Its query and the headers may be secret: `Debug` shows only the headers' names.
    #[non_exhaustive]
    Url {
        /// The URL, to be used unchanged.
        url: Url,
        /// Headers for each request to the URL's own origin. They must not follow a redirect to another
        /// origin.
        headers: HeaderMap,
        /// When the URL expires.
        expires_at: Option<SystemTime>,
    },
}

impl fmt::Debug for BlobPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Url { url, headers, expires_at } => f
                .debug_struct("Url")
                .field("url", &RedactedUrl(url))
                .field("headers", &headers.keys().collect::<Vec<_>>())
                .field("expires_at", expires_at)
                .finish(),
        }
    }
}

/// The result of reading a key.
#[derive(Debug)]
pub(crate) enum Found {
    Content(Content),
    Nothing,
    /// A bucket may answer so for a missing object if the caller may not list it. With the store's
    /// time.
    Forbidden(
        Error,
        #[cfg_attr(
            not(any(feature = "s3", feature = "gcs", feature = "azure")),
            expect(dead_code, reason = "requests to buckets are signed with one")
        )]
        Option<SystemTime>,
    ),
}

#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    pub(crate) version: Version,
    /// The store's time.
    pub(crate) date: Option<SystemTime>,
}

impl Content {
    /// The store's time, or this machine's if the store does not report it.
    pub(crate) fn now(&self) -> SystemTime {
        self.date.unwrap_or_else(SystemTime::now)
    }
}

/// Identifies one version of a key's value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) etag: Option<String>,
    /// Google's generation number.
    #[cfg_attr(
        not(any(feature = "s3", feature = "gcs", feature = "azure")),
        expect(dead_code, reason = "buckets have one")
    )]
    pub(crate) generation: Option<String>,
}

/// What is known about a blob without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) size: u64,
    /// The checksum of the whole blob, if the server keeps one.
    pub(crate) sha256: Option<BlobId>,
}

/// Up to this size, a blob is hashed and then sent to a bucket in one request; a larger one is sent in
/// parts.
pub(crate) const SENT_AT_ONCE: u64 = 32 << 20;

impl Presence {
    pub(crate) fn of_size(size: u64) -> Self {
        Self { size, sha256: None }
    }

    /// Whether this may be that blob, as far as can be told. A multipart upload has a checksum of
    /// checksums, which not every server marks as such.
    pub(crate) fn is(&self, id: &BlobId, size: u64) -> bool {
        self.size == size && (size > SENT_AT_ONCE || self.sha256.is_none_or(|sha256| sha256 == *id))
    }
}

/// A file in a store, by its path from the store's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// The most names that are listed: they take about a hundred megabytes of memory.
pub(crate) const MAX_NAMES: usize = 500_000;

/// The condition under which a small file is written.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Always,
    IfAbsent,
    IfStill(Version),
}

/// Whether the condition was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Done,
    Not,
}

/// A kind of store. Each call is one attempt.
#[async_trait]
pub(crate) trait Backend: Send + Sync + fmt::Debug {
    /// How to request a key.
    async fn place(&self, key: &Key) -> Result<BlobPlace, Error>;

    /// Reads a small file; with `is_fresh`, bypassing caches.
    async fn get(&self, key: &Key, limit: u64, is_fresh: bool) -> Result<Found, Error>;

    /// What can be learned about a key without reading it.
    async fn presence(&self, key: &Key) -> Result<Option<Presence>, Error>;

    /// The files below a folder of the layout, in any order. Empty if the folder does not exist.
    async fn list(&self, folder: &'static str) -> Result<Vec<Listed>, Error>;

    /// Writes a small file atomically.
    async fn put(&self, key: &Key, bytes: Bytes, condition: &Condition) -> Result<Written, Error>;

    /// Writes a blob. It becomes visible only after it was verified. With `replace` it overwrites an
    /// existing one.
    async fn put_blob(&self, key: &Key, blob: &Blob, replace: bool) -> Result<(), Error>;

    /// Whether [`Condition`]s may work, so that two writers do not overwrite each other.
    fn knows_conditions(&self) -> bool {
        true
    }

    /// How many seconds the store's clock is ahead of this machine's, if requests had to be signed with
    /// the store's time.
    fn clock_offset(&self) -> i64 {
        0
    }
}

/// Reads the body at a URL.
pub(crate) async fn get(
    client: &Client,
    place: BlobPlace,
    limit: u64,
    is_fresh: bool,
    shown: &SafeUrl,
) -> Result<Found, Error> {
    let BlobPlace::Url { url, headers, .. } = place else { return Ok(Found::Nothing) };
    let mut request = Request::get(url, "read", Hop::Store);
    request.own_headers = headers;
    request.redirects = Redirects::NoNearer;
    if is_fresh {
        request.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    let answer = client.send(request, &()).await?;
    match answer.status().as_u16() {
        200 => {}
        404 | 410 => return Ok(Found::Nothing),
        403 => {
            let date = date_of(answer.headers());
            return Ok(Found::Forbidden(refused(answer, "read", shown).await, date));
        }
        _ => return Err(refused(answer, "read", shown).await),
    }
    let text = |name: &str| header_text(answer.headers(), name).map(str::to_owned);
    let version = Version { etag: text("etag"), generation: text("x-goog-generation") };
    let date = date_of(answer.headers());
    let length = usize::try_from(limit).unwrap_or(usize::MAX);
    let bytes = answer.read(length).await?;
    let bytes = bytes.ok_or_else(|| Error::TooLarge { url: shown.clone(), limit })?;
    Ok(Found::Content(Content { bytes, version, date }))
}

/// The time in a server's `Date` header.
pub(crate) fn date_of(headers: &HeaderMap) -> Option<SystemTime> {
    header_text(headers, header::DATE).and_then(|date| httpdate::parse_http_date(date).ok())
}

/// What the headers tell about a URL. A caller that may not read may still be allowed to write.
pub(crate) async fn presence(
    client: &Client,
    place: BlobPlace,
    shown: &SafeUrl,
) -> Result<Option<Presence>, Error> {
    let BlobPlace::Url { url, headers, .. } = place else { return Ok(None) };
    let mut request = Request::get(url, "look at", Hop::Store);
    (request.method, request.own_headers) = (Method::HEAD, headers);
    request.redirects = Redirects::Nowhere;
    let answer = client.send(request, &()).await?;
    match answer.status().as_u16() {
        200 => {}
        403 | 404 | 405 | 410 => return Ok(None),
        _ => return Err(refused(answer, "look at", shown).await),
    }
    let length = header_text(answer.headers(), header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
    // Apache omits a length of zero.
    let is_open = answer.headers().contains_key(header::TRANSFER_ENCODING);
    let size = length.or(Some(0).filter(|_| !is_open));
    // A multipart upload has a different kind of checksum, which ends in the number of parts.
    let sha256 = header_text(answer.headers(), "x-amz-checksum-sha256");
    let sha256 = sha256.and_then(|text| <[u8; 32]>::try_from(STANDARD.decode(text).ok()?).ok());
    Ok(size.map(|size| Presence { size, sha256: sha256.map(BlobId::from_bytes) }))
}

/// Builds the error for a refusal, with the address that users know.
pub(crate) async fn refused(answer: Answer, action: &'static str, shown: &SafeUrl) -> Error {
    let refusal = answer.refusal().await;
    let status = refusal.status.as_u16();
    Error::Refused { action, url: shown.clone(), status, says: refusal.words, wait: refusal.wait }
}
