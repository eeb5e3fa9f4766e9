//! MLC model weights, from a hub into the cache that MLC-LLM reads, behind one function.
//!
//! ```
//! use facade::{Downloader, Endpoint, Event, Outcome, Request};
//!
//! # let hub = local_hub::LocalHub::start();
//! # hub.publish(&local_hub::ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
//! # let folder = tempfile::tempdir()?;
//! # let (home, endpoint) = (folder.path(), hub.endpoint());
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let endpoint: Endpoint = endpoint.parse()?;
//! let downloader = Downloader::builder().home(home).endpoint(endpoint).build()?;
//! let request: Request = "HF://mlc-ai/tiny-q4f16_1-MLC".parse()?;
//!
//! let observed = request.clone().observer(|event: &Event<'_>| eprintln!("{event:?}"));
//! let model = downloader.download(observed).await?;
//! assert!(model.path.join("mlc-chat-config.json").is_file());
//!
//! // The second time it comes from the cache, without a request to the hub.
//! assert_eq!(downloader.download(request).await?.outcome, Outcome::Cached);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Downloader`] has every setting explicit, for applications that embed it.
//! [`download_and_cache_mlc_weights`] is the drop-in for MLC-LLM's Python function of the same name, with the
//! same arguments, environment variables and directory:
//!
//! ```no_run
//! # async fn example() -> Result<(), facade::Error> {
//! let directory =
//!     facade::download_and_cache_mlc_weights("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC", None, None)
//!         .await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`get_or_download_model`] also takes a local directory, and [`blocking`] has both for callers without a
//! runtime.
//!
//! A directory is returned only when it is whole: the configuration, the manifest, every shard with its
//! size; what this crate downloads was verified by MD5 and SHA-256, as far as the model gives them.
//!
//! The crate wires the others together and holds no protocol and no file format. Errors sort themselves by
//! [`Error::kind`]; progress goes to an [`Observer`]; diagnostics go to `tracing`; nothing is printed.

pub mod blocking;
mod builder;
mod cache;
mod certificates;
mod decision;
mod download;
mod download_plan;
mod downloader;
mod drop_in;
pub mod env;
mod error;
mod lease;
mod locator;
mod lock_wait;
mod look;
mod model;
mod observer;
mod parallel;
mod plan;
mod request;

pub use builder::Builder;
pub use cache::{
    Basis, Cache, FileReport, FileState, Listing, ModelEntry, Origin, PrunedModel, Pruning, Removal,
    VerifyEvent, VerifyReport,
};
pub use cache_layout::{
    CachePolicy, Durability, Holder, Locking, PassedOver, PruneMode, RemovedEntry, SkipReason, Skipped, Tier,
};
pub use download_plan::{DownloadPlan, FileOrigin, PlannedDownload, PlannedFile};
pub use downloader::Downloader;
pub use drop_in::{download_and_cache_mlc_weights, get_or_download_model};
pub use error::{Error, ErrorKind};
pub use hf_transport::Error as HubError;
pub use hf_transport::{
    FileKind, LfsPointer, MetadataRequest, MetadataSource, ProxySettings, RepoFile, RepoSnapshot, Throttled,
    Token,
};
pub use model::{Model, Outcome};
pub use net_policy::{CaCertificates, RetryPolicy};
pub use observer::{Event, Observer, Warning};
pub use request::{Repair, Request};
pub use shard_fetch::FetchEvent;
pub use url_parse::{CommitId, Endpoint, ModelId, ModelRef, ModelUrl, RepoPath, Revision};
