//! The scheduler: which files are being fetched, over how many connections, and how the first failure
//! affects the others.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::Meter;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::Instrument as _;

use super::connections::{Need, Permit};
use super::request::{FileRequest, total};
use super::shared::{FileTurn, Shared};
use super::source::Source;
use super::{space, transfer};
use crate::{Error, FetchEvent};

/// How often throughput is measured.
const TICK: Duration = Duration::from_millis(50);

/// How many completely received files may be hashed, synced and moved while others are fetched.
const FINISHING: usize = 8;

/// Fetches all `files`. Dropping the future aborts the tasks.
pub(super) async fn run(shared: Arc<Shared>, files: Vec<FileRequest>) -> Result<(), Error> {
    refuse_shared_files(&files)?;
    shared.observer.on_event(&FetchEvent::Planned { files: files.len(), bytes: total(&files) });
    let files = prepare(&shared, files).await?;
    fetch_all(&shared, files).await
}

async fn fetch_all(shared: &Arc<Shared>, files: Vec<FileRequest>) -> Result<(), Error> {
    let mut waiting: VecDeque<_> = files.into_iter().map(Waiting::new).collect();
    let mut running = JoinSet::new();
    let mut looking_ahead = JoinSet::new();
    let mut too_slow = pin!(watch(shared));
    let mut begin = pin!(begin(shared));
    while !(running.is_empty() && waiting.is_empty()) {
        let has_room = running.len() < shared.limits.files + FINISHING;
        // Otherwise the file can start at once and asks for its location itself.
        if shared.limits.adapts() && shared.connections.in_use() >= shared.connections.target() {
            for file in waiting.iter_mut().take(shared.connections.target()) {
                file.look_ahead(shared, &mut looking_ahead);
            }
        }
        let error = tokio::select! {
            biased;
            Some(joined) = running.join_next() => net::joined(joined).err(),
            (turn, permit) = &mut begin, if has_room && !waiting.is_empty() => {
                begin.set(self::begin(shared));
                if let Some(Waiting { request, source, .. }) = waiting.pop_front() {
                    let (file, bytes) = (&request.path, request.expected.size);
                    let span = tracing::debug_span!("file", %file, bytes);
                    let fetching = transfer::fetch(Arc::clone(shared), request, source, turn, permit);
                    running.spawn(fetching.instrument(span));
                }
                None
            }
            error = &mut too_slow => Some(error),
        };
        if let Some(error) = error {
            running.shutdown().await;
            looking_ahead.shutdown().await;
            return Err(error);
        }
    }
    Ok(())
}

/// Waits until another file may start, which it does with its own connection.
async fn begin(shared: &Shared) -> (FileTurn, Permit) {
    let turn = shared.turn().await;
    (turn, shared.connections.acquire(Need::First).await)
}

/// A file that is not in progress yet.
struct Waiting {
    request: Arc<FileRequest>,
    source: Arc<Source>,
    is_looked_up: bool,
}

impl Waiting {
    fn new(request: FileRequest) -> Self {
        Self { request: Arc::new(request), source: Arc::new(Source::new()), is_looked_up: false }
    }

    /// Starts asking for its location, unless that was done or is not needed.
    fn look_ahead(&mut self, shared: &Arc<Shared>, tasks: &mut JoinSet<()>) {
        if !std::mem::replace(&mut self.is_looked_up, true) && self.request.expected.size > 0 {
            let (shared, request) = (Arc::clone(shared), Arc::clone(&self.request));
            let source = Arc::clone(&self.source);
            let asking = async move { source.look_ahead(&shared, &request.path).await };
            tasks.spawn(asking.in_current_span());
        }
    }
}

/// Measures throughput, adjusts the number of connections, and helps slow ones. Ends if all connections
/// together receive almost nothing.
async fn watch(shared: &Shared) -> Error {
    let settings = shared.client.settings();
    let mut meter = Meter::new(settings.floor, settings.idle_timeout);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let ((bytes, writing), in_use) = (shared.throughput.take(), shared.connections.in_use());
        shared.control(|controller| controller.sample(bytes, now - last, in_use, writing));
        // Time for which the machine slept does not count.
        let period = (now - last).min(10 * TICK);
        shared.connections.look(now, period);
        let waited = if shared.throughput.is_awaited() { period } else { Duration::ZERO };
        if let Some((bytes, waited)) = meter.note(bytes, waited) {
            return Error::AllTooSlow { bytes, waited };
        }
        last = now;
    }
}

async fn prepare(shared: &Arc<Shared>, files: Vec<FileRequest>) -> Result<Vec<FileRequest>, Error> {
    let shared = Arc::clone(shared);
    net::blocking(move || {
        let prepared = space::prepare(&files).map(|()| files);
        drop(shared);
        prepared
    })
    .await
}

fn refuse_shared_files(files: &[FileRequest]) -> Result<(), Error> {
    let mut seen: HashSet<&Path> = HashSet::with_capacity(2 * files.len());
    let paths = files.iter().flat_map(|file| [&file.part, &file.destination]);
    match paths.into_iter().find(|path| !seen.insert(path)) {
        Some(path) => Err(Error::SameLocalFile { path: path.clone() }),
        None => Ok(()),
    }
}
