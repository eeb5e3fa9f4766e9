//! State shared by all files of one fetch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use net::{Client, Gate, RetryPolicy};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connections::Connections;
use super::controller::Controller;
use super::folders::Folders;
use super::ranges::Division;
use super::request::KeepAlive;
use crate::hash::HashStage;
use crate::{Locator, Observer};

/// How many of `total` bytes may be fetched twice: 2 %, or 8 MiB if that is more, but never more than a
/// quarter.
fn bearable_duplicates(total: u64) -> u64 {
    (total / 50).max(8 << 20).min(total / 4)
}

/// State shared by all files of one fetch.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) retry: RetryPolicy,
    pub(super) durable: bool,
    pub(super) division: Division,
    pub(super) limits: Limits,
    pub(super) locator: Arc<dyn Locator>,
    /// Held when the locator's server asks for it.
    pub(super) locator_gate: Gate,
    pub(super) observer: Arc<dyn Observer>,
    /// The total size of all files.
    pub(super) total: u64,
    pub(super) outstanding: Outstanding,
    /// Bytes that were received but not used, because another connection was faster.
    pub(super) duplicates: AtomicU64,
    pub(super) throughput: Throughput,
    pub(super) turns: Arc<Semaphore>,
    pub(super) connections: Connections,
    pub(super) controller: Mutex<Controller>,
    pub(super) hash: HashStage,
    pub(super) folders: Folders,
    /// Dropped last.
    pub(super) keep_alive: KeepAlive,
}

/// Limits on concurrent work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) files: usize,
    pub(super) least_connections: usize,
    pub(super) most_connections: usize,
}

impl Limits {
    /// Whether the number of connections adapts to throughput.
    pub(super) fn adapts(self) -> bool {
        self.least_connections < self.most_connections
    }
}

/// Permission for a file to be in progress.
pub(super) type FileTurn = Option<OwnedSemaphorePermit>;

impl Shared {
    /// Waits for permission to work on one more file.
    pub(super) async fn turn(&self) -> FileTurn {
        // The semaphore is never closed.
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    /// Whether some more bytes may be fetched twice.
    pub(super) fn duplicates_are_bearable(&self) -> bool {
        self.duplicates.load(Ordering::Relaxed) < bearable_duplicates(self.total)
    }

    pub(super) fn control(&self, change: impl FnOnce(&mut Controller)) {
        let mut controller = self.controller.lock();
        let before = controller.target();
        change(&mut controller);
        if controller.target() != before {
            tracing::debug!(connections = controller.target(), "changing the number of connections");
            self.connections.set_target(controller.target());
        }
    }
}

/// How many bytes of all files are still missing.
pub(super) struct Outstanding(AtomicU64);

impl Outstanding {
    pub(super) fn new(total: u64) -> Self {
        Self(AtomicU64::new(total))
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

/// Counts the bytes received since the last reading, the time that connections spent on writing them,
/// and the connections that are waiting for bytes.
#[derive(Default)]
pub(super) struct Throughput {
    came: AtomicU64,
    /// In microseconds, for all connections together.
    writing: AtomicU64,
    listening: AtomicUsize,
}

impl Throughput {
    pub(super) fn add(&self, bytes: u64) {
        self.came.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.writing.fetch_add(micros, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> (u64, Duration) {
        let writing = Duration::from_micros(self.writing.swap(0, Ordering::Relaxed));
        (self.came.swap(0, Ordering::Relaxed), writing)
    }

    /// Marks a connection as waiting for bytes while this is held.
    pub(super) fn listen(&self) -> Listening<'_> {
        self.listening.fetch_add(1, Ordering::Relaxed);
        Listening(self)
    }

    /// Whether any connection waits for bytes, rather than for a server's limit, a retry or the disk.
    pub(super) fn is_awaited(&self) -> bool {
        self.listening.load(Ordering::Relaxed) > 0
    }
}

pub(super) struct Listening<'a>(&'a Throughput);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_fetched_twice_remain_a_small_part() {
        const MIB: u64 = 1 << 20;
        let cases = [(2, 1), (16, 4), (100, 8), (400, 8), (1000, 20)];
        for (total, bearable) in cases.map(|(total, bearable)| (total * MIB, bearable * MIB)) {
            assert_eq!(bearable_duplicates(total), bearable.min(total / 4), "{total}");
        }
    }
}
