//! Settings of a downloader, given one by one or read from the environment.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cache_layout::{CacheConfig, CacheLayout, CachePolicy, Durability, Locking};
use hf_transport::{HubConfig, MetadataSource, Token};
use net::{Bandwidth, CaCertificates, NetSettings, ProxySettings, RetryPolicy};
use url_parse::Endpoint;

use crate::context::{Certificates, Context, KeptClient, OwnSource};
use crate::env::Settings;
use crate::store::StoreConfig;
use crate::{Downloader, Error};

/// Builds a [`Downloader`]. Reads no environment variables, except in [`DownloaderBuilder::from_env`].
///
/// The order of the calls does not matter. Of two calls of one method the last counts, except for
/// [`application`](Self::application).
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::time::Duration;
///
/// use facade::{Downloader, ProxySettings, RetryPolicy, Token};
///
/// # let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
/// # let (home, shared) = (folder.path(), folder.path().join("shared"));
/// let downloader = Downloader::builder(home)
///     .read_only([shared])
///     .endpoint("https://hub.example/mirror".parse()?)
///     .token(Token::new("hf_0123456789")?)
///     .proxy(ProxySettings::default().https("http://proxy.example:3128".parse()?))
///     .idle_timeout(Duration::from_secs(30))
///     .retry(RetryPolicy::default().attempts(3))
///     .max_connections(NonZeroUsize::MIN)
///     .application("my-app/1.0")
///     .build()?;
/// assert!(downloader.cache().list()?.models.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct DownloaderBuilder {
    home: PathBuf,
    read_only: Vec<PathBuf>,
    durability: Durability,
    locking: Locking,
    policy: CachePolicy,
    temp_dir: Option<PathBuf>,
    hub: HubConfig,
    net: NetSettings,
    certificates: Certificates,
    metadata: Option<OwnSource>,
    retry: RetryPolicy,
    max_connections: Option<NonZeroUsize>,
    require_proof: bool,
    pub(crate) stores: StoreConfig,
}

impl Downloader {
    /// Starts from explicit settings, with the cache's home: models are in `model_weights` below it. It
    /// is created when needed. No environment variable is read.
    pub fn builder(home: impl Into<PathBuf>) -> DownloaderBuilder {
        DownloaderBuilder::new(home.into())
    }

    /// A downloader with the environment's settings, as [`DownloaderBuilder::from_env`] reads them.
    ///
    /// # Errors
    ///
    /// As [`DownloaderBuilder::from_env`] and [`DownloaderBuilder::build`].
    pub fn from_env() -> Result<Self, Error> {
        DownloaderBuilder::from_env()?.build()
    }
}

impl DownloaderBuilder {
    fn new(home: PathBuf) -> Self {
        Self {
            home,
            read_only: Vec::new(),
            durability: Durability::default(),
            locking: Locking::default(),
            policy: CachePolicy::default(),
            temp_dir: None,
            hub: HubConfig::new(Endpoint::default()),
            net: NetSettings::default(),
            certificates: Certificates::default(),
            metadata: None,
            retry: RetryPolicy::default(),
            max_connections: None,
            require_proof: false,
            stores: StoreConfig::default(),
        }
    }

