//! What every kind of store can do, and reading from the kinds that have URLs.

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

/// Where a content is, and how to ask for it. Whether it is there is not said.
#[derive(Clone)]
#[non_exhaustive]
pub enum BlobPlace {
    /// A file.
    File(PathBuf),
    /// A URL. Its query and the headers may be secret: `Debug` shows only the headers' names.
    Url {
        /// The URL, to be used exactly as it is.
        url: Url,
        /// Sent with each request to the URL's own origin, and to no other that it may redirect to.
        headers: HeaderMap,
        /// From when on the URL is no longer good.
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

/// What a store has under a key.
#[derive(Debug)]
pub(crate) enum Found {
    Content(Content),
    Nothing,
    /// A bucket says so of what is not there to who may not list it. With the time at the store.
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
    /// The time at the store.
    pub(crate) date: Option<SystemTime>,
}

impl Content {
    /// The time at the store; by our own clock where it does not say.
    pub(crate) fn now(&self) -> SystemTime {
        self.date.unwrap_or_else(SystemTime::now)
    }
}

/// Which of the contents that a key has had.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) etag: Option<String>,
    /// Google's number for it.
    #[cfg_attr(
        not(any(feature = "s3", feature = "gcs", feature = "azure")),
        expect(dead_code, reason = "buckets have one")
    )]
    pub(crate) generation: Option<String>,
}

/// What is known of a content without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) size: u64,
    /// The checksum that the server has of all of it, if it keeps one.
    pub(crate) sha256: Option<BlobId>,
}

/// A content of at most so many bytes is sent to a bucket as one, after it was hashed; a larger one in parts.
pub(crate) const SENT_AT_ONCE: u64 = 32 << 20;

impl Presence {
    pub(crate) fn of_size(size: u64) -> Self {
        Self { size, sha256: None }
    }

    /// Whether it may be this content, as far as can be told. What was sent in parts has a checksum of checksums, which not
    /// every server marks as such.
    pub(crate) fn is(&self, id: &BlobId, size: u64) -> bool {
        self.size == size && (size > SENT_AT_ONCE || self.sha256.is_none_or(|sha256| sha256 == *id))
    }
}

/// A name in a store, from the store's uppermost folder on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// No more names than these are listed: what they are kept in has a hundred megabytes then.
pub(crate) const MAX_NAMES: usize = 500_000;

/// When something small is written.
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

/// One kind of store. Each call is one attempt.
#[async_trait]
pub(crate) trait Backend: Send + Sync + fmt::Debug {
    /// How to ask for what is under a key.
    async fn place(&self, key: &Key) -> Result<BlobPlace, Error>;

    /// Reads something small; with `is_fresh`, past all caches on the way.
    async fn get(&self, key: &Key, limit: u64, is_fresh: bool) -> Result<Found, Error>;

    /// What there is under a key, as far as that can be learned without reading it.
    async fn presence(&self, key: &Key) -> Result<Option<Presence>, Error>;

    /// The names below a folder of the layout, in whatever order. None, if there is no such folder.
    async fn list(&self, folder: &'static str) -> Result<Vec<Listed>, Error>;

    /// Writes something small. It is seen whole or not at all.
    async fn put(&self, key: &Key, bytes: Bytes, condition: &Condition) -> Result<Written, Error>;

    /// Writes a content, which is not seen before it has turned out to be right. With `replace`, in the place of what is
    /// there.
    async fn put_blob(&self, key: &Key, blob: &Blob, replace: bool) -> Result<(), Error>;

    /// Whether it may be able to keep two writers apart by [`Condition`]s.
    fn knows_conditions(&self) -> bool {
        true
    }

    /// By how many seconds the store's clock is ahead of this machine's, where requests had to be signed by it.
    fn clock_offset(&self) -> i64 {
        0
    }
}

/// Reads what is at a URL.
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

/// The time at a server.
pub(crate) fn date_of(headers: &HeaderMap) -> Option<SystemTime> {
    header_text(headers, header::DATE).and_then(|date| httpdate::parse_http_date(date).ok())
}

/// What there is at a URL, by its headers. Who may not read may still be allowed to write.
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
    // Apache leaves out a length of zero.
    let is_open = answer.headers().contains_key(header::TRANSFER_ENCODING);
    let size = length.or(Some(0).filter(|_| !is_open));
    // What was sent in parts has another kind of checksum, which ends in the number of parts.
    let sha256 = header_text(answer.headers(), "x-amz-checksum-sha256");
    let sha256 = sha256.and_then(|text| <[u8; 32]>::try_from(STANDARD.decode(text).ok()?).ok());
    Ok(size.map(|size| Presence { size, sha256: sha256.map(BlobId::new) }))
}

/// A refusal, shown with the address that users know.
pub(crate) async fn refused(answer: Answer, action: &'static str, shown: &SafeUrl) -> Error {
    let refusal = answer.refusal().await;
    let status = refusal.status.as_u16();
    Error::Refused { action, url: shown.clone(), status, says: refusal.words, wait: refusal.wait }
}
