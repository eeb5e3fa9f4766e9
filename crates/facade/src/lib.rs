//! Gets MLC model weights from a hub into the cache that MLC-LLM reads, with one function.
//!
//! ```
//! use facade::{Downloader, Endpoint, Outcome, Request};
//!
//! # let hub = local_hub::LocalHub::start();
//! # hub.publish(&local_hub::ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
//! # let folder = tempfile::tempdir()?;
//! # let (home, endpoint) = (folder.path(), hub.endpoint());
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let endpoint: Endpoint = endpoint.parse()?;
//! let downloader = Downloader::builder(home).endpoint(endpoint).build()?;
//! let request: Request = "HF://mlc-ai/tiny-q4f16_1-MLC".parse()?;
//!
//! let observed = request.clone().on_event(|event| eprintln!("{event:?}"));
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
//! # Where to go
//!
//! | to | look at |
//! |---|---|
//! | replace MLC-LLM's Python function: same arguments, environment variables and directory | [`download_and_cache_mlc_weights`], [`get_or_download_model`] |
//! | do the same without a runtime | [`blocking`] |
//! | embed it with explicit settings: folders, hub, token, proxy, certificates | [`Downloader::builder`] |
//! | use the environment's settings and change some | [`DownloaderBuilder::from_env`], [`mod@env`] |
//! | request a revision, a policy, a repair, or a new download | [`Request`] |
//! | use only the cache, never the network | [`Downloader::cached`] |
//! | find out in advance what would be fetched | [`Downloader::plan`] |
//! | show progress | [`Progress`], which sums up events; [`Request::on_event`], [`Observer`], [`Event`] |
//! | send events to another thread or program | [`EventRecord`] |
//! | stop | drop the future; see [`Downloader::download`] |
//! | describe events and errors as text | [`words`] |
//! | distinguish failures | [`Error::kind`], [`Error::is_transient`] |
//! | list, verify, remove and tidy up cached models | [`Cache`] |
//! | download once for many machines: ask a bucket, a web server or a folder before the hub | [`DownloaderBuilder::stores`] |
//! | fill such a store, list it, verify and repair it, copy it | [`Downloader::push`], [`Downloader::list_store`], [`Downloader::verify_store`], [`Downloader::copy_store`] |
//! | learn what a repository contains in another way than over git | [`metadata::MetadataSource`] |
//!
//! The drop-in replacement is one call:
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
//! Complete programs are in the crate's `examples` folder: the three usages of the original, a progress
//! bar, a private hub, and a service that downloads several models at start-up and can be stopped.
//!
//! The root has what an application needs. Everything else is in a module for its subject: [`cache`],
//! [`stores`], [`network`], [`metadata`], [`errors`], [`mod@env`], [`words`], [`blocking`].
//!
//! # Guarantees
//!
//! A directory is returned only if it is whole: the configuration, the manifest, and every shard with
//! its size. Files that this crate downloads are verified by MD5 and SHA-256, as far as the model
//! provides them. If a download is interrupted, the cache's models are unchanged, and the next call
//! resumes it.
//!
//! The crate combines the others and implements no protocol or file format itself. Progress goes to the
//! observer, diagnostics go to `tracing`, nothing is printed, and only [`mod@env`] reads the
//! environment.

pub mod blocking;
#[cfg(test)]
mod bounds;
mod builder;
pub mod cache;
mod context;
mod decision;
mod download;
mod download_plan;
mod downloader;
mod drop_in;
mod edits;
pub mod env;
mod error;
mod event_record;
mod fill;
mod lease;
mod locator;
mod lock_wait;
mod look;
mod model;
mod observer;
mod plan;
mod progress;
mod proof;
mod proof_problem;
mod push;
mod pushed;
mod rate;
mod receipts;
mod request;
mod serialized;
mod store;
mod store_builder;
mod store_clock;
mod store_keeping;
mod store_locator;
mod store_mode;
mod store_set;
mod stored;
mod threads;
pub mod words;

pub use builder::DownloaderBuilder;
pub use cache::Cache;
pub use cache_layout::{CachePolicy, Durability, Locking, Tier};
pub use download_plan::{DownloadPlan, FileOrigin, PlannedDownload, PlannedFile};
pub use downloader::Downloader;
pub use drop_in::{download_and_cache_mlc_weights, get_or_download_model};
pub use error::Error;
pub use event_record::EventRecord;
pub use hf_transport::Token;
pub use model::{MetadataOrigin, Model, Outcome};
pub use net::{CaCertificates, ProxySettings, RetryPolicy};
pub use observer::{Event, Observer, Warning};
pub use progress::{FilePause, FileProgress, Progress, ProgressSnapshot};
pub use request::{Repair, Request};
pub use shard_fetch::FetchEvent;
pub use url_parse::{
    CommitId, Endpoint, ErrorKind, ModelId, ModelRef, ModelUrl, Proof, RepoPath, Revision, causes,
};

/// The errors inside an [`Error`], one per crate, and a server's explanation.
pub mod errors {
    pub use cache_layout::Error as CacheError;
    pub use hf_transport::{Door, Error as HubError};
    pub use net::{Error as NetError, Obstacle};
    pub use shard_fetch::Error as FetchError;
    pub use url_parse::{DiskError, Error as NameError};
    pub use weight_store::Error as StoreError;

    pub use crate::proof_problem::ProofProblem;
}

/// The types for an application's own [`MetadataSource`](metadata::MetadataSource).
pub mod metadata {
    pub use hf_transport::{
        FileKind, KeepAlive, LfsPointer, MetadataRequest, MetadataSource, RepoFile, RepoSnapshot,
    };
    pub use shard_fetch::async_trait;
}

/// How servers are reached, and their rate limits.
pub mod network {
    pub use net::{NoProxy, ProxyUrl, Throttled};
    pub use url_parse::Origin;
}

/// Stores: their settings, filling and maintenance.
pub mod stores {
    pub use weight_store::{StoreInfo, StoreSettings, StoreUrl};

    pub use crate::fill::Filled;
    pub use crate::observer::StoreAnswer;
    pub use crate::pushed::{PushOptions, Pushed, PushedName};
    pub use crate::store_mode::{ParseStoreModeError, StoreMode};
    pub use crate::stored::{
        CopiedCommit, CopiedStore, FileCount, RepairOutcome, StoreCheck, StoreFinding, StoreListing,
        StorePart, StoreVerifyOptions, StoredModel, UnnamedCommit,
    };
}
