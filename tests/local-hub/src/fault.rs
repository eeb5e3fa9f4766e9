//! Failures on request.

mod hold;
mod queue;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

pub use hold::Hold;
pub(crate) use queue::{FaultQueue, Subject};

use crate::log::Route;

/// A failure in one response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// A different response altogether.
    Status {
        /// The status, 100 to 999.
        code: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The body, sent as text.
        body: String,
    },
    /// 200 with these bytes.
    Bytes {
        /// The content type.
        content_type: &'static str,
        /// The body.
        body: FaultBody,
    },
    /// The sign-in page of a captive portal: 200, `text/html`.
    Html,
    /// The connection is closed normally after this many bytes of the body, although more were
    /// announced.
    Truncate {
        /// The bytes of the body that are sent.
        after: u64,
    },
    /// The connection is reset (RST) after this many bytes of the body. The client receives at most
    /// these.
    Reset {
        /// The bytes of the body that are sent.
        after: u64,
    },
    /// After this many bytes of the body nothing more is sent, as long as the client stays.
    Stall {
        /// The bytes of the body that are sent.
        after: u64,
    },
    /// No response is sent, not even a head.
    NoAnswer,
    /// The connection is reset before a response.
    Refuse,
    /// The response is delayed by this time.
    Delay(Duration),
    /// The request waits until the test releases it.
    Hold(Hold),
    /// The body is sent a few bytes at a time.
    SlowDrip {
        /// The bytes at a time.
        bytes: u64,
        /// The time between them.
        every: Duration,
    },
    /// One bit is flipped. `at` always counts from the start of the file, even with a `Range`; a
    /// request whose range does not cover it is unaffected and does not use up the fault.
    Corrupt {
        /// The position of the byte.
        at: u64,
    },
    /// The response is longer than the file by this many bytes, including its `Content-Length`.
    TooLong {
        /// The number of additional bytes, all zero.
        by: u64,
    },
    /// The response is shorter than the file by this many bytes, including its `Content-Length`.
    TooShort {
        /// The number of bytes missing at the end.
        by: u64,
    },
    /// `Range` is ignored: 200 with the whole file.
    IgnoreRange,
    /// 206 with the right bytes and a `Content-Range` that is one byte off.
    WrongContentRange,
    /// The response has no `Content-Length` (it is chunked).
    NoContentLength,
    /// This header of the response is set or removed.
    Header {
        /// Its name.
        name: String,
        /// Its value; `None` removes it.
        value: Option<String>,
    },
    /// The body is compressed, as some front ends do with everything.
    Gzip,
    /// git's list of references lacks this capability.
    WithoutCapability(String),
}

/// The body of [`Fault::Bytes`]; `Debug` shows only its length.
#[derive(Clone)]
pub struct FaultBody(pub(crate) Bytes);

impl fmt::Debug for FaultBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Fault {
    /// Replaces git's list of references.
    pub fn git_list(body: impl Into<Bytes>) -> Self {
        let body = FaultBody(body.into());
        Self::Bytes { content_type: "application/x-git-upload-pack-advertisement", body }
    }

    /// Replaces git's response to a request for objects.
    pub fn git_answer(body: impl Into<Bytes>) -> Self {
        Self::Bytes { content_type: "application/x-git-upload-pack-result", body: FaultBody(body.into()) }
    }

    /// Replaces the batch API's response.
    pub fn lfs_answer(body: impl Into<Bytes>) -> Self {
        Self::Bytes { content_type: "application/vnd.git-lfs+json", body: FaultBody(body.into()) }
    }

    /// A response of this status with a short text.
    pub fn status(code: u16) -> Self {
        Self::Status { code, headers: Vec::new(), body: format!("the local hub was told to answer {code}\n") }
    }

    /// 429 with the rate limit's headers: nothing left for another `seconds`.
    pub fn rate_limited(seconds: u64) -> Self {
        let headers = [
            ("ratelimit", format!("\"resolvers\";r=0;t={seconds}")),
            ("ratelimit-policy", "\"fixed window\";\"resolvers\";q=3000;w=300".to_owned()),
        ];
        Self::status(429).with_headers(headers)
    }

    /// This status with `Retry-After`, in seconds or as a date.
    pub fn retry_after(code: u16, value: &str) -> Self {
        Self::status(code).with_headers([("retry-after", value.to_owned())])
    }

    /// A redirect to `location`.
    pub fn redirect(code: u16, location: &str) -> Self {
        Self::status(code).with_headers([("location", location.to_owned())])
    }

    fn with_headers<const N: usize>(mut self, more: [(&str, String); N]) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.extend(more.map(|(name, value)| (name.to_owned(), value)));
        }
        self
    }
}

/// How often a fault is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// To the first matching request.
    Once,
    /// To this many matching requests.
    N(usize),
    /// To all matching requests.
    Forever,
}

/// The requests that a fault applies to: those of one kind whose subject ends in this text.
///
/// The subject is the file's path for `/resolve/`, `/api/resolve-cache/` and the data host, `user/repo`
/// for git, the batch API and `/api/models/`, and otherwise the URL's path.
///
/// ```
/// use local_hub::{Fault, FaultTarget, LocalHub, Times};
///
/// let hub = LocalHub::start();
/// // The first data request for the shard is cut, the next one is not.
/// hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Truncate { after: 1000 }, Times::Once);
/// // Only a request that resumes, and only the second of these.
/// hub.fault(FaultTarget::data(".bin").resumed().skip(1), Fault::IgnoreRange, Times::Once);
/// assert_eq!(hub.faults_left(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct FaultTarget {
    route: Option<Route>,
    suffix: String,
    method: Option<String>,
    resumed: bool,
    skip: usize,
}

impl FaultTarget {
    /// Requests of any kind.
    pub fn any(suffix: &str) -> Self {
        Self { route: None, suffix: suffix.to_owned(), method: None, resumed: false, skip: 0 }
    }

    /// Requests of one kind.
    pub fn route(route: Route, suffix: &str) -> Self {
        Self { route: Some(route), ..Self::any(suffix) }
    }

    /// `/resolve/` of a file.
    pub fn resolve(path: &str) -> Self {
        Self::route(Route::Resolve, path)
    }

    /// `/api/resolve-cache/` of a file, which serves small files.
    pub fn resolve_cache(path: &str) -> Self {
        Self::route(Route::ResolveCache, path)
    }

    /// `/api/models/` of a repository.
    pub fn api(repo: &str) -> Self {
        Self::route(Route::Api, repo)
    }

    /// git's first request, for the list of references.
    pub fn info_refs(repo: &str) -> Self {
        Self::route(Route::InfoRefs, repo)
    }

    /// git's request for objects.
    pub fn upload_pack(repo: &str) -> Self {
        Self::route(Route::UploadPack, repo)
    }

    /// git-lfs's request for the locations of many files.
    pub fn lfs_batch(repo: &str) -> Self {
        Self::route(Route::LfsBatch, repo)
    }

    /// The bytes of an LFS file.
    pub fn data(path: &str) -> Self {
        Self::route(Route::Data, path)
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only requests whose `Range` does not start at the first byte.
    #[must_use]
    pub fn resumed(mut self) -> Self {
        self.resumed = true;
        self
    }

    /// Skips the first `requests` matching ones.
    #[must_use]
    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }
}

/// Requests of any kind whose subject ends in this.
impl From<&str> for FaultTarget {
    fn from(suffix: &str) -> Self {
        Self::any(suffix)
    }
}
