//! The hub's log of requests, for assertions.

mod audit;
mod recorder;
mod request;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use recorder::{Exchange, LogLine, Recorder};
pub use request::{LoggedRequest, Outcome, Route, Server};

/// A live view of the requests to hub and data host, narrowed by its methods: each view includes
/// requests that arrive later. Cheap to clone.
///
/// ```
/// # let hub = local_hub::LocalHub::start();
/// let log = hub.log();
/// assert_eq!(log.data().count(), 0);
/// assert!(log.data().with_header("authorization").is_empty());
/// assert!(log.resolve().file("params_shard_0.bin").max_concurrent() <= 1);
/// ```
#[derive(Clone)]
pub struct RequestLog {
    recorder: Arc<Recorder>,
    filters: Vec<Filter>,
}

type Filter = Arc<dyn Fn(&LoggedRequest) -> bool + Send + Sync>;

impl RequestLog {
    pub(crate) fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder, filters: Vec::new() }
    }

    // Narrowing.

    /// Only requests for which `keep` returns true.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&LoggedRequest) -> bool + Send + Sync + 'static) -> Self {
        let mut narrowed = self.clone();
        narrowed.filters.push(Arc::new(keep));
        narrowed
    }

    /// Only requests to the hub itself.
    #[must_use]
    pub fn hub(&self) -> Self {
        self.filter(|request| request.server == Server::Hub)
    }

    /// Only requests to the data host.
    #[must_use]
    pub fn data(&self) -> Self {
        self.filter(|request| request.server == Server::Data)
    }

    /// Only git's requests.
    #[must_use]
    pub fn git(&self) -> Self {
        self.filter(|request| matches!(request.route, Route::InfoRefs | Route::UploadPack))
    }

    /// Only requests to git-lfs's batch API.
    #[must_use]
    pub fn lfs_batch(&self) -> Self {
        self.route(Route::LfsBatch)
    }

    /// Only `/resolve/` requests (not `/api/resolve-cache/`).
    #[must_use]
    pub fn resolve(&self) -> Self {
        self.route(Route::Resolve)
    }

    /// Only requests of this kind.
    #[must_use]
    pub fn route(&self, route: Route) -> Self {
        self.filter(move |request| request.route == route)
    }

    /// Only requests about this model, `user/repo`.
    #[must_use]
    pub fn model(&self, id: &str) -> Self {
        let id = id.to_owned();
        self.filter(move |request| request.model.as_deref() == Some(&id))
    }

    /// Only requests for this file of a model: `/resolve/`, `/api/resolve-cache/` or the data host.
    #[must_use]
    pub fn file(&self, path: &str) -> Self {
        let path = path.to_owned();
        self.filter(move |request| request.file.as_deref() == Some(&path))
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(&self, method: &str) -> Self {
        let method = method.to_owned();
        self.filter(move |request| request.method == method)
    }

    /// Only requests with this header.
    #[must_use]
    pub fn with_header(&self, name: &str) -> Self {
        let name = name.to_owned();
        self.filter(move |request| request.header(&name).is_some())
    }

    /// Only requests answered with this status.
    #[must_use]
    pub fn status(&self, status: u16) -> Self {
        self.filter(move |request| request.status == Some(status))
    }

    /// Only requests that begin after this call.
    #[must_use]
    pub fn from_now(&self) -> Self {
        let now = self.recorder.now();
        self.filter(move |request| request.began >= now)
    }

    // Reading.

    /// The requests, in the order in which they began.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.recorder.read(|all| self.select(all).cloned().collect())
    }

    /// The number of requests.
    pub fn count(&self) -> usize {
        self.recorder.read(|all| self.select(all).count())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The bytes of response bodies handed to the connections. A client that disconnects may have
    /// received less, because of socket buffers.
    pub fn bytes_sent(&self) -> u64 {
        self.recorder.read(|all| self.select(all).map(|request| request.body_sent).sum())
    }

    /// The number of requests being answered at the moment.
    pub fn in_flight(&self) -> usize {
        self.recorder.read(|all| self.select(all).filter(|request| request.ended.is_none()).count())
    }

    /// The largest number of requests that were in progress at once. A request lasts from its head to
    /// the last byte of its response, so the number is exact without waiting.
    pub fn max_concurrent(&self) -> usize {
        self.recorder
            .read(|all| {
                let mut steps: Vec<(u64, isize)> = Vec::new();
                for request in self.select(all) {
                    steps.push((request.began, 1));
                    steps.extend(request.ended.map(|ended| (ended, -1)));
                }
                steps.sort_unstable();
                let mut now = 0_isize;
                steps.iter().fold(0_isize, |most, (_, step)| {
                    now += step;
                    most.max(now)
                })
            })
            .unsigned_abs()
    }

    /// The number of TCP connections used.
    pub fn connections(&self) -> usize {
        self.recorder.read(|all| {
            let mut numbers: Vec<u64> = self.select(all).map(|request| request.connection).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers.len()
        })
    }

    fn select<'a>(&'a self, all: &'a [LoggedRequest]) -> impl Iterator<Item = &'a LoggedRequest> {
        all.iter().filter(|request| self.filters.iter().all(|keep| keep(request)))
    }

    // Waiting.

    /// Waits until `condition` holds; returns `false` if it does not within `patience`. Blocks the
    /// thread: in async code use [`RequestLog::until`].
    pub fn wait_until(&self, patience: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let seen = self.recorder.changes();
            if condition(self) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.recorder.wait_for_change(seen, left);
        }
    }

    /// Waits in async code until `condition` holds; returns `false` if it does not within `patience`.
    pub async fn until(&self, patience: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let mut watch = self.recorder.subscribe();
        let held = async {
            while !condition(self) {
                if watch.changed().await.is_err() {
                    return condition(self);
                }
            }
            true
        };
        tokio::time::timeout(patience, held).await.unwrap_or(false)
    }
}

impl std::fmt::Debug for RequestLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.requests()).finish()
    }
}

/// One line per request, for messages of failed assertions.
impl std::fmt::Display for RequestLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.requests().iter().try_for_each(|request| writeln!(formatter, "{request}"))
    }
}
