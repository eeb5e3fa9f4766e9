//! Hubs with other properties.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::{LocalHub, or_panic, run};
use crate::fault::FaultQueue;
use crate::log::Recorder;
use crate::models::Models;
use crate::server::{Limits, OpenConnections, Settings, Shared, Signing, Sockets, Tls};
use crate::trouble::Line;

/// The properties of a [`LocalHub`].
#[derive(Clone, Debug)]
pub struct LocalHubBuilder {
    settings: Settings,
    url_lifetime: Duration,
    quota: Option<(u64, Duration)>,
    parent: Option<PathBuf>,
    tls_names: Option<Vec<String>>,
    address: Ipv4Addr,
}

impl Default for LocalHubBuilder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            url_lifetime: Duration::from_secs(3600),
            quota: None,
            parent: None,
            tls_names: None,
            address: Ipv4Addr::LOCALHOST,
        }
    }
}

impl LocalHubBuilder {
    /// The endpoint has a path, as some mirrors do (`/hf`).
    #[must_use]
    pub fn path_prefix(mut self, prefix: &str) -> Self {
        let path = prefix.trim_matches('/');
        self.settings.prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        self
    }

    /// Every response of hub and data host is delayed by this time.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.settings.latency = latency;
        self
    }

    /// No TCP connection, to hub or data host, carries more than this many bytes of responses per
    /// second. The kernel does the pacing, per connection, regardless of the number of requests. Linux
    /// only: on other systems the hub does not start.
    #[must_use]
    pub fn pace(mut self, bytes_per_second: u64) -> Self {
        self.settings.pace = Some(bytes_per_second);
        self
    }

    /// For benchmarks: the data host is a minimal one that uses as little processor time as possible,
    /// with `sendfile` where available. URLs, responses and log are the same, but it supports no
    /// [`Fault`] (only a [`Trouble`]), and `body_sent` grows in larger steps.
    ///
    /// [`Fault`]: crate::Fault
    /// [`Trouble`]: crate::Trouble
    #[must_use]
    pub fn cheap_data_host(mut self) -> Self {
        self.settings.is_cheap = true;
        self
    }

    /// Adds a valid token. A hub without any (here or from [`Access`](crate::Access)) accepts every
    /// token; otherwise unknown ones are refused.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.settings.tokens.push(token.to_owned());
        self
    }

    /// The lifetime of signed URLs (one hour).
    #[must_use]
    pub fn url_lifetime(mut self, lifetime: Duration) -> Self {
        self.url_lifetime = lifetime;
        self
    }

    /// The page size of the API's listing of files (1000).
    #[must_use]
    pub fn tree_page(mut self, entries: usize) -> Self {
        self.settings.tree_page = Some(entries);
        self
    }

    /// Enforces a rate limit: `quota` requests per window to `/resolve/`, and as many each for git and
    /// the API. Without it the real hub's limits are announced but not enforced.
    #[must_use]
    pub fn rate_limit(mut self, quota: u64, window: Duration) -> Self {
        self.quota = Some((quota, window));
        self
    }

    /// The data host refuses (400) requests without `Range` for files larger than this.
    #[must_use]
    pub fn whole_file_limit(mut self, bytes: u64) -> Self {
        self.settings.whole_file_limit = Some(bytes);
        self
    }

    /// `/resolve/` responds 200 with the bytes of every file instead of redirecting, as simple mirrors
    /// do: there is no data host, the bytes require the token too, and there is no `X-Linked-…`.
    #[must_use]
    pub fn serves_files_itself(mut self) -> Self {
        self.settings.serves_files_itself = true;
        self
    }

    /// A git host that is not a model hub: it serves git, under the names of the repositories' folders
    /// (`repo.git`), and git-lfs's batch API. There is no `/resolve/` and no other API. A token is
    /// accepted as a password only (`Basic`).
    #[must_use]
    pub fn git_host(mut self) -> Self {
        self.settings.is_git_host = true;
        self
    }

    /// Another server handles the batch API: the one at this `http://` origin, with the same paths.
    #[must_use]
    pub fn lfs_server(mut self, origin: &str) -> Self {
        self.settings.lfs_server = Some(origin.to_owned());
        self
    }

    /// The data host requires this `Authorization`, which the batch API's responses contain.
    /// (`/resolve/` cannot.)
    #[must_use]
    pub fn data_login(mut self, authorization: &str) -> Self {
        self.settings.data_login = Some(authorization.to_owned());
        self
    }

    /// Hub and data host use TLS, with certificates of an authority that no system trusts:
    /// [`LocalHub::ca_certificate`].
    #[must_use]
    pub fn tls(self) -> Self {
        self.tls_for(&[])
    }

    /// The same, with certificates that are also valid for these names: for a hub that a [`LocalProxy`]
    /// presents under another name.
    ///
    /// [`LocalProxy`]: crate::LocalProxy
    #[must_use]
    pub fn tls_for(mut self, names: &[&str]) -> Self {
        self.tls_names = Some(names.iter().copied().map(str::to_owned).collect());
        self
    }

    /// Keeps the hub's files in a temporary folder below `parent` instead of the system's.
    #[must_use]
    pub fn files_in(mut self, parent: impl Into<PathBuf>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Hub and data host use this address of the machine instead of loopback.
    #[must_use]
    pub fn address(mut self, address: Ipv4Addr) -> Self {
        self.address = address;
        self
    }

    /// Starts the hub.
    ///
    /// # Panics
    ///
    /// See [`LocalHubBuilder::try_start`].
    pub fn start(self) -> LocalHub {
        or_panic(self.try_start())
    }

    /// Starts the hub.
    ///
    /// # Errors
    ///
    /// If git or `git http-backend` is missing, or if no port, folder or thread is available.
    pub fn try_start(self) -> Result<LocalHub> {
        let folder = self.make_folder().context("make a temporary folder for the local hub")?;
        let tls = self.tls_names.as_deref().map(Tls::new).transpose()?;
        ensure!(tls.is_none() || !self.settings.is_cheap, "the cheap data host knows no TLS");
        let sockets = Sockets::bind(self.address, self.settings.pace)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (hub_origin, data_origin) = sockets.origins(scheme)?;
        let shared = Arc::new(Shared {
            models: Models::new(folder.path().to_owned())?,
            recorder: Arc::new(Recorder::new(self.settings.data_login.clone())),
            settings: self.settings,
            faults: FaultQueue::default(),
            line: Line::default(),
            signing: Signing::new(self.url_lifetime),
            hub_connections: OpenConnections::default(),
            data_connections: OpenConnections::default(),
            limits: match self.quota {
                Some((quota, window)) => Limits::enforced(quota, window),
                None => Limits::announced(),
            },
            hub_origin,
            data_origin,
            tls,
        });
        let running = run(sockets, Arc::clone(&shared))?;
        Ok(LocalHub { shared, running: Some(running), folder })
    }

    fn make_folder(&self) -> std::io::Result<TempDir> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("local-hub-");
        match &self.parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        }
    }
}
