//! The interface to what knows where files are: a hub, a mirror, a list of URLs.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use net::{BoxError, Reach, RedactedUrl, Redirects};
use reqwest::header::HeaderMap;
use url_parse::{ErrorKind, RepoPath, Url};

/// Says where the bytes of a file are right now.
///
/// A locator makes one attempt for each call and tells whether a failure may pass; the fetcher repeats the
/// call, under one retry budget together with the transfer of the file's bytes. Calls for different files
/// come concurrently. When the work is cancelled, the future is dropped.
#[async_trait]
pub trait Locator: Send + Sync {
    /// Where `file` can be got from.
    ///
    /// # Errors
    /// [`LocateError::transient`] when the same call may succeed later, else [`LocateError::permanent`].
    async fn locate(&self, file: &RepoPath, reason: LocateReason) -> Result<Location, LocateError>;
}

/// Why a [`Locator`] is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocateReason {
    /// The file is to be fetched.
    First,
    /// The previous location's time is over.
    Expired,
    /// The host of the previous location answered with this status: 400, 401, 403, 404 or 410; or with 200 or
    /// 206 and a web page instead of the file.
    Refused(u16),
    /// The previous location was an [alternative](Location::alternative), and its host failed.
    Failed,
    /// The previous location was an [alternative](Location::alternative), and what came from there was not the file.
    Mismatched,
}

/// Where a file's bytes are, and how to ask for them.
///
/// The URL's query and the headers may be secret: neither appears in a message of this crate, and `Debug`
/// shows only the headers' names.
#[derive(Clone)]
pub struct Location {
    /// The file's `http` or `https` URL, used exactly as it is.
    pub url: Url,
    /// Sent with each request to the URL's own origin, and to no other that it may redirect to.
    pub headers: HeaderMap,
    /// From when on the URL is no longer good; the locator is then asked again before the next request.
    pub expires_at: Option<SystemTime>,
    /// How near to this machine the URL's server, and those that it redirects to, may be. [`Reach::Loopback`], which is
    /// no limit, unless somebody named the URL who is not to choose what is asked of a private network.
    pub reach: Reach,
    /// The locator knows another place too, which it will name when it is asked why this one was no good: after any
    /// refusal, after a mismatch, after two failures in a row with next to no bytes in between, and when all attempts are
    /// used up. What comes of it is not held against the other place, and what came from here is gone on with there,
    /// but for a mismatch. After 8 such turns a location is the last one, whatever it says here.
    pub alternative: bool,
    /// Which redirects of the URL's server are followed: all, unless said otherwise.
    pub redirects: Redirects,
    /// The number of a place, for a locator that knows several: [`Received`](crate::FetchEvent::Received) repeats it with
    /// what comes from here.
    pub place: usize,
}

impl Location {
    /// A location that needs no headers, does not expire, may be anywhere and is the only one, of place 0.
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

/// Why a [`Locator`] could not say where a file is.
#[derive(Debug, thiserror::Error)]
#[error("the locator does not know where the file is")]
pub struct LocateError {
    #[source]
    pub(crate) cause: BoxError,
    pub(crate) kind: ErrorKind,
    pub(crate) wait: Option<Duration>,
}

impl LocateError {
    /// A failure that may pass. `wait` is how long the server asked to be left alone, if it did: the locator
    /// is asked for no file before that time is over.
    pub fn transient(cause: impl Into<BoxError>, wait: Option<Duration>) -> Self {
        Self { cause: cause.into(), kind: ErrorKind::Network, wait }
    }

    /// A failure that will not pass, of this kind. It ends the whole fetch with
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
