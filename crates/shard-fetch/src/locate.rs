//! The interface to a hub, a mirror or a list of URLs that knows where files are.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use net::{BoxError, Reach, RedactedUrl, Redirects};
use reqwest::header::HeaderMap;
use url_parse::{ErrorKind, RepoPath, Url};

/// Tells where the bytes of a file are.
///
/// Each call is one attempt and says whether a failure is transient; the fetcher repeats the call,
/// under one retry budget shared with the transfer of the file. Calls for different files are
/// concurrent. A future is dropped when the work is cancelled. An `Arc` of a locator is one.
///
/// ```
/// use shard_fetch::{ErrorKind, LocateError, LocateReason, Location, Locator, RepoPath, Url, async_trait};
///
/// /// All files are below one URL.
/// struct Below(Url);
///
/// #[async_trait]
/// impl Locator for Below {
///     async fn locate(&self, file: &RepoPath, _: LocateReason) -> Result<Location, LocateError> {
///         let url = self.0.join(file.as_str());
///         url.map(Location::new).map_err(|error| LocateError::permanent(error, ErrorKind::InvalidInput))
///     }
/// }
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let locator = Below("https://files.example/model/".parse()?);
/// let location = locator.locate(&"params_shard_0.bin".parse()?, LocateReason::First).await?;
/// assert_eq!(location.url.as_str(), "https://files.example/model/params_shard_0.bin");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait Locator: Send + Sync {
    /// The current location of `file`.
    ///
    /// # Errors
    ///
    /// [`LocateError::transient`] if the same call may succeed later, otherwise
    /// [`LocateError::permanent`].
    async fn locate(&self, file: &RepoPath, reason: LocateReason) -> Result<Location, LocateError>;
}

#[async_trait]
impl<L: Locator + ?Sized> Locator for Arc<L> {
    async fn locate(&self, file: &RepoPath, reason: LocateReason) -> Result<Location, LocateError> {
        (**self).locate(file, reason).await
    }
}

/// Why a [`Locator`] is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LocateReason {
    /// The file is about to be fetched.
    First,
    /// The previous location has expired.
    Expired,
    /// The host of the previous location answered with this status: 400, 401, 403, 404 or 410; or with
    /// 200 or 206 and a web page instead of the file.
    Refused(u16),
    /// The previous location was an [alternative](Location::alternative), and its host failed.
    Failed,
    /// The previous location was an [alternative](Location::alternative) with wrong content.
    Mismatched,
}

/// Where a file's bytes are, and how to request them.
///
/// The URL's query and the headers may be secret: no message of this crate contains them, and `Debug`
/// shows only the headers' names.
#[derive(Clone)]
#[non_exhaustive]
pub struct Location {
    /// The file's `http` or `https` URL, used unchanged.
    pub url: Url,
    /// Headers for each request to the URL's own origin. They are not sent to another origin after a
    /// redirect.
    pub headers: HeaderMap,
    /// When the URL expires; the locator is asked again before the next request.
    pub expires_at: Option<SystemTime>,
    /// How near to this machine the URL's server and its redirect targets may be. [`Reach::Loopback`]
    /// means no limit; use a limit if the URL comes from someone who must not direct requests into a
    /// private network.
    pub reach: Reach,
    /// Whether the locator knows another place, to be named when it is told why this one failed: after
    /// any refusal, after wrong content, after two consecutive failures with hardly any bytes in
    /// between, and when all attempts are used up. Failures here do not count against the other place,
    /// which continues with the bytes received here, unless the content was wrong. After 8 such
    /// switches a location counts as the last one, whatever this says.
    pub alternative: bool,
    /// Which redirects of the URL's server are followed; all by default.
    pub redirects: Redirects,
    /// Identifies the place, for a locator with several: [`Received`](crate::FetchEvent::Received)
    /// reports it with the bytes from here.
    pub place: usize,
}

impl Location {
    /// A location that needs no headers, does not expire, may be anywhere, and has no alternative;
    /// place 0.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            headers: HeaderMap::new(),
            expires_at: None,
            reach: Reach::default(),
            alternative: false,
            redirects: Redirects::Anywhere,
            place: 0,
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location")
            .field("url", &format_args!("{}", RedactedUrl(&self.url)))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("expires_at", &self.expires_at)
            .field("reach", &self.reach)
            .field("alternative", &self.alternative)
            .field("redirects", &self.redirects)
            .field("place", &self.place)
            .finish()
    }
}

/// Why a [`Locator`] could not locate a file.
#[derive(Debug, thiserror::Error)]
#[error("the locator does not know where the file is")]
pub struct LocateError {
    #[source]
    pub(crate) cause: BoxError,
    pub(crate) kind: ErrorKind,
    pub(crate) wait: Option<Duration>,
}

impl LocateError {
    /// A transient failure. `wait` is how long the server asked the client to wait, if it did: the
    /// locator is not asked about any file before then.
    pub fn transient(cause: impl Into<BoxError>, wait: Option<Duration>) -> Self {
        Self { cause: cause.into(), kind: ErrorKind::Network, wait }
    }

    /// A permanent failure of this kind. It ends the whole fetch with
    /// [`Error::Locate`](crate::Error::Locate), whose source is `cause`.
    pub fn permanent(cause: impl Into<BoxError>, kind: ErrorKind) -> Self {
        Self { cause: cause.into(), kind, wait: None }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_what_is_secret() {
        let mut location = Location::new("https://user:pw@host/a?Signature=s3cret".parse().unwrap());
        location.headers.insert("authorization", "Bearer hf_s3cret".parse().unwrap());
        let shown = format!("{location:?}");
        assert!(shown.contains("https://host/a?…") && shown.contains("authorization"), "{shown}");
        assert!(!shown.contains("s3cret") && !shown.contains("pw"), "{shown}");
    }
}
