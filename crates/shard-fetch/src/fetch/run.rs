//! The scheduler: which files are being fetched, over how many connections, and what the first failure does
//! to the others.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use net_policy::{Gate, RetryPolicy};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};
use tracing::Instrument as _;

use super::connections::Connections;
use super::controller::Controller;
use super::folders::Folders;
use super::get::Network;
use super::part::ended;
use super::ranges::Division;
use super::source::Source;
use super::{FileRequest, KeepAlive, space, transfer};
use crate::hash::HashStage;
use crate::{Error, FetchEvent, Locator, Observer};

/// How often throughput is measured.
const TICK: Duration = Duration::from_millis(75);

/// Of how many of the next files the location is asked for ahead of time, where connections adapt.
const LOOK_AHEAD: usize = 3;

/// How many files whose bytes have come may be hashed, synced and moved while others are being fetched.
const FINISHING: usize = 8;

/// What all files of one fetch share.
pub(super) struct Shared {
    pub(super) network: Network,
    pub(super) retry: RetryPolicy,
    pub(super) durable: bool,
    pub(super) division: Division,
    pub(super) limits: Limits,
    pub(super) locator: Arc<dyn Locator>,
    /// Held when the locator's server asks for it.
    pub(super) locator_gate: Gate,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) outstanding: Outstanding,
    pub(super) throughput: Throughput,
    pub(super) slots: Arc<Semaphore>,
    pub(super) connections: Connections,
    pub(super) controller: Mutex<Controller>,
    pub(super) hash: HashStage,
    pub(super) folders: Folders,
    /// The last to be dropped.
    pub(super) keep_alive: KeepAlive,
}

/// How much may be done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) files: usize,
    /// Whether the caller gave their number.
    pub(super) files_are_given: bool,
    pub(super) least_connections: usize,
    pub(super) most_connections: usize,
}

impl Limits {
    /// Whether the number of connections follows the throughput.
    pub(super) fn adapts(self) -> bool {
        self.least_connections < self.most_connections
    }

    /// Whether the next file may begin when each range of a large one has a connection, and not only when it
    /// has come: otherwise those connections that are done with it would wait for those that are not. A number
    /// that the caller gave is never exceeded.
    pub(super) fn lets_files_overlap(self) -> bool {
        self.adapts() && !self.files_are_given
    }
}

/// The right of a file to be in progress.
pub(super) type Slot = Option<OwnedSemaphorePermit>;

impl Shared {
    /// Waits for the right to work on one more file.
    pub(super) async fn slot(&self) -> Slot {
        // The semaphore is never closed.
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// How many connections each file in progress would have if all had the same.
    pub(super) fn connections_for_each_file(&self) -> u64 {
        let files = self.limits.files - self.slots.available_permits().min(self.limits.files);
        self.connections.target().div_ceil(files.max(1)) as u64
    }

    /// A server showed that it has too much to do.
    pub(super) fn trouble(&self) {
        self.control(Controller::trouble);
    }

    fn control(&self, change: impl FnOnce(&mut Controller)) {
        let mut controller = self.controller.lock().unwrap_or_else(PoisonError::into_inner);
        let before = controller.target();
        change(&mut controller);
        if controller.target() != before {
            tracing::debug!(connections = controller.target(), "another number of connections");
            self.connections.set_target(controller.target());
        }
    }
}

/// How many bytes of all files are still to come.
pub(super) struct Outstanding(AtomicU64);

impl Outstanding {
    pub(super) fn new(files: &[FileRequest]) -> Self {
        Self(AtomicU64::new(total(files)))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn subtract(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Counts the bytes that came since it was last asked.
#[derive(Default)]
pub(super) struct Throughput(AtomicU64);

impl Throughput {
    pub(super) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Fetches all `files`. Dropping the future drops the tasks.
pub(super) async fn run(shared: Arc<Shared>, files: Vec<FileRequest>) -> Result<(), Error> {
    refuse_shared_files(&files)?;
    shared.observer.on_event(FetchEvent::Planned { files: files.len(), bytes: total(&files) });
    let files = prepare(&shared, files).await?;
    tokio::select! {
        outcome = fetch_all(&shared, files) => outcome,
        never = adapt(&shared) => match never {},
    }
}

async fn fetch_all(shared: &Arc<Shared>, files: Vec<FileRequest>) -> Result<(), Error> {
    let mut waiting: VecDeque<_> = files.into_iter().map(Waiting::new).collect();
    let mut running = JoinSet::new();
    let mut looking_ahead = JoinSet::new();
    loop {
        let has_room = running.len() < shared.limits.files + FINISHING;
        // A file that can begin at once asks by itself.
        if shared.limits.adapts() && shared.slots.available_permits() == 0 {
            for file in waiting.iter_mut().take(LOOK_AHEAD) {
                file.look_ahead(shared, &mut looking_ahead);
            }
        }
        tokio::select! {
            biased;
            Some(joined) = running.join_next() => {
                if let Err(error) = ended(joined) {
                    running.shutdown().await;
                    looking_ahead.shutdown().await;
                    return Err(error);
                }
            }
            slot = shared.slot(), if has_room && !waiting.is_empty() => {
                if let Some(Waiting { request, source, .. }) = waiting.pop_front() {
                    let (file, bytes) = (&request.path, request.expected.size);
                    let span = tracing::debug_span!("file", %file, bytes);
                    running.spawn(transfer::fetch(Arc::clone(shared), request, source, slot).instrument(span));
                }
            }
            else => return Ok(()),
        }
    }
}

/// A file that is not yet in progress.
struct Waiting {
    request: Arc<FileRequest>,
    source: Arc<Source>,
    is_looked_up: bool,
}

impl Waiting {
    fn new(request: FileRequest) -> Self {
        Self { request: Arc::new(request), source: Arc::new(Source::new()), is_looked_up: false }
    }

    /// Has its location asked for, unless that was done or there is nothing to ask.
    fn look_ahead(&mut self, shared: &Arc<Shared>, tasks: &mut JoinSet<()>) {
        if !std::mem::replace(&mut self.is_looked_up, true) && self.request.expected.size > 0 {
            let (shared, request) = (Arc::clone(shared), Arc::clone(&self.request));
            let source = Arc::clone(&self.source);
            let asking = async move { source.look_ahead(&shared, &request.path).await };
            tasks.spawn(asking.in_current_span());
        }
    }
}

/// Measures the throughput and sets the number of connections by it; never ends.
async fn adapt(shared: &Shared) -> std::convert::Infallible {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let (bytes, in_use) = (shared.throughput.take(), shared.connections.in_use());
        shared.control(|controller| controller.sample(bytes, now - last, in_use));
        last = now;
    }
}

async fn prepare(shared: &Arc<Shared>, files: Vec<FileRequest>) -> Result<Vec<FileRequest>, Error> {
    let shared = Arc::clone(shared);
    let job = spawn_blocking(move || {
        let prepared = space::prepare(&files).map(|()| files);
        drop(shared);
        prepared
    });
    ended(job.await)
}

fn refuse_shared_files(files: &[FileRequest]) -> Result<(), Error> {
    let mut seen: HashSet<&Path> = HashSet::with_capacity(2 * files.len());
    let paths = files.iter().flat_map(|file| [&file.part, &file.destination]);
    match paths.into_iter().find(|path| !seen.insert(path)) {
        Some(path) => Err(Error::SameLocalFile { path: path.clone() }),
        None => Ok(()),
    }
}

fn total(files: &[FileRequest]) -> u64 {
    files.iter().fold(0, |sum, file| sum.saturating_add(file.expected.size))
}