    /// Starts from the environment's settings; later calls on the builder override them.
    ///
    /// # Errors
    ///
    /// As [`Settings::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self::from_settings(Settings::from_env()?))
    }

    /// Starts from settings that were read before.
    pub fn from_settings(settings: Settings) -> Self {
        let mut builder = Self::new(settings.home)
            .read_only(settings.read_only)
            .policy(settings.policy)
            .endpoint(settings.endpoint)
            .token(settings.token)
            .require_proof(settings.require_proof)
            .stores(settings.stores)
            .store_mode(settings.store_mode)
            .store_settings(settings.store_settings)
            .fill_store(settings.store_fill)
            .proxy(settings.proxy);
        builder.certificates = Certificates::InFiles(settings.certificates);
        if let Some(origin) = settings.user_agent_origin {
            builder = builder.application(&format!("origin/{origin}"));
        }
        let builder = match settings.temp_dir {
            Some(folder) => builder.temp_dir(folder),
            None => builder,
        };
        match settings.idle_timeout {
            Some(timeout) => builder.idle_timeout(timeout),
            None => builder,
        }
    }

    /// Replaces the cache's home.
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = home.into();
        self
    }

    /// Folders that are searched before the home, in this order, and never written to.
    pub fn read_only(mut self, tiers: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.read_only = tiers.into_iter().map(Into::into).collect();
        self
    }

    /// Whether published models survive a power failure. Default: they do.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Whether the cache relies on the system's file locks. Default: it does. Without them, several
    /// callers that want the same model at once each download it; the result is whole all the same.
    pub fn locking(mut self, locking: Locking) -> Self {
        self.locking = locking;
        self
    }

    /// The policy of requests without one of their own. Default: [`CachePolicy::On`].
    pub fn policy(mut self, policy: CachePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Where the scratch git repository of a download goes. Default: the cache's private folder; on
    /// Windows, the user's temporary folder.
    pub fn temp_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.temp_dir = Some(folder.into());
        self
    }

    /// The hub's base URL. Default: `https://huggingface.co`.
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.hub.endpoint = endpoint;
        self
    }

    /// The access token, sent to the endpoint's own origin and nowhere else. Default: none.
    ///
    /// A token given here is sent to any endpoint. One that was merely [found](Token::found_by_itself)
    /// is sent to `https://huggingface.co` only, and is dropped with a
    /// [warning](crate::Warning::TokenDropped) if that refuses it. `None` removes a token set by the
    /// environment.
    pub fn token(mut self, token: impl Into<Option<Token>>) -> Self {
        self.hub.token = token.into();
        self
    }

    /// The proxies to use. Default: none.
    pub fn proxy(mut self, proxy: ProxySettings) -> Self {
        self.net.proxy = proxy;
        self
    }

    /// The certificate authorities trusted for https servers. Default: the system's.
    pub fn ca_certificates(mut self, certificates: CaCertificates) -> Self {
        self.certificates = Certificates::Given(certificates);
        self
    }

    /// Another way to learn what a model's repository contains, for a hub without git. Default: over
    /// git.
    pub fn metadata_source(mut self, source: Arc<dyn MetadataSource>) -> Self {
        self.metadata = Some(OwnSource(source));
        self
    }

    /// The time-out for establishing a connection. Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.net.connect_timeout = timeout;
        self
    }

    /// How long a server may stay silent before it is given up. Default: 10 s.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.net.idle_timeout = timeout;
        self
    }

    /// The limit on git metadata in bytes. Default: 1 GiB.
    pub fn max_metadata_bytes(mut self, bytes: u64) -> Self {
        self.hub.max_metadata_bytes = bytes;
        self
    }

    /// How often, and after which pauses, transient failures are retried.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The most connections to the servers that send files. Default: a request's number of files in
    /// flight, or 32 if it has none.
    pub fn max_connections(mut self, connections: NonZeroUsize) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// The limit on the download speed in bytes per second, over all connections and all downloads of
    /// this downloader together. It is an average: data that servers and systems have buffered may
    /// arrive faster at first. A download starts with as many connections as the limit justifies,
    /// unless their number is given. Default: no limit.
    pub fn limit_rate(mut self, bytes_per_second: NonZeroU64) -> Self {
        self.net.bandwidth = Some(Bandwidth::new(bytes_per_second));
        self
    }

    /// Whether a model is returned only if git's object ids prove that its files belong to its commit,
    /// either now or, according to the cache's receipt, when it was downloaded. Otherwise the call
    /// fails with [`Error::Unproven`]. Which commit a branch or a tag stands for is always the hub's
    /// claim. Default: no; a commit that only an endpoint without git vouches for causes a warning
    /// ([`Warning::Unproven`](crate::Warning::Unproven)).
    pub fn require_proof(mut self, is_required: bool) -> Self {
        self.require_proof = is_required;
        self
    }

    /// Adds the application's name to the `User-Agent` header, as `name/version`. May be called
    /// repeatedly.
    pub fn application(mut self, name_and_version: &str) -> Self {
        if !self.net.user_agent.split("; ").any(|known| known == name_and_version) {
            self.net.user_agent.push_str("; ");
            self.net.user_agent.push_str(name_and_version);
        }
        self
    }

    /// Builds the downloader. Accesses neither disk nor network.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] if the home is unusable.
    pub fn build(self) -> Result<Downloader, Error> {
        let mut cache = CacheConfig::new(self.home);
        cache.read_only = self.read_only;
        cache.durability = self.durability;
        cache.locking = self.locking;
        let mut stores = self.stores;
        if let Some(writes_in_place) = stores.writes_in_place {
            stores.settings.writes_in_place = writes_in_place;
        }
        Ok(Downloader::new(Context {
            layout: CacheLayout::new(cache)?,
            policy: self.policy,
            temp_dir: self.temp_dir,
            hub: self.hub,
            net: self.net,
            certificates: self.certificates,
            metadata: self.metadata,
            retry: self.retry,
            max_connections: self.max_connections,
            require_proof: self.require_proof,
            stores,
            fills: Arc::default(),
            client: KeptClient::default(),
        }))
    }
}
