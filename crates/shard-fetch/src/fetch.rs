//! Fetching files: settings, requests, and the call that fetches.

mod answer;
mod attempts;
mod connections;
mod controller;
mod file;
mod folders;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod get;
mod journal;
mod line;
mod pace;
mod part;
mod ranges;
mod reader;
mod request;
mod run;
mod setback;
mod shared;
mod source;
mod space;
mod spans;
mod tracker;
mod transfer;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use net::{Client, Gate, RetryPolicy};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::hash::HashStage;
use crate::{Error, Expected, Locator, Observer};
use connections::Connections;
use controller::Controller;
use ranges::Division;
use shared::{Limits, Outstanding, Shared, Throughput};

pub use request::{FileRequest, KeepAlive};
pub use space::free_bytes;

/// Fetches files over HTTP, several at a time, and verifies each while it is written.
///
/// The fetcher's [`Client`] keeps idle connections for the next fetch; clones share them.
#[derive(Clone, Debug)]
pub struct Fetcher {
    settings: FetcherBuilder,
    client: Client,
}

impl Fetcher {
    /// The default settings: 8 to 32 connections, as many files in progress, the default
    /// [`RetryPolicy`], verified files synced to disk.
    pub fn builder() -> FetcherBuilder {
        FetcherBuilder::default()
    }

    /// Fetches all `files` in their order, at most the configured number at a time. Must be awaited in
    /// a tokio runtime with time and I/O enabled.
    ///
    /// Each file is written to its `part`, large ones by several connections at once. It is hashed
    /// while it is written, compared with the expectation, and renamed to its `destination`. An
    /// interrupted transfer resumes where it stopped, even in a later fetch by another process, if a
    /// digest exists to verify the result. A file with wrong content is fetched once more from the
    /// start. There is no time limit for a whole file, only for silence and for very slow transfer over
    /// all connections together ([`Floor`](net::Floor)).
    ///
    /// # Errors
    ///
    /// The first file that cannot be fetched ends the fetch at once. The others are cancelled; files
    /// that were already verified stay at their destinations. [`Error::NoSpace`] is also returned,
    /// before the first request, if there is not enough space for all files.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the transfers promptly. A blocking write, sync or rename in progress
    /// runs to its end and holds `keep_alive` until then.
    pub async fn fetch(
        &self,
        files: Vec<FileRequest>,
        locator: impl Locator + 'static,
        observer: impl Observer + 'static,
        keep_alive: KeepAlive,
    ) -> Result<(), Error> {
        let shared = self.shared(&files, Arc::new(locator), Arc::new(observer), keep_alive)?;
        let span = tracing::info_span!("fetch", files = files.len(), bytes = shared.total);
        run::run(Arc::new(shared), files).instrument(span).await
    }

    fn shared(
        &self,
        files: &[FileRequest],
        locator: Arc<dyn Locator>,
        observer: Arc<dyn Observer>,
        keep_alive: KeepAlive,
    ) -> Result<Shared, Error> {
        let (limits, total) = (self.settings.limits(), request::total(files));
        Ok(Shared {
            client: self.client.clone(),
            retry: self.settings.retry.clone(),
            durable: self.settings.durable,
            division: Division::above(self.settings.split_above),
            limits,
            locator_gate: Gate::default(),
            locator,
            observer,
            total,
            outstanding: Outstanding::new(total),
            duplicates: AtomicU64::new(0),
            throughput: Throughput::default(),
            turns: Arc::new(Semaphore::new(limits.files)),
            connections: Connections::new(limits.least_connections),
            controller: Mutex::new(Controller::new(limits.least_connections, limits.most_connections)),
            hash: HashStage::start()?,
            folders: folders::Folders::default(),
            keep_alive,
        })
    }
}

/// How many bytes of an unfinished file a later fetch does not need to request again, according to the
/// journal. Blocks briefly.
pub fn resumable_bytes(part: &Path, expected: &Expected) -> u64 {
    let mut spans = journal::read(&journal::path_of(part), &journal::Content::of(expected));
    spans.cut(std::fs::symlink_metadata(part).map_or(0, |found| found.len()));
    spans.bytes()
}

