//! Fetching files: what to fetch, with which settings, and the one call that does it.

mod answer;
mod attempts;
mod client;
mod get;
mod part;
mod redirect;
mod run;
mod setback;
mod space;
mod tracker;
mod transfer;
mod words;

use std::any::Any;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use net_policy::{Gate, Gates, RetryPolicy};
use url_parse::RepoPath;

use crate::{Error, Expected, Locator, Observer};
use get::Network;
use run::Shared;

pub use client::ProxySettings;

/// Something that must live as long as work is going on, such as a lock. Each blocking job of a fetch holds
/// it until it ends, also when the fetch itself was dropped before.
pub type KeepAlive = Arc<dyn Any + Send + Sync>;

/// A file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// What the locator and messages call it.
    pub path: RepoPath,
    /// What it must be.
    pub expected: Expected,
    /// Where its bytes are written until they are verified. Whatever is there is removed. The file belongs
    /// to this fetch alone until the fetch's [`KeepAlive`] is released; when fetching fails, it may stay
    /// behind.
    pub part: PathBuf,
    /// Where it is moved then, by a rename; on the same file system as `part`. A file that is there is
    /// replaced.
    pub destination: PathBuf,
}

/// Fetches files over HTTP, several at once, each verified while it is written.
///
/// A fetcher keeps idle connections for the next fetch; a clone shares them.
#[derive(Clone, Debug)]
pub struct Fetcher {
    settings: FetcherBuilder,
    network: Network,
}

impl Fetcher {
    /// The default settings: 4 files in flight, 10 s for each time-out, the default [`RetryPolicy`], no
    /// proxy, verified data synced to disk.
    pub fn builder() -> FetcherBuilder {
        FetcherBuilder::default()
    }

    /// Fetches all `files`, at most the configured number at a time, in their order. To be awaited inside a
    /// tokio runtime with its time and I/O drivers on.
    ///
    /// Each file is written to its `part`, hashed while it is written, compared with what was expected, and
    /// renamed to its `destination`. A broken transfer is gone on with from where it broke off; a file that
    /// is not what was expected is fetched once more from its start. There is no time limit for a whole
    /// file, only for silence.
    ///
    /// # Errors
    /// The first file that cannot be had ends the fetch at once; the others are cancelled, and what had been
    /// verified stays at its destination. [`Error::NoSpace`] is also returned when the disk has not room for
    /// all, before the first request.
    ///
    /// # Cancellation
    /// Dropping the future stops the transfers promptly. A blocking job that is writing, syncing or renaming
    /// at that moment ends by itself and holds `keep_alive` until then.
    pub async fn fetch(
        &self,
        files: Vec<FileRequest>,
        locator: Arc<dyn Locator>,
        observer: Arc<dyn Observer>,
        keep_alive: KeepAlive,
    ) -> Result<(), Error> {
        let shared = Shared {
            network: self.network.clone(),
            retry: self.settings.retry.clone(),
            durable: self.settings.durable,
            locator_gate: Gate::default(),
            locator,
            observer,
            outstanding: run::Outstanding::new(&files),
            keep_alive,
        };
        run::run(Arc::new(shared), files, self.settings.files_in_flight).await
    }
}

/// Settings of a [`Fetcher`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct FetcherBuilder {
    files_in_flight: NonZeroUsize,
    connect_timeout: Duration,
    idle_timeout: Duration,
    retry: RetryPolicy,
    gates: Gates,
    proxy: ProxySettings,
    user_agent: String,
    durable: bool,
}

impl Default for FetcherBuilder {
    fn default() -> Self {
        Self {
            files_in_flight: const { NonZeroUsize::new(4).unwrap() },
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            gates: Gates::default(),
            proxy: ProxySettings::default(),
            user_agent: concat!("shard-fetch/", env!("CARGO_PKG_VERSION")).to_owned(),
            durable: true,
        }
    }
}

impl FetcherBuilder {
    /// How many files are fetched at once.
    pub fn files_in_flight(mut self, files: NonZeroUsize) -> Self {
        self.files_in_flight = files;
        self
    }

    /// How long a connection may take to be established.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a host may send nothing, before its answer or in the middle of it.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How often, and after which delays, a failed attempt is repeated. Locating a file and fetching it
    /// share one budget, which is full again when bytes have come.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The gates at which requests wait when a server has asked for it; give the same ones to everything
    /// that talks to the same servers.
    pub fn gates(mut self, gates: Gates) -> Self {
        self.gates = gates;
        self
    }

    /// The proxies to use. None are read from the environment.
    pub fn proxy(mut self, proxy: ProxySettings) -> Self {
        self.proxy = proxy;
        self
    }

    /// The `User-Agent` header of every request.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Whether a file's data is synced to disk before it is moved to its destination, so that what is there
    /// after a power failure is whole. `false` is faster, for files that may be lost.
    pub fn durability(mut self, synced: bool) -> Self {
        self.durable = synced;
        self
    }

    /// The fetcher.
    ///
    /// # Errors
    /// A proxy's URL or the user agent cannot be used, or the system's certificates cannot be loaded.
    pub fn build(self) -> Result<Fetcher, Error> {
        let network = Network {
            client: client::build(&self)?,
            answer_timeout: self.connect_timeout.saturating_add(self.idle_timeout),
            idle_timeout: self.idle_timeout,
            gates: self.gates.clone(),
        };
        Ok(Fetcher { settings: self, network })
    }
}