const DEFAULT_CONNECTIONS: usize = 8;
const DEFAULT_MAX_CONNECTIONS: usize = 32;

/// Settings of a [`Fetcher`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct FetcherBuilder {
    files_in_flight: Option<NonZeroUsize>,
    max_connections: Option<NonZeroUsize>,
    split_above: u64,
    retry: RetryPolicy,
    durable: bool,
}

impl Default for FetcherBuilder {
    fn default() -> Self {
        Self {
            files_in_flight: None,
            max_connections: None,
            split_above: 8 << 20,
            retry: RetryPolicy::default(),
            durable: true,
        }
    }
}

impl FetcherBuilder {
    /// How many files are in progress at once. Unless [`max_connections`](Self::max_connections) is
    /// also called, it is also the number of connections, which is lower for a while after a host has
    /// fallen silent. By default the number of connections adapts, and each works on its own file while
    /// there are enough files.
    pub fn files_in_flight(mut self, files: NonZeroUsize) -> Self {
        self.files_in_flight = Some(files);
        self
    }

    /// The most connections at a time; 32 if neither this nor
    /// [`files_in_flight`](Self::files_in_flight) is called. The number starts at that of the files in
    /// progress, or 8; it grows while that increases throughput, and falls when a server shows that it
    /// is too high.
    pub fn max_connections(mut self, connections: NonZeroUsize) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// Files larger than this many bytes are divided among connections; 8 MiB by default. A smaller
    /// file takes one request, unless something goes wrong.
    pub fn split_above(mut self, bytes: u64) -> Self {
        self.split_above = bytes;
        self
    }

    /// How often a failed attempt is repeated, and after which delays. Locating a file and fetching it
    /// share one budget, which received bytes replenish
    /// ([`BYTES_PER_ATTEMPT`](net::RetryBudget::BYTES_PER_ATTEMPT)).
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Whether a file is synced to disk before it is moved to its destination, so that it is whole
    /// there even after a power failure. `false` is faster, for files that can be replaced.
    pub fn synced(mut self, is_synced: bool) -> Self {
        self.durable = is_synced;
        self
    }

    fn limits(&self) -> Limits {
        let most = self.max_connections.or(self.files_in_flight);
        let most_connections = most.map_or(DEFAULT_MAX_CONNECTIONS, NonZeroUsize::get);
        let least_connections = self.files_in_flight.map_or(DEFAULT_CONNECTIONS, NonZeroUsize::get);
        // The largest number that a semaphore supports.
        let files =
            self.files_in_flight.map_or(most_connections, NonZeroUsize::get).min(Semaphore::MAX_PERMITS / 2);
        Limits { files, least_connections: least_connections.min(most_connections), most_connections }
    }

    /// Builds the fetcher, which uses `client`.
    pub fn build(self, client: Client) -> Fetcher {
        Fetcher { settings: self, client }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: Option<usize>, connections: Option<usize>, expected: (usize, usize, usize)) {
        let mut builder = Fetcher::builder();
        builder.files_in_flight = files.and_then(NonZeroUsize::new);
        builder.max_connections = connections.and_then(NonZeroUsize::new);
        let limits = builder.limits();
        assert_eq!((limits.files, limits.least_connections, limits.most_connections), expected);
    }

    #[test]
    fn a_number_of_files_is_also_one_of_connections() {
        check(None, None, (32, 8, 32));
        check(Some(1), None, (1, 1, 1));
        check(Some(40), None, (40, 40, 40));
        check(None, Some(64), (64, 8, 64));
        check(None, Some(2), (2, 2, 2));
        check(Some(8), Some(2), (8, 2, 2));
        check(Some(2), Some(8), (2, 2, 8));
        check(Some(usize::MAX), None, (Semaphore::MAX_PERMITS / 2, usize::MAX, usize::MAX));
    }
}
